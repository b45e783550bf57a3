"""Each trouble does what its name says, in the strength it says, to grey and colour, and the same for a seed."""

import numpy as np
import pytest

from edge.frame import Frame
from edge.settings import Grid
from tests.small_model import small_frame
from training import disturbances as trouble

GRID = Grid(rows=9, columns=12)
RANDOM = 7
ALL = trouble.disturbances(GRID)


def seeded() -> np.random.Generator:
    return np.random.default_rng(RANDOM)


def flat(level: int, side: int = 96) -> np.ndarray:
    return np.full((side, side), level, np.uint8)


def spot(x: int = 48, y: int = 48, side: int = 96) -> np.ndarray:
    pixels = np.zeros((side, side), np.uint8)
    pixels[y - 1 : y + 2, x - 1 : x + 2] = 240
    return pixels


def middle(pixels: np.ndarray) -> tuple[float, float]:
    rows, columns = np.nonzero(pixels > 60)
    return float(columns.mean()), float(rows.mean())


@pytest.mark.parametrize("is_grey", [True, False])
@pytest.mark.parametrize("disturbance", ALL, ids=lambda disturbance: disturbance.name)
def test_a_disturbed_frame_is_a_frame_and_the_same_for_a_seed(disturbance: trouble.Disturbance, is_grey: bool) -> None:
    pixels = small_frame(0).pixels[:, :, 1].copy() if is_grey else small_frame(0).pixels
    before = pixels.copy()
    found = disturbance.disturb(pixels, seeded())
    Frame(pixels=found.copy())
    assert found.shape == pixels.shape
    np.testing.assert_array_equal(found, disturbance.disturb(pixels, seeded()))
    np.testing.assert_array_equal(pixels, before)  # what was given is left alone
    assert (found == pixels).all() == (disturbance.group == "none")


def test_names_are_all_different_and_the_undisturbed_comes_first() -> None:
    assert len({disturbance.name for disturbance in ALL}) == len(ALL)
    assert ALL[0].group == "none"
    assert {disturbance.group for disturbance in ALL[1:]} == {
        *("light", "light gradient", "shift", "rotation", "defocus", "sensor noise", "JPEG", "lens dust"),
    }


def test_light_multiplies_and_white_stays_white() -> None:
    assert (trouble.light(flat(100), seeded(), gain=1.3) == 130).all()
    assert (trouble.light(flat(240), seeded(), gain=1.3) == 255).all()


def test_a_gradient_reaches_its_slope_at_the_sides_and_keeps_the_mean() -> None:
    found = trouble.light_gradient(flat(100), seeded(), slope=0.3).astype(float)
    assert found.min() == pytest.approx(70, abs=1)
    assert found.max() == pytest.approx(130, abs=1)
    assert found.mean() == pytest.approx(100, abs=1)


def test_a_shift_has_its_length() -> None:
    x, y = middle(trouble.shift(spot(), seeded(), share=0.1))
    assert np.hypot(x - 48, y - 48) == pytest.approx(9.6, abs=0.5)


def test_a_rotation_has_its_angle_and_both_sides_occur() -> None:
    angles = []
    for seed in range(8):
        x, y = middle(trouble.rotation(spot(x=85), np.random.default_rng(seed), degrees=10))
        angles.append(np.degrees(np.arctan2(y - 47.5, x - 47.5) - np.arctan2(0.5, 37.5)))
    assert np.abs(angles) == pytest.approx(10, abs=0.7)
    assert min(angles) < 0 < max(angles)


def test_defocus_is_measured_in_the_working_picture() -> None:
    edge = np.zeros((96, 96), np.uint8)
    edge[:, 48:] = 200
    found = trouble.defocus(edge, seeded(), sigma_px=2.0, working_width_px=48)  # 4 pixels of this frame
    slope = np.diff(found[48].astype(float))
    columns = np.arange(len(slope))
    place = (columns * slope).sum() / slope.sum()
    assert np.sqrt((((columns - place) ** 2) * slope).sum() / slope.sum()) == pytest.approx(4.0, rel=0.1)


def test_noise_has_its_deviation() -> None:
    assert trouble.noise(flat(128), seeded(), sigma_levels=5).astype(float).std() == pytest.approx(5, rel=0.05)


def test_jpeg_gets_worse_with_less_quality() -> None:
    pixels = small_frame(0).pixels
    errors = [np.abs(trouble.jpeg(pixels, seeded(), quality=q).astype(int) - pixels).mean() for q in (90, 70, 40)]
    assert 0 < errors[0] < errors[1] < errors[2]


def test_dust_darkens_a_few_soft_places_and_brightens_none() -> None:
    found = trouble.dust(flat(200, side=300), seeded())
    assert found.max() == 200
    assert 100 < found.min() < 200 * (1 - trouble.DUST_DARKNESS[0]) + 2
    assert 0.0005 < (found < 190).mean() < 0.05
    assert np.abs(np.diff(found.astype(int), axis=1)).max() < 40
