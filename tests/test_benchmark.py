"""The benchmark: figures against hand-counted examples, a division that cheats nobody, and the command as a whole."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from edge.drivers.connector import Defect, DefectKind, render, tip_shift
from edge.settings import Grid, MapSettings
from edge.verdict import Reason, fault
from tests.picture_folders import fill
from tests.small_model import HEIGHT_PX, WIDTH_PX, Small
from tests.verdicts import verdict_at
from training.benchmark import bends, figures, models, tables
from training.benchmark.__main__ import main
from training.benchmark.models import Kind, divided
from training.calibrate import Limit, Rate
from training.commands.connector import Counts, plan, write
from training.dataset import GOOD, DataSet, Sample, open_dataset
from training.errors import DataSetError, TrainingError
from training.evaluate import Judged, auroc_of
from training.learn import FitSettings
from training.loop import TrainingSettings

LIMIT = 2.5


def judged(
    label: str,
    distance: float | None,
    *,
    name: str = "part-0000__0",
    said: str | None = None,
    levels: list[int] | None = None,
    cell: tuple[int, int] = (0, 0),
) -> Judged:
    verdict = fault(Reason.BLURRED) if distance is None else verdict_at(distance, limit=LIMIT, said=said, cell=cell)
    cell_map = None if levels is None else np.array([levels], np.uint8)
    sample = Sample(path=Path("set/test") / label / f"{name}.png", label=label, part=name.split("__")[0])
    return Judged(sample=sample, verdict=verdict, ms=1.0, cell_map=cell_map)


def test_the_bootstrap_holds_the_figure_and_repeats_for_a_seed() -> None:
    random = np.random.default_rng(0)
    good, defective = list(random.normal(0, 1, 40)), list(random.normal(1.5, 1, 60))
    low, high = figures.bootstrap_interval(good, defective, seed=1)
    auroc = auroc_of(good, defective)
    assert auroc is not None
    assert low < auroc < high
    assert 0.04 < high - low < 0.2  # about 2 · 1.96 · 0.035 after Hanley and McNeil (1982)
    assert figures.bootstrap_interval(good, defective, seed=1) == (low, high)
    assert figures.bootstrap_interval(good, defective, seed=2) != (low, high)


def test_the_bootstrap_takes_infinite_distances_as_ties_and_perfect_order_as_certain() -> None:
    assert figures.bootstrap_interval([1.0, 2.0], [3.0, math.inf], seed=0) == (1.0, 1.0)
    assert figures.bootstrap_interval([math.inf] * 3, [math.inf] * 3, seed=0) == pytest.approx((0.5, 0.5))


def test_plain_poolings_are_scored_on_the_same_maps() -> None:
    good = [judged(GOOD, 1.0, levels=[200] + [0] * 199), judged(GOOD, 1.0, levels=[50] * 200)]
    defective = [judged("bent", 3.0, levels=[100] * 20 + [0] * 180), judged("bent", None)]
    pooled = figures.pooled_aurocs(good, defective)
    # Maxima 200 and 50 against 100 and no map at all; means 1 and 50 against 10; the rest by hand likewise.
    assert pooled == {
        "max": 0.75,
        "mean of 5 strongest": 1.0,
        "mean of 20 strongest": 1.0,
        "mean of 100 strongest": 0.75,
        "mean": 0.75,
    }
    assert figures.pooled_aurocs(good, [])["max"] is None


def test_the_confusion_counts_what_was_said() -> None:
    parts = [
        judged("scratch", 3.0, said="crack"),
        judged("scratch", 3.0, said="scratch"),
        judged("scratch", 1.0, said="scratch"),  # passed: what is nearest does not matter
        judged("crack", None),
        judged(GOOD, 1.0, said="crack"),
        judged(GOOD, 3.0),
    ]
    assert figures.confusion_of(parts) == {
        GOOD: {GOOD: 1, "some defect": 1},
        "crack": {"not judged": 1},
        "scratch": {"crack": 1, "scratch": 1, GOOD: 1},
    }
    shown = tables.confusion([figures.confusion_of(parts)] * 2, good=GOOD)
    assert shown.splitlines()[0] == "| truth \\ said | passed | crack | scratch | not judged | some defect |"
    assert shown.splitlines()[-1] == "| scratch | 2 | 2 | 2 | 0 | 0 |"


def with_test_defects(root: Path) -> DataSet:
    fill(root / "train" / "good", 6)
    fill(root / "test" / "good", 3, first=100)
    fill(root / "test" / "scratch", 7, first=200)
    fill(root / "test" / "crack", 4, first=300)
    for path in fill(root / "test" / "hole", 4, first=400):  # two shots each of two parts
        number = int(path.stem[-4:])
        path.rename(path.with_name(f"hole-{number // 2}__{number % 2}.png"))
    return open_dataset(root)


def test_half_of_every_defect_is_taught_and_the_other_half_judged(tmp_path: Path) -> None:
    dataset = with_test_defects(tmp_path)
    division = divided(dataset, Kind.WITH_DEFECTS, seed=0)
    taught = [sample for sample in division.dataset.train if sample.label != GOOD]
    assert {label: sum(sample.label == label for sample in taught) for label in ("scratch", "crack", "hole")} == {
        "scratch": 3,
        "crack": 2,
        "hole": 2,
    }
    assert len({sample.part for sample in taught if sample.label == "hole"}) == 1  # both shots of one part
    assert not {sample.path for sample in division.dataset.train} & {sample.path for sample in division.dataset.test}
    assert sum(sample.label == GOOD for sample in division.dataset.test) == 3
    assert len(division.dataset.train) + len(division.dataset.test) == 24
    assert "7 defective ones of 'test', which are not judged" in division.words
    others = [divided(dataset, Kind.WITH_DEFECTS, seed=seed).dataset.test for seed in (0, 1)]
    assert others[0] == division.dataset.test != others[1]


def test_a_good_only_model_is_judged_on_everything(tmp_path: Path) -> None:
    dataset = with_test_defects(tmp_path)
    assert divided(dataset, Kind.GOOD_ONLY, seed=0).dataset == dataset


def test_a_set_that_has_defects_to_learn_from_keeps_its_test_pictures(tmp_path: Path) -> None:
    dataset = with_test_defects(tmp_path)
    fill(tmp_path / "train" / "scratch", 2, first=500)
    dataset = open_dataset(tmp_path)
    assert divided(dataset, Kind.WITH_DEFECTS, seed=0).dataset == dataset
    assert {sample.label for sample in divided(dataset, Kind.GOOD_ONLY, seed=0).dataset.train} == {GOOD}


def test_defects_of_one_part_each_cannot_be_taught_and_judged(tmp_path: Path) -> None:
    fill(tmp_path / "train" / "good", 6)
    fill(tmp_path / "test" / "good", 1, first=100)
    fill(tmp_path / "test" / "crack", 1, first=200)
    with pytest.raises(DataSetError, match="no defect has two parts"):
        divided(open_dataset(tmp_path), Kind.WITH_DEFECTS, seed=0)


@pytest.mark.parametrize(("kind", "sign"), [(DefectKind.BENT_X, 1), (DefectKind.BENT_Y, 1), (DefectKind.BENT_X, -1)])
def test_a_tip_moves_as_a_pin_of_its_length_does(kind: DefectKind, sign: int) -> None:
    x, y = tip_shift(Defect(kind=kind, pin="52", amount=sign * 10.0))
    leaning = 70 * (1 - 0.12) * math.sin(math.radians(10))  # pixels on the floor; the camera's view adds 3 % or so
    if kind is DefectKind.BENT_X:
        assert x == pytest.approx(sign * leaning, rel=0.05)
        assert abs(y) < 1
    else:
        assert y == pytest.approx(-leaning * math.cos(math.radians(25)), rel=0.08)  # away is up
        assert abs(x) < 1


def test_a_tip_is_seen_where_it_is_said_to_be() -> None:
    """The rightmost pixel of what is gone and of what is new: the edge of the tip, before and after."""
    bend = Defect(kind=DefectKind.BENT_X, pin="52", amount=20.0)
    straight, bent = (render(seed=1, part=0, defect=defect).astype(int) for defect in (None, bend))
    is_gone, is_new = (straight.sum(axis=2) > bent.sum(axis=2) + 90), (bent.sum(axis=2) > straight.sum(axis=2) + 90)
    columns = [np.nonzero(mask.any(axis=0))[0].max() for mask in (is_gone, is_new)]
    assert columns[1] - columns[0] == pytest.approx(tip_shift(bend)[0], abs=4)


def test_what_is_no_bend_moves_no_tip() -> None:
    assert tip_shift(Defect(kind=DefectKind.MISSING, pin="52", amount=1.0)) == (0.0, 0.0)
    assert tip_shift(Defect(kind=DefectKind.SCRATCHED, pin=None, amount=1.0)) == (0.0, 0.0)


def test_a_bend_is_measured_at_the_resolution_of_the_map() -> None:
    bend = Defect(kind=DefectKind.BENT_X, pin="52", amount=10.0)
    assert bends.bend_px(bend, Grid()) == pytest.approx(abs(tip_shift(bend)[0]) * 312 / 640, rel=0.02)
    assert bends.bend_px(bend, Grid(rows=18)) < bends.bend_px(bend, Grid())


def test_the_limit_for_an_overkill_rejects_no_more_than_allowed() -> None:
    good = [judged(GOOD, float(distance)) for distance in range(1, 201)]
    assert bends.limit_for_overkill(good, 0.005) == 199.0
    assert bends.limit_for_overkill([*good[:-1], judged(GOOD, None)], 0.005) == 199.0  # the unjudged one is the one
    assert bends.limit_for_overkill(good[:100], 0.005) == 100.0
    with pytest.raises(DataSetError, match="no good test pictures"):
        bends.limit_for_overkill([], 0.005)


def test_bends_are_counted_by_size_and_their_pins_by_name_and_place() -> None:
    truth = {
        "test/bent_52/part-0001__0.png": Defect(kind=DefectKind.BENT_X, pin="52", amount=-14.0),
        "test/bent_52/part-0002__0.png": Defect(kind=DefectKind.BENT_X, pin="52", amount=12.0),
        "test/bent_11/part-0003__0.png": Defect(kind=DefectKind.BENT_Y, pin="11", amount=2.0),
        "test/scratched/part-0004__0.png": Defect(kind=DefectKind.SCRATCHED, pin=None, amount=0.5),
    }
    middle = (17, 19)
    parts = [
        judged("bent_52", 3.0, name="part-0001__0", said="bent_52", cell=(0, 0)),
        judged("bent_52", 4.0, name="part-0002__0", said="bent_51", cell=middle),
        judged("bent_11", 2.0, name="part-0003__0", said="bent_11", cell=middle),
        judged("scratched", None, name="part-0004__0"),
        judged(GOOD, 2.6, name="part-0005__0"),
        judged(GOOD, 1.0, name="part-0006__0"),
    ]
    found = bends.found_at(LIMIT, parts, truth, root=Path("set"), grid=Grid())
    assert found.overkills == Rate(events=1, trials=2)
    assert found.by_kind[DefectKind.BENT_X] == Rate(events=2, trials=2)
    assert found.by_kind[DefectKind.BENT_Y] == Rate(events=0, trials=1)
    assert found.by_kind[DefectKind.SCRATCHED] == Rate(events=1, trials=1)  # not judged is not passed
    assert found.by_degrees["from 10"] == Rate(events=2, trials=2)
    assert found.by_degrees["2 to 3"] == Rate(events=0, trials=1)
    assert found.large_bends == Rate(events=2, trials=2)
    assert found.largest_missed_px == pytest.approx(1.2, abs=0.2)
    assert found.right_labels == found.right_pins == Rate(events=1, trials=2)
    assert found.right_places == Rate(events=1, trials=2)
    parts[1] = judged("bent_52", 4.0, name="part-0002__0", said="missing_52", cell=middle)
    named = bends.found_at(LIMIT, parts, truth, root=Path("set"), grid=Grid())
    assert (named.right_labels, named.right_pins) == (Rate(events=1, trials=2), Rate(events=2, trials=2))
    stricter = bends.found_at(3.5, parts, truth, root=Path("set"), grid=Grid())
    assert (stricter.overkills.events, stricter.large_bends.events) == (0, 1)
    assert stricter.by_kind[DefectKind.SCRATCHED].events == 1


def test_a_damaged_truth_is_refused_and_none_is_none(tmp_path: Path) -> None:
    assert bends.read_truth(tmp_path) is None
    (tmp_path / bends.TRUTH).write_text("file,kind\na.png,bent_x\n")
    with pytest.raises(DataSetError, match="training connector"):
        bends.read_truth(tmp_path)


def test_a_rendered_set_can_have_many_fresh_parts_and_bends_of_every_size() -> None:
    usual = plan(parts=24, seed=0)
    larger = plan(parts=24, seed=0, counts=Counts(test_good=50, sized_bends=108, train_bends=54))
    assert sum(item.split == "test" and item.defect is None for item in larger) == 50
    of_train = [item.defect for item in larger if item.split == "train" and item.defect is not None]
    assert sum(defect.kind.is_bend for defect in of_train) == 54
    sized = [item.defect for item in larger if item.split == "test" and item.defect is not None][-108:]
    assert min(abs(defect.amount) for defect in sized) < 2
    assert max(abs(defect.amount) for defect in sized) > 14
    assert len({defect.pin for defect in sized}) == 27
    assert [item.defect for item in plan(parts=24, seed=0, counts=Counts(test_good=50))][24 + 50 :] == [
        item.defect for item in usual
    ][24 + 6 :]


def test_spreads_are_means_with_ranges_and_intervals() -> None:
    assert tables.spread([1.0, 2.0, None], 1) == "1.5 (1.0 to 2.0)"
    assert tables.spread([], 1) == "–"
    assert tables.rates([Rate(events=0, trials=0), None]) == "–"
    assert tables.rates([Rate(events=1, trials=20), Rate(events=3, trials=20)]) == (
        "10.0 (5.0 to 15.0) %; 1.7 to 31.4 %"
    )


@dataclass
class FakeFit:
    """Stands in for `training.fit.fit`: always the same small model, and remembers what it was asked for."""

    small: Small
    asked: list[tuple[DataSet, bool]]
    fails_at: frozenset[int] = frozenset()

    def __call__(self, dataset: DataSet, settings: models.FitSettings) -> object:
        self.asked.append((dataset, settings.is_good_only))
        if len(self.asked) in self.fails_at:
            raise TrainingError("no two parts are alike")
        distance = self.small.bundle.manifest.limit.distance
        limit = Limit(distance=distance, target=0.1, expected=0.1, guarantee=0.1, parts=16, unjudged=0, rule="ranked")
        return SimpleNamespace(bundle=self.small.bundle, inspector=self.small.inspector, limit=limit)


@pytest.fixture
def fake_fit(small_model: Small, monkeypatch: pytest.MonkeyPatch) -> FakeFit:
    fake = FakeFit(small_model, [])
    monkeypatch.setattr(models, "fit", fake)
    return fake


@pytest.fixture
def small_set(tmp_path: Path) -> Path:
    """Rendered connectors of the small model's size."""
    write(tmp_path / "set", parts=6, seed=3, counts=Counts(test_good=5, sized_bends=4))
    for path in (tmp_path / "set").rglob("*.png"):
        picture = cv2.imread(str(path))
        cv2.imwrite(str(path), cv2.resize(picture, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_AREA))
    return tmp_path / "set"


def test_the_command_prints_tables_and_writes_every_figure(
    small_set: Path, fake_fit: FakeFit, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "figures.json"
    assert main([str(small_set), "--seeds", "2", "--json", str(out)]) == 0
    assert [is_good_only for _, is_good_only in fake_fit.asked] == [True, True, False, False]
    printed = capsys.readouterr().out
    assert "| set, good-only, classify, 256-256 | 2 |" in printed
    assert "bends of 3 pixels and more" in printed
    rows = json.loads(out.read_text())
    assert [(row["kind"], row["seed"]) for row in rows] == [
        ("good-only", 0),
        ("good-only", 1),
        ("with-defects", 0),
        ("with-defects", 1),
    ]
    assert rows[0]["figures"]["overkills"]["trials"] == 5
    assert rows[0]["figures"]["auroc"]["value"] is not None
    assert set(rows[0]["figures"]["pooled"]) > {"max", "mean"}
    assert rows[0]["bends"]["calibrated limit"]["overkills"]["trials"] == 5
    assert not list(tmp_path.glob(".figures*"))


def test_a_model_that_cannot_be_made_does_not_take_the_others_with_it(
    small_set: Path, fake_fit: FakeFit, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_fit.fails_at = frozenset({2})
    out = tmp_path / "figures.json"
    assert main([str(small_set), "--seeds", "3", "--kinds", "good-only", "--json", str(out)]) == 1
    printed = capsys.readouterr()
    assert "| set, good-only, classify, 256-256 | 2 |" in printed.out
    assert [row["seed"] for row in json.loads(out.read_text())] == [0, 2]
    assert "model 3 of 3" in printed.err
    *_, last = printed.err.splitlines()
    assert last == (
        "training.benchmark: 1 of 3 models were not made (set good-only classify seed 1: no two parts are alike)"
    )


def test_where_no_model_can_be_made_there_are_no_tables(
    small_set: Path, fake_fit: FakeFit, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_fit.fails_at = frozenset({1})
    assert main([str(small_set), "--seeds", "1", "--kinds", "good-only"]) == 1
    assert capsys.readouterr().out == ""


def test_a_folder_without_truth_has_no_table_of_bends(
    small_set: Path, fake_fit: FakeFit, capsys: pytest.CaptureFixture[str]
) -> None:
    (small_set / bends.TRUTH).unlink()
    assert main([str(small_set), "--seeds", "1", "--kinds", "good-only"]) == 0
    printed = capsys.readouterr().out
    assert "bends of" not in printed
    assert len(fake_fit.asked) == 1


def test_the_word_connector_renders_a_set_and_removes_it(
    fake_fit: FakeFit, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    options = ["--connector-parts", "5", "--fresh-good", "2", "--fresh-bends", "1", "--seeds", "1"]
    assert main(["connector", *options]) == 0  # every picture is a FAULT to the small model: of the wrong size
    assert "not judged" in capsys.readouterr().out
    assert len(fake_fit.asked[0][0].train) == 5
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_real_model_is_made_and_judged(
    small_set: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Nothing stands in for training here; it is only short and coarse."""
    coarse = MapSettings(grid=Grid(rows=16, columns=18))
    monkeypatch.setattr("training.benchmark.__main__.FitSettings", partial(FitSettings, map=coarse))
    monkeypatch.setattr("training.benchmark.__main__.TrainingSettings", partial(TrainingSettings, steps=60))
    out = tmp_path / "figures.json"
    assert main([str(small_set), "--seeds", "1", "--kinds", "with-defects", "--json", str(out)]) == 0
    assert "1 of 1" in capsys.readouterr().err
    (row,) = json.loads(out.read_text())
    assert row["seconds"] > 0
    assert row["limit"]["target"] == 0.01
    assert row["limit"]["guarantee"] >= 0.1  # a handful of parts promises no more
    assert row["bends"]["calibrated limit"]["right_labels"] is not None


def an_empty_test(root: Path) -> list[str]:
    fill(root / "train" / "good", 6)
    return [str(root)]


def no_folder(root: Path) -> list[str]:
    return [str(root / "nowhere")]


def an_unwritable_json(root: Path) -> list[str]:
    return [str(root), "--json", str(root / "nowhere" / "out.json")]


@pytest.mark.parametrize("wrong", [an_empty_test, no_folder, an_unwritable_json])
def test_what_cannot_be_measured_is_said_in_one_sentence_before_any_training(
    wrong: Callable[[Path], list[str]], tmp_path: Path, fake_fit: FakeFit, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(wrong(tmp_path)) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("training.benchmark: ")
    assert said.err.count("\n") == 1
    assert fake_fit.asked == []
