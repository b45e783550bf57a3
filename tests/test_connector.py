"""The demo connector: deterministic, local, and a data set that keeps its promises."""

import argparse
import csv
import subprocess
import sys
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from edge.drivers.connector import (
    HEIGHT_PX,
    PIN_ADDRESSES,
    WIDTH_PX,
    Defect,
    DefectKind,
    line_part,
    pin_centre,
    render,
)
from edge.errors import PictureError
from training.commands import connector

SEED = 5
SURROUNDINGS_PX = 70


def changed(defect: Defect, *, part: int = 3, shot: int = 0) -> npt.NDArray[np.bool_]:
    good = render(seed=SEED, part=part, shot=shot).astype(int)
    bad = render(seed=SEED, part=part, shot=shot, defect=defect).astype(int)
    return np.asarray(np.abs(bad - good).max(axis=2) > 0)


def of_kind(kind: DefectKind, pin: str = "42", amount: float | None = None) -> Defect:
    usual = 10.0 if kind.is_bend else 0.8
    return Defect(
        kind=kind, pin=None if kind is DefectKind.SCRATCHED else pin, amount=usual if amount is None else amount
    )


def test_picture_has_the_size_and_type_of_a_colour_camera() -> None:
    picture = render(seed=SEED, part=1)
    assert picture.shape == (HEIGHT_PX, WIDTH_PX, 3)
    assert picture.dtype == np.uint8
    assert 40 < picture.mean() < 140


@pytest.mark.parametrize("defect", [None, *(of_kind(kind) for kind in DefectKind)])
def test_same_arguments_give_the_same_bytes(defect: Defect | None) -> None:
    first = render(seed=SEED, part=1, shot=2, defect=defect)
    assert first.tobytes() == render(seed=SEED, part=1, shot=2, defect=defect).tobytes()


def test_seeds_parts_and_shots_all_give_other_pictures() -> None:
    pictures = [render(seed=SEED, part=1), render(seed=SEED + 1, part=1), render(seed=SEED, part=2)]
    pictures.append(render(seed=SEED, part=1, shot=1))
    assert len({picture.tobytes() for picture in pictures}) == 4


def test_two_fresh_processes_give_the_same_bytes() -> None:
    script = "import zlib; from edge.drivers.connector import render; print(zlib.crc32(render(seed=5, part=1)))"
    printed = {subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout for _ in range(2)}
    assert len(printed) == 1


@pytest.mark.parametrize("pin", ["11", "42", "53", "93"])
@pytest.mark.parametrize("kind", [kind for kind in DefectKind if kind is not DefectKind.SCRATCHED])
def test_defect_changes_the_picture_near_its_pin_and_nowhere_else(kind: DefectKind, pin: str) -> None:
    rows, columns = np.nonzero(changed(of_kind(kind, pin)))
    x, y = pin_centre(pin)
    assert len(rows) > 60
    assert np.hypot(columns - x, rows - y).max() < SURROUNDINGS_PX


def test_scratch_changes_the_housing_and_nothing_outside_it() -> None:
    rows, columns = np.nonzero(changed(of_kind(DefectKind.SCRATCHED)))
    assert len(rows) > 60
    assert rows.min() > 60
    assert rows.max() < HEIGHT_PX - 50
    assert columns.min() > 20
    assert columns.max() < WIDTH_PX - 20


@pytest.mark.parametrize("kind", [kind for kind in DefectKind if kind is not DefectKind.MISSING])
@pytest.mark.parametrize("sign", [1, -1])
def test_more_of_a_defect_changes_more_of_the_picture(kind: DefectKind, sign: int) -> None:
    if not kind.is_bend and sign < 0:
        return
    good = render(seed=SEED, part=4).astype(int)
    amounts = (3.0, 6.0, 10.0, 15.0) if kind.is_bend else (0.25, 0.5, 0.75, 1.0)
    pictures = [render(seed=SEED, part=4, defect=of_kind(kind, amount=sign * amount)) for amount in amounts]
    changes = [int(np.abs(picture - good).sum()) for picture in pictures]
    assert changes == sorted(changes)
    assert changes[0] < 0.75 * changes[-1]


@pytest.mark.parametrize(("kind", "axis"), [(DefectKind.BENT_X, 0), (DefectKind.BENT_Y, 1)])
def test_bend_moves_the_bright_tip_its_own_way(kind: DefectKind, axis: int) -> None:
    def centre_of_change(amount: float) -> float:
        good = render(seed=SEED, part=3).astype(float).sum(axis=2)
        bad = render(seed=SEED, part=3, defect=of_kind(kind, "52", amount)).astype(float).sum(axis=2)
        gained = np.where(bad - good > 60, bad - good, 0)
        return float((np.indices(gained.shape)[1 - axis] * gained).sum() / gained.sum())

    right_or_up, left_or_down = centre_of_change(12.0), centre_of_change(-12.0)
    assert (right_or_up - left_or_down > 8) if axis == 0 else (left_or_down - right_or_up > 8)


def test_small_bends_move_the_tip_more_than_tolerance_does() -> None:
    defect = of_kind(DefectKind.BENT_X, "52", 3.0)
    assert changed(defect).sum() > 40


def test_labels_join_both_ways_of_bending_and_name_the_pin() -> None:
    labels = [of_kind(kind).label for kind in DefectKind]
    assert labels == ["bent_42", "bent_42", "missing_42", "pushed_in_42", "contaminated_42", "scratched"]


def test_clear_means_eight_degrees_or_half_severity() -> None:
    assert of_kind(DefectKind.BENT_X, amount=-8.0).is_clear
    assert not of_kind(DefectKind.BENT_Y, amount=7.9).is_clear
    assert of_kind(DefectKind.SCRATCHED, amount=0.5).is_clear
    assert not of_kind(DefectKind.PUSHED_IN, amount=0.4).is_clear
    assert of_kind(DefectKind.MISSING, amount=0.1).is_clear


@pytest.mark.parametrize(
    ("kind", "pin", "amount"),
    [
        (DefectKind.BENT_X, "42", 0.0),
        (DefectKind.BENT_Y, "42", 31.0),
        (DefectKind.BENT_X, "42", float("nan")),
        (DefectKind.MISSING, "42", -0.5),
        (DefectKind.PUSHED_IN, "42", 1.1),
        (DefectKind.CONTAMINATED, "44", 0.5),
        (DefectKind.BENT_X, None, 5.0),
        (DefectKind.SCRATCHED, "42", 0.5),
    ],
)
def test_impossible_defects_are_refused(kind: DefectKind, pin: str | None, amount: float) -> None:
    with pytest.raises(PictureError):
        Defect(kind=kind, pin=pin, amount=amount)


def test_negative_numbers_and_unknown_pins_are_refused() -> None:
    with pytest.raises(PictureError, match="negative"):
        render(seed=-1, part=0)
    with pytest.raises(PictureError, match="no pin 44"):
        pin_centre("44")


def test_addresses_are_nine_columns_of_three_rows_in_picture_order() -> None:
    assert PIN_ADDRESSES[0] == "11"
    assert PIN_ADDRESSES[-1] == "93"
    assert len(set(PIN_ADDRESSES)) == 27
    assert pin_centre("11")[0] < pin_centre("21")[0] < pin_centre("91")[0] < WIDTH_PX
    assert pin_centre("11")[1] < pin_centre("12")[1] < pin_centre("13")[1] < HEIGHT_PX


def test_line_is_the_same_again_and_shows_every_kind_and_small_bends() -> None:
    parts = [line_part(seed=1, number=number) for number in range(400)]
    assert parts == [line_part(seed=1, number=number) for number in range(400)]
    defects = [defect for defect in parts if defect is not None]
    assert {defect.kind for defect in defects} == set(DefectKind)
    assert 0.13 < len(defects) / 400 < 0.27
    assert 0.03 < sum(not defect.is_clear for defect in defects) / len(defects) < 0.25
    assert all(defect.is_clear or defect.kind.is_bend for defect in defects)


def test_line_without_or_with_only_defects_can_be_asked_for() -> None:
    assert all(line_part(seed=1, number=number, ng_share=0.0) is None for number in range(50))
    assert all(line_part(seed=1, number=number, ng_share=1.0) is not None for number in range(50))
    with pytest.raises(PictureError, match="share"):
        line_part(seed=1, number=1, ng_share=1.5)


def test_plan_of_the_usual_size_covers_every_pin_and_shares_no_part() -> None:
    items = connector.plan(parts=connector.DEFAULT_PARTS, seed=0)
    assert len({item.part for item in items}) == len(items)
    train = Counter(item.defect.label for item in items if item.split == "train" and item.defect)
    test = Counter(item.defect.label for item in items if item.split == "test" and item.defect)
    assert set(train) == set(test)
    for pin in PIN_ADDRESSES:
        assert [train[f"{kind}_{pin}"] for kind in ("bent", "missing", "pushed_in", "contaminated")] == [6, 2, 2, 2]
        assert [test[f"{kind}_{pin}"] for kind in ("bent", "missing", "pushed_in", "contaminated")] == [2, 1, 1, 1]
        ways = {
            (item.defect.kind, item.defect.amount > 0)
            for item in items
            if item.split == "train" and item.defect and item.defect.label == f"bent_{pin}"
        }
        assert len(ways) == 4


def test_small_data_set_tests_only_classes_that_it_trained() -> None:
    items = connector.plan(parts=24, seed=0)
    trained = {item.defect.label for item in items if item.defect and item.split == "train"}
    assert {item.defect.label for item in items if item.defect and item.split == "test"} <= trained


def test_data_set_has_its_layout_and_its_truth(tmp_path: Path) -> None:
    out = tmp_path / "new" / "set"
    connector.write(out, parts=5, seed=1)
    assert [entry.name for entry in out.parent.iterdir()] == ["set"]
    files = {path.relative_to(out).as_posix() for path in out.rglob("*.png")}
    with (out / "truth.csv").open(encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    assert tuple(rows[0]) == connector.COLUMNS
    assert {row["file"] for row in rows} == files
    assert all(Path(row["file"]).name == f"{row['part']}__0.png" for row in rows)
    assert len(list((out / "train" / "good").iterdir())) == 5
    assert len(list((out / "test" / "good").iterdir())) == 1
    parts = {split: {row["part"] for row in rows if row["file"].startswith(split)} for split in ("train", "test")}
    assert not parts["train"] & parts["test"]
    bent = next(row for row in rows if row["kind"] == "bent_x" or row["kind"] == "bent_y")
    assert bent["file"].split("/")[1] == f"bent_{bent['pin']}"
    pixels = cv2.imread(str(out / rows[0]["file"]))
    assert np.array_equal(pixels, render(seed=1, part=0))


def test_folder_with_something_in_it_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(PictureError, match="already"):
        connector.write(tmp_path, parts=1, seed=0)
    assert [entry.name for entry in tmp_path.iterdir()] == ["mine.txt"]


def test_interrupted_data_set_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(connector, "render", broken)
    with pytest.raises(KeyboardInterrupt):
        connector.write(tmp_path / "set", parts=1, seed=0)
    assert list(tmp_path.iterdir()) == []


def test_place_that_cannot_be_written_is_one_plain_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PictureError, match="cannot be written"):
        connector.write(tmp_path / "file" / "set", parts=1, seed=0)


@pytest.mark.parametrize(("parts", "seed"), [(0, 0), (-3, 0), (1, -1)])
def test_empty_or_impossible_data_set_is_refused(tmp_path: Path, parts: int, seed: int) -> None:
    with pytest.raises(PictureError):
        connector.write(tmp_path / "set", parts=parts, seed=seed)


def test_command_fills_an_empty_folder_and_says_what_it_wrote(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser()
    connector.add_parser(parser.add_subparsers())
    arguments = parser.parse_args(["connector", str(tmp_path / "set"), "--parts", "1", "--seed", "3"])
    (tmp_path / "set").mkdir()
    assert arguments.func(arguments) == 0
    assert "train: 1 good, 5 defective" in capsys.readouterr().out


def test_rendering_needs_no_training_library() -> None:
    script = "import sys, training.commands.connector; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
