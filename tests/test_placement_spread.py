"""How far good parts still lie from each other is measured, not assumed."""

import cv2
import numpy as np
import pytest

from edge.frame import Pixels
from edge.settings import Grid
from training.placement_spread import LEAST_SPREAD_PX, MOST_SPREAD_PX, placement_spread_px
from training.unit_space import median_picture

GRID = Grid()


def structured(seed: int = 0) -> Pixels:
    grain = np.random.default_rng(seed).normal(size=(GRID.height_px, GRID.width_px)).astype(np.float32)
    soft = cv2.GaussianBlur(grain, (0, 0), 6.0)
    return np.asarray(np.clip(128 + 60 * soft / soft.std(), 0, 255), dtype=np.uint8)


def moved(picture: Pixels, x: float, y: float, *, noise: float = 2.0, seed: int = 0) -> Pixels:
    matrix = np.array([[1, 0, x], [0, 1, y]], np.float32)
    size = (picture.shape[1], picture.shape[0])
    shifted = cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    grain = np.random.default_rng(seed).normal(0, noise, picture.shape)
    return np.asarray(np.clip(np.rint(shifted + grain), 0, 255), dtype=np.uint8)


def parts(deviation_px: float, count: int = 40) -> list[Pixels]:
    shifts = np.random.default_rng(1).normal(0, deviation_px, (count, 2))
    return [moved(structured(), *shift, seed=number) for number, shift in enumerate(shifts)]


@pytest.mark.parametrize("deviation_px", [0.4, 0.7])
def test_a_known_spread_is_found(deviation_px: float) -> None:
    good = parts(deviation_px)
    assert placement_spread_px(good, median_picture(good), GRID) == pytest.approx(deviation_px, rel=0.35)


def test_coloured_parts_are_measured_alike() -> None:
    grey = parts(0.6)
    coloured = [cv2.cvtColor(part, cv2.COLOR_GRAY2BGR) for part in grey]
    found = placement_spread_px(coloured, median_picture(coloured), GRID)
    assert found == pytest.approx(placement_spread_px(grey, median_picture(grey), GRID), rel=0.05)


def test_parts_that_lie_exactly_alike_get_the_least_that_placing_leaves() -> None:
    good = parts(0.0)
    assert placement_spread_px(good, median_picture(good), GRID) == LEAST_SPREAD_PX


def test_a_few_odd_parts_do_not_count() -> None:
    good = [*parts(0.4), *(moved(structured(), 9, -9, seed=number) for number in range(4))]
    assert placement_spread_px(good, median_picture(good), GRID) < 0.7


def test_light_that_changes_is_not_taken_for_movement() -> None:
    light = np.random.default_rng(2).uniform(0.8, 1.2, 40)
    good = [np.asarray(np.clip(part * gain, 0, 255), np.uint8) for part, gain in zip(parts(0.0), light, strict=True)]
    assert placement_spread_px(good, median_picture(good), GRID) < 0.3


def test_parts_without_structure_get_the_least() -> None:
    good = [np.full((GRID.height_px, GRID.width_px), 120 + number % 3, np.uint8) for number in range(10)]
    assert placement_spread_px(good, median_picture(good), GRID) == LEAST_SPREAD_PX


def test_parts_that_are_nothing_alike_are_bounded() -> None:
    good = [structured(seed) for seed in range(10)]
    assert placement_spread_px(good, median_picture(good), GRID) == MOST_SPREAD_PX
