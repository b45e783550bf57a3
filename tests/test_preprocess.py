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
from edge.preprocess import CEILING_SIGMA, FLOOR_SIGMA, CellFunction, Mapper, cell_levels
from edge.settings import Grid, MapSettings
from edge.variables import grey_of
from edge.verdict import Reason
from tests.small_model import Small
from training.cell_examples import cell_examples
from training.cells import learn_cells
from training.registration import place_good_parts
from training.unit_space import unit_space


def noise(shape: tuple[int, ...], seed: int, *, middle: float = 120.0, spread: float = 40.0) -> Pixels:
    drawn = np.random.default_rng(seed).normal(middle, spread, shape)
    return np.clip(np.rint(drawn), 0, 255).astype(np.uint8)


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
    of_change = difference[15:18, 18:21]
    assert np.median(of_change) > 60  # its flat middle is less unusual than its rim: a cell of it may even be quieter
    assert of_change.mean() > 60
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
    shaped = MapSettings(grid=Grid(rows=9, columns=12, cell_px=8))
    shaped = shaped if is_colour else shaped.for_grey()

    def frame(part: int) -> Frame:
        pixels = cv2.resize(render(seed=3, part=part), (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8)
        return Frame(pixels=pixels if is_colour else grey_of(pixels))

    placer, placed = place_good_parts([frame(part) for part in range(6)], shaped)
    pictures = [part.pixels for part in placed]
    function = learn_cells(cell_examples(pictures, placer, np.random.default_rng(0)), seed=0, description="", steps=60)
    mapper = Mapper(unit_space(pictures, shaped, placed[0].pixels), function, shaped)
    unseen = frame(7)
    placer.check_format(unseen)
    good = map_by(mapper, placer.place(unseen).pixels)
    assert (good.shape, good.dtype) == ((9, 12), np.dtype(np.uint8))
    pixels = unseen.pixels.copy()
    pixels[height * 4 // 9 : height * 5 // 9, width * 6 // 12 : width * 7 // 12] = 255  # cell (4, 6)
    rise = map_by(mapper, placer.place(Frame(pixels=pixels)).pixels).astype(int) - good
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


GRID = Grid(rows=4, columns=4)


def levels(sigmas: list[float]) -> list[int]:
    padded = np.zeros(GRID.cells)
    padded[: len(sigmas)] = sigmas
    return [int(level) for level in cell_levels(padded, GRID).ravel()[: len(sigmas)]]


def test_levels_keep_the_range_and_round() -> None:
    step = (CEILING_SIGMA - FLOOR_SIGMA) / 255
    assert levels([-100.0, FLOOR_SIGMA, CEILING_SIGMA, 100.0]) == [0, 0, 255, 255]
    assert levels([FLOOR_SIGMA + 0.49 * step, FLOOR_SIGMA + 0.51 * step]) == [0, 1]


@settings(max_examples=50)
@given(st.lists(st.floats(-1e30, 1e30), min_size=1, max_size=GRID.cells))
def test_levels_keep_the_order(sigmas: list[float]) -> None:
    assert levels(sorted(sigmas)) == sorted(levels(sigmas))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_map_with_a_value_that_is_no_number_is_not_judged(bad: float) -> None:
    with pytest.raises(NotJudged) as refused:
        levels([0.0, bad, 1.0])
    assert refused.value.reason is Reason.NOT_FINITE


def slow_function(function: CellFunction, variables: np.ndarray) -> np.ndarray:
    """The cell function in loops over cells, as its docstring says."""
    rows, columns = variables.shape[:2]
    scaled = np.clip((variables - function.centre) / function.scale, -20, 20)
    found = np.zeros((rows, columns))
    for row in range(rows):
        for column in range(columns):
            near = [
                scaled[min(max(row + down, 0), rows - 1), min(max(column + across, 0), columns - 1)]
                for down in (-1, 0, 1)
                for across in (-1, 0, 1)
            ]
            inputs = np.concatenate([scaled[row, column], np.mean(near, axis=0)])
            first = np.maximum(inputs @ function.inwards + function.unit_space[row * columns + column], 0)
            second = np.maximum(first @ function.across + function.across_bias, 0)
            found[row, column] = (second @ function.outwards - function.middle[0]) / function.deviation[0]
    return found.ravel()


def test_the_cell_function_equals_its_formula(small_model: Small) -> None:
    random, rows, columns = np.random.default_rng(0), 9, 12
    function = small_model.bundle.cells
    drawn = random.normal(0, 30, (rows, columns, len(function.centre))).astype(np.float32)
    np.testing.assert_allclose(function.of(drawn), slow_function(function, drawn), rtol=1e-3, atol=1e-3)


def test_what_is_not_inspected_cannot_change_the_map() -> None:
    shaped = MapSettings(grid=Grid(rows=9, columns=12, cell_px=8))
    picture = noise((shaped.grid.height_px, shaped.grid.width_px, 3), 1)
    inspected = np.full(picture.shape[:2], 255, np.uint8)
    inspected[:, 48:] = 0
    placer = Placer(picture, shaped, frame_width=96, frame_height=72, inspected=inspected)
    pixels = picture.copy()
    before = placer.place(Frame(pixels=pixels)).pixels
    pixels = pixels.copy()
    pixels[20:40, 60:90] = 255 - pixels[20:40, 60:90]
    after = placer.place_at(Frame(pixels=pixels), placer.place(Frame(pixels=picture)).placement)
    assert abs(placer.unmasked(after.pixels)[:, 50:].astype(int) - picture[:, 50:]).max() == 0
    assert abs(placer.unmasked(after.pixels)[:, :46].astype(int) - before[:, :46]).max() <= 1


def map_by(mapper: Mapper, pixels: Pixels) -> Pixels:
    return mapper.to_map(pixels, grey=grey_of(pixels))


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
