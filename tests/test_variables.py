"""What is measured in a cell: every variable against its formula, light, and bounds."""

import cv2
import numpy as np
import pytest

from edge.channels import COARSE_SIGMA_PX, LARGEST_GAIN, SMALLEST_GAIN
from edge.errors import NotJudged
from edge.frame import Pixels
from edge.settings import COLOUR_CHANNELS, Channel, Grid, MapSettings, Variable
from edge.variables import CellVariables, FloatArray, Light, channels_of, variable_count
from edge.verdict import Reason
from training.unit_space import unit_space

TINY = MapSettings(grid=Grid(rows=5, columns=6, cell_px=4))


def noise(shape: tuple[int, ...], seed: int, *, middle: float = 120.0, spread: float = 40.0) -> Pixels:
    drawn = np.random.default_rng(seed).normal(middle, spread, shape)
    return np.clip(np.rint(drawn), 0, 255).astype(np.uint8)


def measured(picture: Pixels, settings: MapSettings) -> CellVariables:
    """Measures against one picture, of which every level is usual that is there at a pixel or beside it."""
    return unit_space([picture], settings, picture).variables(settings)


def literal(settings: MapSettings, reference: FloatArray, seen: FloatArray) -> np.ndarray:
    """(rows, columns, V): each cell cut out and measured by the words of `Variable`."""
    grid = settings.grid
    side = np.ones((3, 3), np.uint8)
    shape = reference.shape
    upper = cv2.dilate(reference, side).reshape(shape)
    lower = cv2.erode(reference, side).reshape(shape)
    coarse = [cv2.GaussianBlur(planes, (0, 0), COARSE_SIGMA_PX).reshape(shape) for planes in (reference, seen)]
    expected = []
    for row in range(grid.rows):
        for column in range(grid.columns):
            cut = np.s_[
                row * grid.cell_px : (row + 1) * grid.cell_px, column * grid.cell_px : (column + 1) * grid.cell_px
            ]
            difference = (seen - reference)[cut]
            detail = (seen - coarse[1])[cut]
            detail_difference = detail - (reference - coarse[0])[cut]
            over, under = np.maximum(seen - upper, 0)[cut], np.maximum(lower - seen, 0)[cut]
            of_cell = {
                Variable.SHIFT: [difference.mean((0, 1))],
                Variable.SCATTER: [np.sqrt(np.square(difference).mean((0, 1)))],
                Variable.DIFFERENCE: [difference.max((0, 1)), difference.min((0, 1))],
                Variable.DETAIL_DIFFERENCE: [detail_difference.max((0, 1)), detail_difference.min((0, 1))],
                Variable.DETAIL: [detail.max((0, 1)), detail.min((0, 1))],
                Variable.DETAIL_SCATTER: [np.sqrt(np.square(detail).mean((0, 1)))],
                Variable.EXCESS: [over.max((0, 1)), under.max((0, 1))],
            }
            expected.append(np.concatenate([part for variable in settings.variables for part in of_cell[variable]]))
    return np.array(expected).reshape(grid.rows, grid.columns, -1)


@pytest.mark.parametrize("is_colour", [False, True])
@pytest.mark.parametrize("variables", [*((one,) for one in Variable), tuple(Variable), tuple(reversed(Variable))])
def test_the_variables_equal_their_words(is_colour: bool, variables: tuple[Variable, ...]) -> None:
    tiny = TINY.model_copy(update={"variables": variables})
    tiny = tiny if is_colour else tiny.for_grey()
    shape = (tiny.grid.height_px, tiny.grid.width_px, *((3,) if is_colour else ()))
    picture, seen = noise(shape, 1), noise(shape, 2, middle=130)
    found = measured(picture, tiny).of(seen)
    gain = 1.0 / Light(picture).gain(seen)
    expected = literal(tiny, channels_of(picture, tiny.channels, gain=1.0), channels_of(seen, tiny.channels, gain=gain))
    assert found.shape == (tiny.grid.rows, tiny.grid.columns, variable_count(tiny))
    np.testing.assert_allclose(found, expected, atol=0.3)  # references are kept in quarters of a grey level


def test_a_picture_equal_to_the_reference_differs_by_nothing() -> None:
    picture = noise((TINY.grid.height_px, TINY.grid.width_px, 3), 1)
    differences = tuple(set(Variable) - {Variable.DETAIL, Variable.DETAIL_SCATTER})
    tiny = TINY.model_copy(update={"variables": differences})
    assert abs(measured(picture, tiny).of(picture)).max() < 0.3


def test_the_gain_is_the_whole_pictures_sensitivity() -> None:
    picture = noise((TINY.grid.height_px, TINY.grid.width_px), 1, middle=100, spread=20)
    m, x = picture.astype(float), (picture // 2 + 40).astype(float)
    assert Light(picture).gain(x.astype(np.uint8)) == pytest.approx((m * x).sum() / (m * m).sum(), rel=1e-6)


@pytest.mark.parametrize(
    ("level", "reason"), [(0, Reason.TOO_DARK), (int(100 * SMALLEST_GAIN) - 2, Reason.TOO_DARK),
                          (int(100 * LARGEST_GAIN) + 2, Reason.TOO_BRIGHT), (255, Reason.TOO_BRIGHT)]
)  # fmt: skip
def test_light_far_from_the_references_is_not_judged(level: int, reason: Reason) -> None:
    picture = np.full((TINY.grid.height_px, TINY.grid.width_px), 100, np.uint8)
    variables = measured(picture, TINY.for_grey())
    with pytest.raises(NotJudged, match="of the reference's brightness") as refused:
        variables.of(np.full_like(picture, level))
    assert refused.value.reason is reason


def test_a_black_reference_judges_nothing() -> None:
    grey, size = TINY.for_grey(), (TINY.grid.height_px, TINY.grid.width_px)
    black, planes = np.zeros(size, np.uint8), np.zeros((*size, 1), np.float32)
    variables = CellVariables(picture=black, mean=planes, upper=planes, lower=planes, settings=grey)
    for level in (0, 1, 255):
        with pytest.raises(NotJudged):
            variables.of(np.full_like(black, level))


def test_channels_come_in_the_order_asked_for() -> None:
    picture = noise((40, 48, 3), 1)
    every = channels_of(picture, tuple(Channel), gain=1.1)
    assert (every.shape, every.dtype) == ((40, 48, len(Channel)), np.dtype(np.float32))
    some = (Channel.YELLOW_BLUE, Channel.LIGHTNESS)
    chosen = channels_of(picture, some, gain=1.1)
    for number, channel in enumerate(some):
        np.testing.assert_allclose(chosen[:, :, number], every[:, :, list(Channel).index(channel)], atol=1e-3)


def test_grey_and_equal_colours_have_the_same_lightness() -> None:
    grey = noise((40, 48), 1)
    names = MapSettings().for_grey().channels
    assert not set(names) & COLOUR_CHANNELS
    coloured = channels_of(cv2.merge([grey, grey, grey]), names, gain=0.9)
    np.testing.assert_allclose(channels_of(grey, names, gain=0.9), coloured, atol=1e-2)
