"""A frame becomes a map: the variables against their formulas, and what a map must show and must not show."""

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.drivers.connector import render
from edge.errors import NotJudged
from edge.frame import Frame, Pixels
from edge.inspection import Inspector
from edge.placing import Placer
from edge.preprocess import (
    CEILING_SIGMA,
    DARK_LEVEL,
    FLOOR_SIGMA,
    LARGEST_GAIN,
    SCATTER_FLOOR,
    SMALLEST_GAIN,
    CellStatistics,
    Light,
    Mapper,
    channels_of,
    grey_of,
    quantised,
)
from edge.settings import COLOUR_CHANNELS, Channel, Grid, MapSettings
from edge.verdict import Reason
from training.registration import place_good_parts
from training.unit_space import unit_space

TINY = MapSettings(grid=Grid(rows=5, columns=6, cell_px=4), windows_cells=(1, 3, 5))


def noise(shape: tuple[int, ...], seed: int, *, middle: float = 120.0, spread: float = 40.0) -> Pixels:
    drawn = np.random.default_rng(seed).normal(middle, spread, shape)
    return np.clip(np.rint(drawn), 0, 255).astype(np.uint8)


def literal_variables(reference: np.ndarray, seen: np.ndarray, side: int, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """β - 1 and ln √V_e of every cell by the formulas of the module, with sums over the pixels of each window.

    Windows at the rim repeat the rim's cells. n·DARK_LEVEL² is added to r, SCATTER_FLOOR to V_e; n instead of n - 1.
    """
    sensitivity, scatter = np.zeros((grid.rows, grid.columns)), np.zeros((grid.rows, grid.columns))
    reach = side // 2
    for row in range(grid.rows):
        for column in range(grid.columns):
            r = slope = energy = n = 0.0
            for near_row in range(row - reach, row + reach + 1):
                for near_column in range(column - reach, column + reach + 1):
                    top = min(max(near_row, 0), grid.rows - 1) * grid.cell_px
                    left = min(max(near_column, 0), grid.columns - 1) * grid.cell_px
                    for y in range(top, top + grid.cell_px):
                        for x in range(left, left + grid.cell_px):
                            m, d = reference[y, x], seen[y, x] - reference[y, x]
                            r, slope, energy, n = r + m * m, slope + m * d, energy + d * d, n + 1
            r += n * DARK_LEVEL**2
            sensitivity[row, column] = slope / r  # β - 1, since L = Σmx = Σm² + Σmd
            scatter[row, column] = 0.5 * math.log((energy - slope * slope / r) / n + SCATTER_FLOOR)
    return sensitivity, scatter


@pytest.mark.parametrize("is_colour", [False, True])
def test_the_variables_equal_their_formulas(is_colour: bool) -> None:
    grid = TINY.grid
    shape = (grid.height_px, grid.width_px, *((3,) if is_colour else ()))
    picture, seen = noise(shape, 1), noise(shape, 2, middle=130)
    tiny = TINY if is_colour else TINY.for_grey()
    reference = channels_of(picture, tiny.channels, gain=1.0)
    statistics = CellStatistics(reference, picture, tiny)
    variables = statistics.of(seen).reshape(grid.rows, grid.columns, len(tiny.windows_cells), 2, len(tiny.channels))
    channels = channels_of(seen, tiny.channels, gain=1.0 / Light(picture).gain(seen)).astype(np.float64)
    for window, side in enumerate(tiny.windows_cells):
        for number in range(len(tiny.channels)):
            expected = literal_variables(reference[:, :, number].astype(np.float64), channels[:, :, number], side, grid)
            np.testing.assert_allclose(variables[:, :, window, 0, number], expected[0], atol=2e-6, rtol=1e-4)
            np.testing.assert_allclose(variables[:, :, window, 1, number], expected[1], atol=1e-4)


def test_a_picture_equal_to_the_reference_has_sensitivity_one_and_no_scatter() -> None:
    picture = noise((TINY.grid.height_px, TINY.grid.width_px, 3), 1)
    statistics = CellStatistics(channels_of(picture, TINY.channels, gain=1.0), picture, TINY)
    np.testing.assert_allclose(statistics.of(picture), 0.0, atol=1e-5)


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
    statistics = CellStatistics(channels_of(picture, TINY.for_grey().channels, gain=1.0), picture, TINY.for_grey())
    with pytest.raises(NotJudged, match="of the reference's brightness") as refused:
        statistics.of(np.full_like(picture, level))
    assert refused.value.reason is reason


def test_a_black_reference_judges_nothing() -> None:
    black = np.zeros((TINY.grid.height_px, TINY.grid.width_px), np.uint8)
    statistics = CellStatistics(channels_of(black, TINY.for_grey().channels, gain=1.0), black, TINY.for_grey())
    for level in (0, 1, 255):
        with pytest.raises(NotJudged):
            statistics.of(np.full_like(black, level))


def test_channels_come_in_the_order_asked_for() -> None:
    picture = noise((40, 48, 3), 1)
    every = channels_of(picture, tuple(Channel), gain=1.1)
    assert every.shape == (40, 48, len(Channel))
    assert every.dtype == np.float32
    some = (Channel.LAPLACIAN, Channel.RED_GREEN, Channel.LIGHTNESS)
    chosen = channels_of(picture, some, gain=1.1)
    for number, channel in enumerate(some):
        np.testing.assert_array_equal(chosen[:, :, number], every[:, :, list(Channel).index(channel)])


def test_grey_and_equal_colours_have_the_same_lightness_channels() -> None:
    grey = noise((40, 48), 1)
    names = MapSettings().for_grey().channels
    assert not set(names) & COLOUR_CHANNELS
    coloured = channels_of(cv2.merge([grey, grey, grey]), names, gain=0.9)
    np.testing.assert_allclose(channels_of(grey, names, gain=0.9), coloured, atol=1e-3)


def test_an_edge_shows_in_the_gradient_across_it_and_not_in_the_one_along_it() -> None:
    picture = np.full((40, 40), 50, np.uint8)
    picture[:, 20:] = 200
    found = channels_of(picture, (Channel.GRADIENT_0, Channel.GRADIENT_90), gain=1.0)
    assert found[20, 18:22, 0].max() > 30
    assert found[20, :, 1].max() < 1e-3


@pytest.mark.parametrize("gain", [0.8, 0.9, 1.1, 1.2])
def test_light_changed_by_a_fifth_hardly_changes_the_map(demo_inspector: Inspector, gain: float) -> None:
    """Measured: 3 levels of 255 on average, a fifth of a deviation.

    That holds while nothing is clipped: gleaming pins at the end of the scale are a change. So the light is taken
    down a little first.
    """
    for part in range(3):
        pixels = render(seed=8, part=part) * 0.85
        before = map_of(demo_inspector, np.rint(pixels).astype(np.uint8))
        after = map_of(demo_inspector, np.rint(np.minimum(pixels * gain, 255)).astype(np.uint8))
        difference = after.astype(int) - before
        assert abs(difference).mean() < 7
        assert abs(difference.mean()) < 5
        assert abs(difference).max() < 45


def test_a_local_change_lights_up_its_own_cells_and_none_far_away(demo_inspector: Inspector) -> None:
    pixels = render(seed=8, part=1)
    changed = pixels.copy()
    changed[200:232, 300:332] = (40, 120, 200)  # of 640x480: cells 15 to 17.4 down, 18.3 to 20.2 across
    difference = map_of(demo_inspector, changed).astype(int) - map_of(demo_inspector, pixels)
    rows, columns = np.mgrid[:36, :39]
    is_near = (abs(rows - 16) <= 4) & (abs(columns - 19) <= 4)
    assert difference[15:18, 18:21].min() > 60
    row, column = np.unravel_index(int(np.argmax(difference)), difference.shape)
    assert 14 <= row <= 18
    assert 17 <= column <= 21
    assert abs(difference[~is_near]).mean() < 4
    assert abs(difference[~is_near]).max() < 40


def test_good_parts_that_were_never_seen_do_not_glow(demo_inspector: Inspector) -> None:
    maps = np.stack([map_of(demo_inspector, render(seed=8, part=part)) for part in range(8)])
    zero = -FLOOR_SIGMA / (CEILING_SIGMA - FLOOR_SIGMA) * 255
    assert abs(np.median(maps) - zero) < 10
    assert np.percentile(maps, 99) < 120


FORMATS = [
    pytest.param(2592, 1944, True, id="large"),
    pytest.param(1920, 1080, False, id="large grey"),
    pytest.param(333, 217, True, id="odd"),
    pytest.param(217, 333, False, id="upright grey"),
    pytest.param(64, 48, True, id="smaller than the working picture"),
    pytest.param(33, 37, False, id="hardly a picture"),
]


@pytest.mark.parametrize(("width", "height", "is_colour"), FORMATS)
def test_frames_of_any_size_give_maps_that_show_the_place(width: int, height: int, is_colour: bool) -> None:
    shaped = MapSettings(grid=Grid(rows=9, columns=12, cell_px=8), windows_cells=(1,), shrinkage=0.5)
    shaped = shaped if is_colour else shaped.for_grey()

    def frame(part: int) -> Frame:
        pixels = cv2.resize(render(seed=3, part=part), (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8)
        return Frame(pixels=pixels if is_colour else grey_of(pixels))

    placer, placed = place_good_parts([frame(part) for part in range(6)], shaped)
    references = unit_space([part.pixels for part in placed], shaped, placed[0].pixels)
    mapper = Mapper(references, shaped)
    unseen = frame(7)
    placer.check_format(unseen)
    good = mapper.to_map(placer.place(unseen).pixels)
    assert (good.shape, good.dtype) == ((9, 12), np.dtype(np.uint8))
    pixels = unseen.pixels.copy()
    pixels[height * 4 // 9 : height * 5 // 9, width * 6 // 12 : width * 7 // 12] = 255  # cell (4, 6)
    rise = mapper.to_map(placer.place(Frame(pixels=pixels)).pixels).astype(int) - good
    row, column = np.unravel_index(int(np.argmax(rise)), rise.shape)
    assert max(abs(row - 4), abs(column - 6)) <= 1
    assert rise.max() > 20


def test_a_part_moved_by_a_known_amount_is_brought_back(demo_inspector: Inspector) -> None:
    pixels = render(seed=8, part=2)
    turn = cv2.getRotationMatrix2D((319.5, 239.5), 1.5, 1.0)
    turn[:, 2] += (7.3, -5.1)
    moved = cv2.warpAffine(pixels, turn, (640, 480), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    before, after = (demo_inspector.inspect(Frame(pixels=picture)) for picture in (pixels, moved.astype(np.uint8)))
    assert before.working is not None
    assert after.working is not None
    middle = np.s_[40:-40, 40:-40]
    difference = after.working.pixels[middle].astype(int) - before.working.pixels[middle]
    assert abs(difference).mean() < 3
    assert math.degrees(after.working.placement.rotation_rad - before.working.placement.rotation_rad) == pytest.approx(
        -1.5, abs=0.05
    )


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((480, 641, 3), "641x480 pixels, the model was trained on 640x480"),
        ((640, 480, 3), "480x640 pixels, the model was trained on 640x480"),
        ((480, 640), "a grey picture, the model was trained on colour"),
    ],
)
def test_a_frame_of_another_format_is_not_judged(demo_inspector: Inspector, shape: tuple[int, ...], words: str) -> None:
    verdict = demo_inspector.inspect(Frame(pixels=np.full(shape, 90, np.uint8))).verdict
    assert (verdict.reason, verdict.detail) == (Reason.WRONG_FORMAT, words)


def test_quantising_keeps_the_range_and_rounds() -> None:
    step = (CEILING_SIGMA - FLOOR_SIGMA) / 255
    assert quantised(np.array([-100.0, FLOOR_SIGMA, CEILING_SIGMA, 100.0])).tolist() == [0, 0, 255, 255]
    assert quantised(np.array([FLOOR_SIGMA + 0.49 * step, FLOOR_SIGMA + 0.51 * step])).tolist() == [0, 1]


@settings(max_examples=50)
@given(st.lists(st.floats(-1e30, 1e30), min_size=1, max_size=30))
def test_quantising_keeps_the_order(sigmas: list[float]) -> None:
    ordered = quantised(np.sort(np.array(sigmas)))
    assert (np.diff(ordered.astype(int)) >= 0).all()


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_map_with_a_value_that_is_no_number_is_not_judged(bad: float) -> None:
    with pytest.raises(NotJudged) as refused:
        quantised(np.array([0.0, bad, 1.0]))
    assert refused.value.reason is Reason.NOT_FINITE


@pytest.mark.parametrize("side", [0, 2, 16, -1])
def test_a_window_without_a_middle_is_refused(side: int) -> None:
    with pytest.raises(ValueError, match="windows_cells"):
        MapSettings(windows_cells=(side,))


def map_of(inspector: Inspector, pixels: Pixels) -> Pixels:
    cell_map = inspector.inspect(Frame(pixels=pixels)).cell_map
    assert cell_map is not None
    return cell_map


def test_a_placer_takes_frames_that_are_not_to_be_aligned() -> None:
    """Brought into place by a known placement, a frame is only resized."""
    pixels = noise((72 * 4, 96 * 4), 3)
    smooth = cv2.GaussianBlur(pixels, (0, 0), 6).astype(np.uint8)
    tiny = MapSettings(grid=Grid(rows=9, columns=12, cell_px=8)).for_grey()
    placer = Placer(np.zeros((72, 96), np.uint8), tiny, frame_width=384, frame_height=288)
    placement = placer.place(Frame(pixels=smooth)).placement  # no reference: fits nothing
    assert placement.fit == 0.0
    still = type(placement)(x_px=0.0, y_px=0.0, rotation_rad=0.0, fit=1.0)
    found = placer.place_at(Frame(pixels=smooth), still).pixels
    expected = cv2.resize(smooth, (96, 72), interpolation=cv2.INTER_AREA)
    assert abs(found.astype(int) - expected).max() <= 1
