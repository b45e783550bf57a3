"""What the core says stands in the way of parts, in the languages of the page."""

import re
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.database import FILE_NAME
from edge.readiness import UNCOUNTED, Readiness
from edge.recorder import Recorder
from edge.verdict import Outcome, Reason, fault, outcome_of
from edge.watchers import LOW_VOLTAGE, Disk, Heat, Watchers
from edge.web.language import LANGUAGES, words
from edge.web.troubles import FORMS, HOLE, in_every_language, in_language
from tests.stations import CLOCK, until
from tests.test_recorder import part

JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
FORMED = {key: form for key, form in words("en").items() if key.startswith(FORMS)}


@pytest.mark.parametrize("key", FORMED)
def test_every_form_is_found_again_with_what_was_in_it(key: str) -> None:
    sentence = HOLE.sub(lambda hole: "noisy" if hole[1] == "reason" else f"<{hole[1]}>", FORMED[key])
    japanese = in_language(sentence, "ja")
    assert JAPANESE.search(japanese)
    for hole in set(HOLE.findall(FORMED[key])) - {"reason"}:
        assert f"<{hole}>" in japanese
    if "{reason}" not in FORMED[key]:
        assert in_language(sentence, "en") == sentence


@pytest.mark.parametrize("key", FORMED)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_holes(key: str, language: str) -> None:
    assert sorted(HOLE.findall(words(language)[key])) == sorted(set(HOLE.findall(FORMED[key])))


@pytest.mark.parametrize("sentence", ["", "something that no form knows", "part x: y\nz", "{number}", "((("])
def test_what_has_no_form_stays_as_it_is(sentence: str) -> None:
    assert in_every_language(sentence) == dict.fromkeys(LANGUAGES, sentence)


def test_a_sentence_within_a_sentence() -> None:
    said = in_language("program 3: part 12 cannot be recorded: the disk is too slow", "ja")
    assert said == "プログラム 3：部品 12 を記録できません：ディスクの書き込みが遅すぎます"


def test_no_number_of_sentences_within_each_other_is_too_much() -> None:
    assert in_language("program 1: " * 3000, "ja").startswith("プログラム 1：")


@given(st.text(max_size=400))
def test_any_text_is_shown(text: str) -> None:
    for shown in (in_every_language(text), in_every_language(f"program 1: {text}")):
        assert set(shown) == set(LANGUAGES)


def is_said(sentence: str | None) -> bool:
    """Whether the page has Japanese words for a sentence that the core has just made."""
    assert sentence
    assert in_language(sentence, "en")
    return bool(JAPANESE.search(in_language(sentence, "ja")))


COUNTED = [reason for reason in Reason if outcome_of(reason) is Outcome.FAULT and reason not in UNCOUNTED]


@pytest.mark.parametrize("reason", COUNTED)
def test_faults_in_a_row(reason: Reason) -> None:
    why = Readiness(faults_until_halt=1).count(fault(reason))
    assert is_said(why)
    for language in LANGUAGES:
        assert words(language)[f"reason.{reason}"] in in_language(why, language)


def test_what_readiness_says_by_itself() -> None:
    readiness = Readiness(faults_until_halt=5)
    no_model = readiness.obstacle()
    readiness.unarmed_because, readiness.is_paused = "", True
    paused = readiness.obstacle()
    assert no_model is not None
    assert paused is not None
    assert is_said(no_model.why)
    assert is_said(paused.why)


def test_watchers(tmp_path: Path) -> None:
    zone = tmp_path / "class" / "thermal" / "thermal_zone0"
    zone.mkdir(parents=True)
    (zone / "type").write_text("cpu-thermal\n")
    (zone / "temp").write_text("91000\n")
    assert is_said(Heat(hottest_c=80, sys=tmp_path).look())
    assert is_said(Disk(tmp_path, least_free_mb=1e12).look())
    assert is_said(LOW_VOLTAGE)
    watchers = Watchers(Disk(tmp_path / "away", least_free_mb=1))
    watchers.look()
    assert is_said(watchers.trouble)


def test_records_that_cannot_be_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.recorder.LOOK_S", 0.01)
    with Recorder(tmp_path / "data", clock=CLOCK) as recorder:
        (tmp_path / "data" / FILE_NAME).rename(tmp_path / "away")
        until(lambda: recorder.trouble)
        assert is_said(recorder.trouble)
        (tmp_path / "away").rename(tmp_path / "data" / FILE_NAME)
        until(lambda: recorder.trouble is None)


def test_a_clock_that_was_set_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Recorder(tmp_path / "data", clock=CLOCK) as recorder:
        recorder.put(replace(part(1), wall_ns=time.time_ns() + 3600 * 10**9))
        assert is_said(recorder.trouble)
