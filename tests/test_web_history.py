"""History and one part's story: what is found, what it says, and what an operator may add to it."""

import time
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.datastructures import QueryParams

from edge.web.history import asked_in
from edge.web.language import words
from edge.web.phrases import Phrases, percent, stamp
from tests.production import production, write
from tests.sites import OPERATOR, Client, site_of, with_accounts
from tests.stations import verdict
from tests.test_recorder import part

NOW_S = 1_790_000_000


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    write(folder, production(until_s=NOW_S, days=0.5), has_pictures=True)  # 432 parts
    return folder


def numbers(text: str) -> list[int]:
    return [int(piece.split('"', 1)[0]) for piece in text.split('href="/part/')[1:]]


def test_the_newest_parts_come_first_a_page_at_a_time(data: Path) -> None:
    client = Client(site_of(data))
    first = client.get("/history")
    assert numbers(first.text) == list(range(432, 382, -1))
    assert 'href="/history?before=383"' in first.text
    assert numbers(client.get("/history?before=383").text) == list(range(382, 332, -1))
    assert 'rel="next"' not in client.get("/history?before=20").text


def test_search_by_outcome_label_margin_and_time(data: Path) -> None:
    client = Client(site_of(data))
    ng = numbers(client.get("/history?outcome=NG").text)
    assert 0 < len(ng) < 50
    bent = numbers(client.get("/history?outcome=NG&label=bent_42").text)
    assert set(bent) < set(ng)
    far = numbers(client.get("/history?least=200").text)
    assert set(far) < set(ng)
    assert set(numbers(client.get("/history?outcome=NG&most=200").text)) == set(ng) - set(far)
    at = time.strftime("%Y-%m-%dT%H:%M", time.localtime(NOW_S - 3600))
    latest = numbers(client.get(f"/history?from={at}").text)
    assert latest == list(range(432, 432 - len(latest), -1))
    assert len(latest) in (36, 37)  # six in ten minutes
    assert not set(numbers(client.get(f"/history?to={at}").text)) & set(latest)


def test_a_form_keeps_what_was_asked_for_and_its_next_page_too(data: Path) -> None:
    answer = Client(site_of(data)).get("/history?outcome=OK&least=10&most=90&before=300").text
    assert 'value="OK" checked' in answer
    assert 'name="least" min="0" max="100000" step="any" value="10"' in answer
    assert "outcome=OK&amp;least=10&amp;most=90&amp;before=" in answer
    assert "<details" in answer
    assert "open>" in answer


@pytest.mark.parametrize(
    "query", ["from=yesterday", "least=much", "most=nan", "least=inf", "to=99999-01-01", "from=0001-01-01T00:00"]
)
def test_what_cannot_be_searched_for_is_said_and_breaks_nothing(data: Path, query: str) -> None:
    answer = Client(site_of(data)).get(f"/history?{query}")
    assert answer.status_code == 400
    assert "This cannot be searched for" in answer.text


@pytest.mark.parametrize(
    "query",
    ["outcome=<script>", "before=-1", "before=99999999999999999999999", "said=hm", "label=%00", "label=" + "x" * 5000],
)
def test_odd_questions_are_answered(data: Path, query: str) -> None:
    answer = Client(site_of(data)).get(f"/history?{query}")
    assert answer.status_code == 200
    assert "<script>" not in answer.text


def test_what_is_asked_is_what_is_searched() -> None:
    asked = asked_in(QueryParams("outcome=NG&outcome=FAULT&label=bent&least=80&before=7&said=good"))
    assert (asked.outcomes, asked.label, asked.before, asked.said) == (("NG", "FAULT"), "bent", 7, "good")
    assert asked.search().least_margin == pytest.approx(0.8)
    assert asked.fields == [
        ("outcome", "NG"),
        ("outcome", "FAULT"),
        ("label", "bent"),
        ("least", "80"),
        ("said", "good"),
    ]


def test_a_number_leads_to_its_part(data: Path) -> None:
    client = Client(site_of(data))
    answer = client.get("/history?number=12")
    assert (answer.status_code, answer.headers["location"]) == (303, "/part/12")
    assert client.get("/history?number=-12").status_code == 200
    assert client.get("/history?number=99999999999999999999999999").status_code == 200


def test_history_without_records_says_so(tmp_path: Path) -> None:
    answer = Client(site_of(tmp_path / "nothing")).get("/history")
    assert answer.status_code == 200
    assert "There are no records to be read" in answer.text


def test_story_has_numbers_times_neighbours_and_the_good_part_most_like_it(data: Path) -> None:
    text = Client(site_of(data)).get("/part/100").text
    for said in ("Part 100", stamp((NOW_S - 333 * 100) * 10**9)[:10], "test 3", "abababababab", "Capture", "26.0 ms"):
        assert said in text, said
    assert 'href="/part/99"' in text
    assert 'href="/part/101"' in text
    assert "The most similar good part" in text
    assert "Trigger to exposure" in text
    assert "4.0 ms" in text


def test_story_of_a_part_without_map_picture_or_model(tmp_path: Path) -> None:
    bare = replace(part(1), verdict=verdict("FAULT"), model=None, cell_map=None, working=None, frame=None)
    bare = replace(bare, exposed_ns=None, judged_ns=None, output_ns=None, stages_ms=())
    write(tmp_path, [bare])
    answer = Client(site_of(tmp_path)).get("/part/1")
    assert answer.status_code == 200
    assert "no picture" in answer.text
    assert "sharpness 1.0 is below 2.0" in answer.text


def test_part_that_is_not_there_is_not_found(data: Path, tmp_path: Path) -> None:
    client = Client(site_of(data))
    for address in ("/part/99999", "/part/0", "/part/99999999999999999999", "/part/-1", "/part/x"):
        assert client.get(address).status_code == 404, address
    assert Client(site_of(tmp_path / "nothing")).get("/part/1").status_code == 404


def test_correction_is_kept_beside_the_verdict_with_who_and_when(data: Path) -> None:
    site = with_accounts(site_of(data))
    client = Client(site)
    assert client.post("/part/7/correction", what="bad").status_code == 401
    client.sign_in(*OPERATOR)
    answer = client.post("/part/7/correction", what="bad", note=" <b>burr</b> ")
    assert (answer.status_code, answer.headers["location"]) == (303, "/part/7#corrections")
    text = client.get("/part/7").text
    assert "it was bad" in text
    assert "otto, <time>" + time.strftime("%Y-%m-%d") in text
    assert "&lt;b&gt;burr&lt;/b&gt;" in text
    assert 'class="mark-OK outcome"' in text  # the verdict stays
    assert numbers(client.get("/history?said=any").text) == [7]
    assert numbers(client.get("/history?said=bad&outcome=OK").text) == [7]
    assert numbers(client.get("/history?said=good").text) == []
    assert "it was bad" in client.get("/history?before=10").text
    client.post("/part/7/correction", what="withdrawn")
    assert numbers(client.get("/history?said=any").text) == []
    assert [entry.new for entry in site.desk.store().audit_log()[:2]] == ["withdrawn", "bad"]


def test_correction_of_nothing_or_with_nonsense_is_refused(data: Path) -> None:
    client = Client(with_accounts(site_of(data)))
    client.sign_in(*OPERATOR)
    assert client.post("/part/7/correction", what="excellent").status_code == 400
    assert client.post("/part/7/correction").status_code == 400
    assert client.post("/part/99999/correction", what="bad").status_code == 404
    assert client.post("/part/7/correction", what="bad", note="x" * 5000).status_code == 303
    assert "x" * 201 not in client.get("/part/7").text


@pytest.mark.parametrize("language", ["en", "ja"])
def test_labels_reasons_and_stages_are_said_in_words(language: str) -> None:
    say = Phrases(words(language))
    assert say.label("bent_42") == {"en": "bent pin 42", "ja": "ピン曲がり 42"}[language]
    assert say.label("never_heard_of_7") == "never heard of 7"
    assert say.label("42") == "42"
    assert say.label(None) == ""
    assert say.reason("a new reason") == "a new reason"
    assert say.stage("capture") == {"en": "Capture", "ja": "撮像"}[language]


@pytest.mark.parametrize(("share", "said"), [(0.301, "30 %"), (0.996, "99.6 %"), (1.004, "100.4 %"), (2.5, "250 %")])
def test_shares_near_the_limit_say_on_which_side_they_are(share: float, said: str) -> None:
    assert percent(share) == said


def test_html_in_labels_stays_text(tmp_path: Path) -> None:
    bad = replace(verdict("NG"), nearest_label='<img src=x onerror="x">')
    write(tmp_path, [replace(part(1), verdict=bad), replace(part(2), verdict=bad)])
    client = Client(site_of(tmp_path))
    for address in ("/history", "/part/1"):
        assert "<img src=x" not in client.get(address).text
