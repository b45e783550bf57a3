"""What `dataset.yaml` says is inspected, and how a file that makes no sense is refused."""

from pathlib import Path

import numpy as np
import pytest

from tests.picture_folders import SIDE, fill
from training.dataset import open_dataset
from training.errors import DataSetError
from training.regions import FILE, inspected_pixels

WIDTH, HEIGHT = 60, 40


def inspected(folder: Path, text: str) -> np.ndarray:
    (folder / FILE).write_text(text)
    found = inspected_pixels(folder, width_px=WIDTH, height_px=HEIGHT)
    assert found is not None
    assert found.shape == (HEIGHT, WIDTH)
    assert found.dtype == np.bool_
    return found


def refusal(folder: Path, text: str) -> list[str]:
    with pytest.raises(DataSetError) as caught:
        inspected(folder, text)
    return [line.removeprefix(f"{folder / FILE}:") for line in str(caught.value).splitlines()]


def test_without_a_file_everything_is_inspected(tmp_path: Path) -> None:
    assert inspected_pixels(tmp_path, width_px=WIDTH, height_px=HEIGHT) is None


def test_a_region_is_filled_with_its_sides(tmp_path: Path) -> None:
    found = inspected(tmp_path, "regions:\n  - [[10, 5], [20, 5], [20, 15], [10, 15]]\n")
    expected = np.zeros((HEIGHT, WIDTH), dtype=bool)
    expected[5:16, 10:21] = True
    np.testing.assert_array_equal(found, expected)


def test_masks_are_cut_out_of_regions_and_of_the_whole(tmp_path: Path) -> None:
    mask = "masks:\n  - [[12, 7], [18, 7], [18, 13], [12, 13]]\n"
    cut = np.zeros((HEIGHT, WIDTH), dtype=bool)
    cut[7:14, 12:19] = True
    np.testing.assert_array_equal(inspected(tmp_path, mask), ~cut)
    found = inspected(tmp_path, "regions:\n  - [[10, 5], [20, 5], [20, 15], [10, 15]]\n" + mask)
    assert found.sum() == 11 * 11 - 7 * 7
    assert not found[10, 15]


def test_where_two_regions_overlap_both_hold(tmp_path: Path) -> None:
    regions = "regions:\n  - [[10, 5], [20, 5], [20, 15], [10, 15]]\n  - [[15, 10], [25, 10], [25, 20], [15, 20]]\n"
    found = inspected(tmp_path, regions)
    assert found.sum() == 2 * 11 * 11 - 6 * 6


def test_a_region_up_to_the_border_covers_it(tmp_path: Path) -> None:
    assert inspected(tmp_path, f"regions:\n  - [[0, 0], [{WIDTH}, 0], [{WIDTH}, {HEIGHT}], [0, {HEIGHT}]]\n").all()


WRONG = {
    "two corners": ("masks:\n  - [[1, 1], [9, 9]]\n", "2: masks.0: List should have at least 3 items"),
    "corners in a line": ("masks:\n  - [[1, 1], [5, 5], [9, 9]]\n", "2: masks.0: has no area"),
    "crossing sides": ("masks:\n  - [[0, 0], [10, 10], [10, 0], [0, 10]]\n", "2: masks.0: has no area"),
    "a corner outside": ("masks:\n\n  - [[1, 1], [61, 5], [9, 9]]\n", "3: masks.0: the corner [61, 5] lies outside"),
    "a negative corner": ("masks:\n  - [[1, 1], [-1, 5], [9, 19]]\n", "2: masks.0: the corner [-1, 5] lies outside"),
    "a corner of three": ("masks:\n  - [[1, 1, 1], [6, 5], [9, 19]]\n", "2: masks.0.0: List should have at most 2"),
    "a word": ("masks:\n  - [[one, 1], [6, 5], [9, 19]]\n", "2: masks.0.0.0: should be a valid number, not 'one'"),
    "an unknown key": ("mask:\n  - [[1, 1], [6, 5], [9, 19]]\n", "1: mask: unknown key, there are regions and masks"),
    "a key twice": ("masks:\n  - [[0, 0], [9, 0], [9, 9]]\nmasks: []\n", "3: masks: written twice"),
    "no polygon": ("regions: []\n", "1: regions: List should have at least 1 item"),
    "no section": ("- 1\n", "1: the file: "),
    "nothing": ("", " the file is empty"),
    "no YAML": ("regions: [[\n", "2: not readable as YAML"),
    "everything masked": ("masks:\n  - [[0, 0], [60, 0], [60, 40], [0, 40]]\n", " regions and masks leave 0.0%"),
}


@pytest.mark.parametrize("name", WRONG)
def test_nonsense_is_refused_with_its_line(tmp_path: Path, name: str) -> None:
    text, expected = WRONG[name]
    found = refusal(tmp_path, text)
    assert len(found) == 1
    assert found[0].startswith(expected)


def test_every_fault_is_said_at_once(tmp_path: Path) -> None:
    text = "regions:\n  - [[1, 1], [61, 5], [9, 9]]\nmasks:\n  - [[1, 1], [70, 5], [9, 9]]\n"
    assert [line[0] for line in refusal(tmp_path, text)] == ["2", "4"]


def test_a_data_set_knows_what_is_inspected(tmp_path: Path) -> None:
    fill(tmp_path / "train" / "good", 5)
    assert open_dataset(tmp_path).inspected is None
    (tmp_path / FILE).write_text("masks:\n  - [[0, 0], [9, 0], [9, 9], [0, 9]]\n")
    found = open_dataset(tmp_path).inspected
    assert found is not None
    assert (found.shape, int((~found).sum())) == ((SIDE, SIDE), 100)
    (tmp_path / FILE).write_text("masks:\n  - [[0, 0], [99, 0], [9, 9]]\n")
    with pytest.raises(DataSetError, match="outside the picture of 48x48"):
        open_dataset(tmp_path)
