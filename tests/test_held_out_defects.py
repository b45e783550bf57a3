"""Defects kept for choosing: each kind changes something, near its place only, the same for a seed."""

import numpy as np
import pytest

from training.held_out_defects import KINDS, SMALLEST_CHANGE_LEVELS, Kind, with_held_out_defect

SHAPES = pytest.mark.parametrize("shape", [(256, 300, 3), (256, 300), (60, 60)], ids=["colour", "grey", "tiny"])
EACH_KIND = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


def textured(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(2).integers(60, 200, shape, dtype=np.uint8)


def spoilt(pixels: np.ndarray, kind: Kind, seed: int, is_part: np.ndarray | None = None) -> np.ndarray:
    is_part = np.ones(pixels.shape[:2], bool) if is_part is None else is_part
    return with_held_out_defect(pixels, kind, is_part, np.random.default_rng(seed))


@SHAPES
@EACH_KIND
def test_a_defect_changes_something_within_its_reach_of_the_part_and_nothing_else(
    kind: Kind, shape: tuple[int, ...]
) -> None:
    pixels = textured(shape)
    before = pixels.copy()
    is_part = np.zeros(shape[:2], bool)
    is_part[30, 20] = True
    for seed in range(5):
        found = spoilt(pixels, kind, seed, is_part)
        assert (found.shape, found.dtype) == (shape, np.uint8)
        change = np.abs(found.astype(int) - pixels).reshape(*shape[:2], -1).max(axis=2)
        assert change.max() >= SMALLEST_CHANGE_LEVELS
        rows, columns = np.nonzero(change)
        reach = max(round(kind.reach_px * max(shape[:2]) / 512), 2)
        assert max(abs(rows - 30).max(), abs(columns - 20).max()) <= reach
    np.testing.assert_array_equal(pixels, before)


@EACH_KIND
def test_the_same_seed_draws_the_same_and_another_draws_another(kind: Kind) -> None:
    pixels = textured((200, 200, 3))
    first, again, other = (spoilt(pixels, kind, seed) for seed in (4, 4, 5))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@EACH_KIND
def test_a_defect_grows_with_the_frame(kind: Kind) -> None:
    def changed_share(side: int) -> float:
        pixels = textured((side, side))
        return float(np.mean([(spoilt(pixels, kind, seed) != pixels).mean() for seed in range(40)]))

    assert changed_share(512) == pytest.approx(changed_share(256), rel=0.6)


def test_defects_have_places_all_over_the_part() -> None:
    pixels = textured((200, 200))
    changed = np.mean([spoilt(pixels, kind, seed) != pixels for kind in KINDS for seed in range(60)], axis=0)
    quarters = [changed[rows, columns].mean() for rows in (np.s_[:100], np.s_[100:])
                for columns in (np.s_[:100], np.s_[100:])]  # fmt: skip
    assert min(quarters) > 0.4 * max(quarters) > 0


def test_what_cannot_be_seen_is_drawn_again_and_a_plain_frame_stays_as_it_is() -> None:
    plain = np.full((128, 128), 100, np.uint8)
    warp = next(kind for kind in KINDS if kind.name == "warp")
    np.testing.assert_array_equal(spoilt(plain, warp, 0), plain)
    plain[:, 64:] = 180
    is_part = np.zeros(plain.shape, bool)
    is_part[:, 10:70] = True  # at most places nothing would be seen
    assert all((spoilt(plain, warp, seed, is_part) != plain).any() for seed in range(8))
