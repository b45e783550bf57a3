"""Robustness, few parts, repeatability: what each judges, counts and refuses."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from edge.frame import Pixels
from edge.verdict import Outcome, Reason, Verdict
from tests.picture_folders import fill, pixels, write_picture
from tests.small_model import Small, small_frame, spoilt
from training import few_parts, repeatability, robustness
from training.benchmark import models
from training.calibrate import Limit, Rate
from training.dataset import GOOD, DataSet, Sample, open_dataset
from training.disturbances import Disturbance
from training.errors import DataSetError, TrainingError
from training.learn import FitSettings


@pytest.fixture
def small_set(tmp_path: Path) -> Path:
    """Good parts and spoilt ones of the small model."""
    for part in range(40, 46):
        write_picture(tmp_path / "set" / "train" / "good" / f"{part}.png", small_frame(part).pixels)
    for part in range(50, 54):
        write_picture(tmp_path / "set" / "test" / "good" / f"{part}.png", small_frame(part).pixels)
        write_picture(tmp_path / "set" / "test" / "bent" / f"{part}.png", spoilt(small_frame(part + 10)).pixels)
    return tmp_path / "set"


@pytest.fixture
def bundle_path(small_model: Small, tmp_path: Path) -> Path:
    (tmp_path / "bundle").write_bytes(small_model.raw)
    return tmp_path / "bundle"


def black(part: Pixels, _: np.random.Generator) -> Pixels:
    return np.zeros_like(part)


def test_what_the_gate_takes_out_is_counted_with_its_reason(small_model: Small, small_set: Path) -> None:
    night = Disturbance(group="light", name="night", disturb=black)
    row = robustness.under(night, small_model.inspector, open_dataset(small_set).test, seed=0)
    assert row.overkills == Rate(events=4, trials=4)
    assert row.escapes == Rate(events=0, trials=4)
    assert sum(row.good_faults.values()) == sum(row.defect_faults.values()) == 4
    assert set(row.good_faults) <= {str(Reason.TOO_DARK), str(Reason.BLURRED)}


def test_the_undisturbed_row_is_the_evaluation(small_model: Small, small_set: Path) -> None:
    nothing = Disturbance(group="none", name="none", disturb=lambda part, _: part)
    row = robustness.under(nothing, small_model.inspector, open_dataset(small_set).test, seed=0)
    assert row.escapes.events == 0
    assert (row.good_faults, row.defect_faults) == ({}, {})


def test_robustness_prints_a_row_a_trouble_and_writes_them(
    bundle_path: Path, small_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "rows.json"
    assert robustness.main([str(bundle_path), str(small_set), "--most", "2", "--json", str(out)]) == 0
    lines = capsys.readouterr().out.strip().splitlines()
    rows = json.loads(out.read_text())
    assert len(lines) == len(rows) + 2
    assert rows[0]["name"] == "none"
    assert rows[0]["overkills"]["trials"] == rows[0]["escapes"]["trials"] == 2


def test_robustness_without_test_pictures_is_one_sentence(
    bundle_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(tmp_path / "set" / "train" / "good", 2)
    assert robustness.main([str(bundle_path), str(tmp_path / "set")]) == 1
    assert "no test pictures" in capsys.readouterr().err


def test_robustness_on_pictures_that_the_model_was_not_made_for_is_one_sentence(
    bundle_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(tmp_path / "set" / "train" / "good", 2)
    fill(tmp_path / "set" / "test" / "good", 1, first=10)
    assert robustness.main([str(bundle_path), str(tmp_path / "set")]) == 1
    assert "the model judges colour pictures of 128x96 pixels only" in capsys.readouterr().err


def test_few_parts_are_drawn_by_physical_part_and_only_from_good_training_ones(tmp_path: Path) -> None:
    for part in range(8):
        for shot in range(2):
            write_picture(tmp_path / "train" / "good" / f"p{part}__{shot}.png", pixels(10 * part + shot))
    fill(tmp_path / "train" / "bent", 3, first=900)
    fill(tmp_path / "test" / "good", 2, first=950)
    dataset = open_dataset(tmp_path)
    drawn = few_parts.draw_of(dataset, 3, seed=0).dataset
    assert len(drawn.train) == 6
    assert len({sample.part for sample in drawn.train}) == 3
    assert {sample.label for sample in drawn.train} == {GOOD}
    assert drawn.test == dataset.test
    assert drawn == few_parts.draw_of(dataset, 3, seed=0).dataset
    others = {few_parts.draw_of(dataset, 3, seed=seed).dataset.train for seed in range(5)}
    assert len(others) > 1
    smaller = few_parts.draw_of(dataset, 2, seed=0).dataset
    assert set(smaller.train) < set(drawn.train)  # more parts are the same parts and others


def test_few_parts_prints_a_row_a_number_and_the_promise(
    small_model: Small, small_set: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[int] = []

    def fake(dataset: DataSet, settings: FitSettings) -> object:
        seen.append(len(dataset.train))
        assert settings.is_good_only
        limit = Limit(
            distance=1.0, target=settings.overkill, expected=0.25, guarantee=0.5, parts=1, unjudged=0, rule="ranked"
        )
        return SimpleNamespace(inspector=small_model.inspector, bundle=small_model.bundle, limit=limit)

    monkeypatch.setattr(models, "fit", fake)
    assert few_parts.main([str(small_set), "--parts", "5", "6", "--draws", "2"]) == 0
    printed = capsys.readouterr().out
    assert seen == [5, 5, 6, 6]
    assert "| set | 5 | 2 |" in printed
    assert "50.0 (50.0 to 50.0) %" in printed
    assert "1.0% was asked for; that takes 99 parts." in printed


def test_more_parts_than_there_are_cannot_be_drawn(small_set: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert few_parts.main([str(small_set), "--parts", "7"]) == 1
    assert "there are 6 good parts to draw from" in capsys.readouterr().err


def repeats(root: Path, groups: tuple[str, ...] = ("P1-a", "P1-b", "P2-a"), count: int = 5) -> Path:
    for number, group in enumerate(groups):
        for repeat in range(1, count + 1):
            write_picture(root / f"{group}_{repeat}.png", pixels(100 * number + repeat))
    return root


def test_groups_are_what_stands_before_the_last_underscore(tmp_path: Path) -> None:
    found = repeatability.repeats_in(repeats(tmp_path, ("jig_1", "jig_2")))
    assert {name: len(samples) for name, samples in found.items()} == {"jig_1": 5, "jig_2": 5}


def test_choices_differ_and_take_the_same_repeats_of_every_group(tmp_path: Path) -> None:
    groups = repeatability.repeats_in(repeats(tmp_path))
    found = repeatability.choices(groups, 3, most=99, seed=0)
    assert len(found) == 10  # 3 of 5
    assert len({tuple(sample.path.name for sample in choice) for choice in found}) == 10
    assert all(len(choice) == 9 for choice in found)
    assert found[:2] == repeatability.choices(groups, 3, most=2, seed=0)
    with pytest.raises(DataSetError, match="at least one must be left"):
        repeatability.choices(groups, 5, most=1, seed=0)


def test_groups_are_taught_together_by_a_pattern(tmp_path: Path) -> None:
    found = repeatability.repeats_in(repeats(tmp_path))
    together = repeatability.joined(found, repeatability.re.compile(r"^P\d"))
    assert {name: list(groups) for name, groups in together.items()} == {
        "all P1": ["P1-a", "P1-b"],
        "all P2": ["P2-a"],
    }
    with pytest.raises(DataSetError, match="finds nothing in the name 'P1-a'"):
        repeatability.joined(found, repeatability.re.compile("Q"))


@pytest.mark.parametrize(("name", "words"), [("lonely_1.png", "no other picture"), ("plain.png", "<group>_<repeat>")])
def test_pictures_without_repeats_are_refused(
    tmp_path: Path, name: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_picture(repeats(tmp_path) / name, pixels(900))
    assert repeatability.main([str(tmp_path)]) == 1
    assert words in capsys.readouterr().err


class FakeFit:
    """Learns nothing and rejects the repeats with the number 5; refuses to learn from fewer than 5 pictures."""

    def __init__(self) -> None:
        self.learned: list[tuple[str, ...]] = []

    def __call__(self, dataset: DataSet, settings: FitSettings) -> object:
        if len(dataset.train) < 5:
            raise TrainingError("too few")
        self.learned.append(tuple(sample.path.stem for sample in dataset.train))
        assert not set(dataset.train) & set(dataset.test)
        return SimpleNamespace(inspector=None)


def judge_fives(_: object, samples: list[Sample]) -> list[object]:
    def verdict(sample: Sample) -> Verdict:
        is_five = sample.path.stem.endswith("5")
        return Verdict(
            outcome=Outcome.NG if is_five else Outcome.OK,
            reason=Reason.TOO_FAR if is_five else Reason.WITHIN_LIMIT,
            distance=3.0 if is_five else 1.0,
            limit=2.0,
        )

    from training.evaluate import Judged

    return [Judged(sample=sample, verdict=verdict(sample), ms=1.0) for sample in samples]


def test_rejected_repeats_and_refused_models_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake = FakeFit()
    monkeypatch.setattr(repeatability, "fit", fake)
    monkeypatch.setattr(repeatability, "judge_all", judge_fives)
    folder = repeats(tmp_path / "set", ("P1-a", "P1-b"))
    out = tmp_path / "out.json"
    options = ["--learn", "4", "--choices", "5", "--also-by", r"^P\d", "--json", str(out)]
    assert repeatability.main([str(folder), *options]) == 0
    printed = capsys.readouterr().out
    # Two groups of 4 pictures are refused five times each. Both together: five choices that each judge one repeat of
    # each group; in one of them these are the fives.
    assert len(fake.learned) == 5
    assert "| all P1 | 4 | 5 | 2 of 10 " in printed
    assert "| P1-a | 4 | 0 | – | 0 | – | 5 |" in printed
    assert "no model: too few" in printed
    assert repeatability.main([str(folder), "--learn", "2"]) == 0
    assert "no model: 2 good parts, at least 3 are needed" in capsys.readouterr().out
    choices = json.loads(out.read_text())
    assert sum(len(choice["rejected"]) for choice in choices) == 2
    assert max(choice["largest_margin"] or 0 for choice in choices) == 1.5


def test_a_rejection_names_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeatability, "fit", FakeFit())
    monkeypatch.setattr(repeatability, "judge_all", judge_fives)
    samples = repeatability.repeats_in(repeats(tmp_path, ("P1-a",), count=7))
    options = SimpleNamespace(folder=tmp_path, seed=0, steps=None, overkill=0.01)
    learned = [sample for sample in samples["P1-a"] if not sample.path.stem.endswith(("5", "6"))]
    choice = repeatability.judged_choice("P1-a", samples, learned, 5, options)  # type: ignore[arg-type]
    assert choice.rejected == ("P1-a_5.png: too far from good",)
    assert choice.rejections == Rate(events=1, trials=2)
