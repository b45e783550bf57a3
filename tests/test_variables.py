"""What is measured in a cell: every variable against its formula, light, and bounds."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from edge.channels import COARSE_SIGMA_PX, LARGEST_GAIN, SMALLEST_GAIN, Levels
from edge.errors import NotJudged
from edge.frame import Pixels
from edge.plane_cells import Usual
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


def literal(settings: MapSettings, reference: Levels, seen: Levels) -> np.ndarray:
    """(rows, columns, V): each cell cut out and measured by the words of `Variable`."""
    colours = [channel for channel in settings.channels if channel in COLOUR_CHANNELS]
    of_channel = {}
    for channel in settings.channels:
        if channel is Channel.LIGHTNESS:
            planes = [levels.lightness[:, :, 0] for levels in (reference, seen)]
            of_channel[channel] = literal_of_one(settings.grid, *planes, sigma_px=COARSE_SIGMA_PX)
        else:
            planes = [levels.colours[:, :, colours.index(channel)] for levels in (reference, seen)]
            of_channel[channel] = literal_of_one(settings.grid, *planes, sigma_px=COARSE_SIGMA_PX / 2)
    in_order = [
        each
        for variable in settings.variables
        for sides in zip(*(of_channel[channel][variable] for channel in settings.channels), strict=True)
        for each in sides
    ]
    return np.stack(in_order, axis=2)


def literal_of_one(
    grid: Grid, reference: FloatArray, seen: FloatArray, *, sigma_px: float
) -> dict[Variable, list[np.ndarray]]:
    """Levels (H, W) of one channel → (rows, columns) each."""
    side = np.ones((3, 3), np.uint8)
    upper, lower = cv2.dilate(reference, side), cv2.erode(reference, side)
    difference, detail = seen - reference, seen - cv2.GaussianBlur(seen, (0, 0), sigma_px)
    detail_difference = detail - (reference - cv2.GaussianBlur(reference, (0, 0), sigma_px))
    over, under = np.maximum(seen - upper, 0), np.maximum(lower - seen, 0)
    down, across = seen.shape[0] // grid.rows, seen.shape[1] // grid.columns

    def cells(planes: np.ndarray, tell: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        cut = [np.split(rows, grid.columns, axis=1) for rows in np.split(planes, grid.rows)]
        assert cut[0][0].shape == (down, across)
        return np.array([[tell(cell) for cell in row] for row in cut])

    return {
        Variable.SHIFT: [cells(difference, np.mean)],
        Variable.SCATTER: [np.sqrt(cells(np.square(difference), np.mean))],
        Variable.DIFFERENCE: [cells(difference, np.max), cells(difference, np.min)],
        Variable.DETAIL_DIFFERENCE: [cells(detail_difference, np.max), cells(detail_difference, np.min)],
        Variable.DETAIL: [cells(detail, np.max), cells(detail, np.min)],
        Variable.DETAIL_SCATTER: [np.sqrt(cells(np.square(detail), np.mean))],
        Variable.EXCESS: [cells(over, np.max), cells(under, np.max)],
    }


@pytest.mark.parametrize(
    "channels",
    [
        (Channel.LIGHTNESS,),
        tuple(Channel),
        (Channel.YELLOW_BLUE, Channel.LIGHTNESS, Channel.RED_GREEN),
        (Channel.YELLOW_BLUE, Channel.RED_GREEN),
    ],
)
@pytest.mark.parametrize("variables", [*((one,) for one in Variable), tuple(Variable), tuple(reversed(Variable))])
def test_the_variables_equal_their_words(channels: tuple[Channel, ...], variables: tuple[Variable, ...]) -> None:
    tiny = TINY.model_copy(update={"variables": variables, "channels": channels})
    shape = (tiny.grid.height_px, tiny.grid.width_px, *((3,) if tiny.is_colour else ()))
    picture, seen = noise(shape, 1), noise(shape, 2, middle=130)
    found = measured(picture, tiny).of(seen)
    gain = 1.0 / Light(picture).gain(seen)
    expected = literal(tiny, channels_of(picture, channels, gain=1.0), channels_of(seen, channels, gain=gain))
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
    usual = Usual(mean=planes, upper=planes, lower=planes)
    variables = CellVariables(picture=black, lightness=usual, colours=usual, settings=grey)
    for level in (0, 1, 255):
        with pytest.raises(NotJudged):
            variables.of(np.full_like(black, level))


def test_channels_come_in_the_order_asked_for() -> None:
    picture = noise((40, 48, 3), 1)
    every = channels_of(picture, tuple(Channel), gain=1.1)
    assert (every.lightness.shape, every.lightness.dtype) == ((40, 48, 1), np.dtype(np.float32))
    assert (every.colours.shape, every.colours.dtype) == ((20, 24, 2), np.dtype(np.float32))
    turned = channels_of(picture, (Channel.YELLOW_BLUE, Channel.LIGHTNESS, Channel.RED_GREEN), gain=1.1)
    np.testing.assert_array_equal(turned.colours, every.colours[:, :, ::-1])
    np.testing.assert_array_equal(turned.lightness, every.lightness)
    one = channels_of(picture, (Channel.YELLOW_BLUE,), gain=1.1)
    np.testing.assert_array_equal(one.colours, every.colours[:, :, 1:])
    assert one.lightness.shape == (40, 48, 0)


def test_grey_and_equal_colours_have_the_same_lightness() -> None:
    grey = noise((40, 48), 1)
    names = MapSettings().for_grey().channels
    assert not set(names) & COLOUR_CHANNELS
    coloured = channels_of(cv2.merge([grey, grey, grey]), names, gain=0.9)
    alone = channels_of(grey, names, gain=0.9)
    np.testing.assert_array_equal(alone.lightness, coloured.lightness)
    assert alone.colours.shape == (20, 24, 0)
