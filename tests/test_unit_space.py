"""References of good parts: finite with few parts, and wide enough for what is usual."""

import numpy as np
import pytest

from edge.settings import Channel, Grid, MapSettings
from edge.variables import Light, channels_of
from training.unit_space import USUAL_SHARE, folds_of, median_picture, unit_space

SETTINGS = MapSettings(grid=Grid(rows=8, columns=9), channels=(Channel.LIGHTNESS,))


def good_pictures(count: int, seed: int = 0) -> list[np.ndarray]:
    """A fixed pattern with a little of everything that changes from part to part."""
    random = np.random.default_rng(seed)
    pattern = np.random.default_rng(99).uniform(60, 180, (8, 9)).repeat(8, axis=0).repeat(8, axis=1)
    return [
        np.clip(pattern * random.normal(1, 0.02) + random.normal(0, 4, pattern.shape), 0, 255).astype(np.uint8)
        for _ in range(count)
    ]


@pytest.mark.parametrize("parts", [1, 2, 3])
def test_few_parts_stay_finite(parts: int) -> None:
    pictures = good_pictures(parts)
    variables = unit_space(pictures, SETTINGS, median_picture(pictures)).variables(SETTINGS)
    assert np.isfinite(variables.of(good_pictures(1, seed=1)[0])).all()


def test_the_mean_is_the_mean_of_the_parts_in_one_light() -> None:
    pictures = [np.full((64, 72), level, np.uint8) for level in (90, 100, 110)]
    references = unit_space(pictures, SETTINGS, pictures[1])
    np.testing.assert_allclose(references.mean, 100, atol=0.3)


def test_what_is_usual_holds_most_levels_and_not_the_odd_one() -> None:
    pictures = [np.full((64, 72), 100, np.uint8) for _ in range(60)]
    for number, picture in enumerate(pictures):
        picture[20:30, 20:30] += np.uint8(number % 10)
    pictures[7][40:50, 40:50] = 200  # on one part of sixty
    references = unit_space(pictures, SETTINGS, np.full((64, 72), 100, np.uint8))
    assert (references.lower <= references.mean + 1).all()
    assert (references.mean <= references.upper + 2).all()  # the odd part may pull the mean out
    assert 107 < references.upper[25, 25, 0] < 110
    assert references.upper[45, 45, 0] < 102


def test_what_is_usual_reaches_to_the_next_pixel() -> None:
    picture = np.full((64, 72), 80, np.uint8)
    picture[:, 36:] = 160
    references = unit_space([picture], SETTINGS, picture)
    seen = channels_of(picture, SETTINGS.channels, gain=1.0).lightness
    assert (references.upper[:, 1:, 0] >= seen[:, :-1, 0] - 0.3).all()
    assert (references.lower[:, :-1, 0] <= seen[:, 1:, 0] + 0.3).all()


def test_of_colours_it_reaches_to_the_next_of_their_larger_pixels() -> None:
    settings = SETTINGS.model_copy(update={"channels": (Channel.RED_GREEN,)})
    picture = np.full((64, 72, 3), 120, np.uint8)
    picture[30:32, 40:42, 2] = 200  # one pixel of a colour
    references = unit_space([picture], settings, picture)
    is_usual = references.colour_upper[:, :, 0] > 30
    assert is_usual[14:17, 19:22].all()
    assert is_usual.sum() == 9
    assert references.mean.shape == (64, 72, 0)


def test_the_share_that_is_usual_is_met_by_parts_never_seen() -> None:
    pictures = good_pictures(200)
    references = unit_space(pictures, SETTINGS, median_picture(pictures))
    light = Light(median_picture(pictures))
    others = np.stack(
        [channels_of(one, SETTINGS.channels, gain=1 / light.gain(one)).lightness for one in good_pictures(50, seed=1)]
    )
    is_usual = (others >= references.lower) & (others <= references.upper)
    assert is_usual.mean() > USUAL_SHARE - 0.03


@pytest.mark.parametrize(("count", "expected"), [(1, 1), (3, 3), (10, 10), (15, 15), (23, 10), (24, 8), (209, 11)])
def test_folds_leave_every_part_out_once_and_are_equal_where_they_can_be(count: int, expected: int) -> None:
    folds = list(folds_of([f"part {number}" for number in range(count)]))
    assert len(folds) == expected
    sizes = {len(fold) for fold in folds}
    assert len(sizes) == 1 or max(sizes) - min(sizes) == 1
    assert sorted(np.concatenate(folds).tolist()) == list(range(count))


def test_pictures_of_one_part_are_left_out_together() -> None:
    folds = [set(fold.tolist()) for fold in folds_of(["a", "b", "a", "c", "b", "a"])]
    assert folds == [{0, 2, 5}, {1, 4}, {3}]
