"""A window of the frame is looked at as if the camera saw nothing else, and parts may lie in it as they may in all."""

import itertools
import math

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from edge.alignment import Placement
from edge.drivers.connector import HEIGHT_PX, WIDTH_PX, render
from edge.errors import BundleError
from edge.frame import Frame, Pixels
from edge.manifest import parse_manifest
from edge.placing import Placer
from edge.settings import AlignmentMode, AlignmentSettings, MapSettings, Window
from edge.view import View
from tests.small_model import Small
from training.errors import TrainingError
from training.placed_parts import placed_parts
from training.registration import WIDEST_SHIFT
from training.window import look_at, narrowed

FRAME = (1280, 960)  # of a camera that sees twice as much as the part
CORNER = (296, 232)  # where the rendered picture lies in it
WINDOW = Window(left=CORNER[0], top=CORNER[1], width=WIDTH_PX, height=HEIGHT_PX)
PARTS = 6


def far_away(part: int, *, x: int = 0, y: int = 0, surroundings: int = 0) -> Pixels:
    """The connector in a frame with other things around it. surroundings: another number, other things."""
    noise = np.random.default_rng(surroundings).integers(0, 256, (FRAME[1] // 40, FRAME[0] // 40, 3), dtype=np.uint8)
    frame = cv2.resize(noise, FRAME, interpolation=cv2.INTER_CUBIC)
    left, top = CORNER[0] + x, CORNER[1] + y
    frame[top : top + HEIGHT_PX, left : left + WIDTH_PX] = render(seed=8, part=part)
    return np.asarray(frame, dtype=np.uint8)


def shown(settings: MapSettings, pixels: Pixels, placement: Placement) -> Pixels:
    """What a placer without a reference makes of it."""
    grid, (height, width) = settings.grid, pixels.shape[:2]
    blank = np.zeros((grid.height_px, grid.width_px, 3), np.uint8)
    placer = Placer(blank, settings, frame_width=width, frame_height=height)
    return placer.place_at(Frame(pixels=pixels), placement).pixels


def placer_of_window() -> Placer:
    settings = MapSettings(window=WINDOW)
    reference = shown(settings, far_away(1), Placement(x_px=0, y_px=0, rotation_rad=0, fit=1))
    return Placer(reference, settings, frame_width=FRAME[0], frame_height=FRAME[1])


def box(frame: tuple[int, int], left: int, top: int, right: int, bottom: int) -> npt.NDArray[np.bool_]:
    """(height, width) bool, True in a box of a frame (width, height)."""
    inspected = np.zeros(frame[::-1], np.bool_)
    inspected[top:bottom, left:right] = True
    return inspected


@pytest.mark.parametrize(
    "placement",
    [
        Placement(x_px=0, y_px=0, rotation_rad=0, fit=1),
        Placement(x_px=2, y_px=-3, rotation_rad=math.radians(2), fit=1),
    ],
)
def test_a_window_shows_what_a_camera_would_that_saw_only_that(placement: Placement) -> None:
    whole = far_away(1)
    cut = np.ascontiguousarray(whole[WINDOW.pixels])
    by_window = shown(MapSettings(window=WINDOW), whole, placement)
    by_camera = shown(MapSettings(), cut, placement)
    inside = np.s_[24:-24, 24:-24]  # nearer to the rim a moved part shows what the smaller camera did not see
    assert np.abs(by_window[inside].astype(int) - by_camera[inside]).max() <= 1


def test_the_whole_frame_as_a_window_changes_nothing() -> None:
    still = Placement(x_px=1.5, y_px=-2, rotation_rad=0.05, fit=1)
    whole = Window(left=0, top=0, width=FRAME[0], height=FRAME[1])
    by_window = shown(MapSettings(window=whole), far_away(1), still)
    np.testing.assert_array_equal(by_window, shown(MapSettings(), far_away(1), still))


@pytest.mark.parametrize(("x", "y"), [(0, 0), (30, 0), (-24, 20)])
def test_a_shifted_part_is_seen_whole_and_what_lies_around_it_does_not_matter(x: int, y: int) -> None:
    placer = placer_of_window()
    reference = placer.place(Frame(pixels=far_away(1))).pixels
    found = placer.place(Frame(pixels=far_away(1, x=x, y=y, surroundings=7)))
    scale = 160 / WIDTH_PX
    assert (found.placement.x_px, found.placement.y_px) == pytest.approx((x * scale, y * scale), abs=0.1)
    placer.aligner.check(found.placement, smallest_fit=0.9)
    inside = np.s_[4:-4, 4:-4]  # all of the part; without a window, what leaves the frame is not seen
    assert np.abs(found.pixels[inside].astype(int) - reference[inside]).mean() < 2


def test_a_part_at_any_angle_is_looked_at_as_far_as_the_frame_reaches() -> None:
    """The window's corners lie well within the frame, so that they are inspected at every angle."""
    settings = MapSettings(window=WINDOW, alignment=AlignmentSettings(mode=AlignmentMode.ANY_ANGLE))
    view = View(settings, frame_width=FRAME[0], frame_height=FRAME[1])
    assert not view.beyond_turning().any()
    beside = MapSettings(window=WINDOW.model_copy(update={"left": 0, "top": 0}), alignment=settings.alignment)
    assert View(beside, frame_width=FRAME[0], frame_height=FRAME[1]).beyond_turning().any()
    for degrees in (45, 90, 150):
        placement = Placement(x_px=0, y_px=0, rotation_rad=math.radians(degrees), fit=1)
        corners = view.seen(placement).astype(np.float32)
        for x, y in itertools.product((0.0, settings.grid.width_px - 1.0), (0.0, settings.grid.height_px - 1.0)):
            assert cv2.pointPolygonTest(corners, (x, y), measureDist=False) > 0


def test_large_frames_are_halved_by_what_is_shown_of_them() -> None:
    """So that a small window keeps its pixels, and a large one costs no more than a frame of its size."""
    large = (2560, 1920)
    whole = View(MapSettings(), frame_width=large[0], frame_height=large[1])
    assert whole.reduced(np.zeros(large[::-1], np.uint8)).shape == (480, 640)
    window = Window(left=960, top=720, width=640, height=480)
    small = View(MapSettings(window=window), frame_width=large[0], frame_height=large[1])
    assert small.shown_size == (640, 480)
    rows, columns = small.reduced(np.zeros(large[::-1], np.uint8)).shape
    assert 480 < rows < 800
    assert 640 < columns < 900


@pytest.mark.parametrize("frame", [(640, 480), (641, 479), (1456, 1088), (4056, 3040)])
def test_every_window_lies_in_its_frame_and_holds_what_is_inspected(frame: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    width, height = frame
    for _ in range(60):
        left, top = int(random.integers(0, width - 9)), int(random.integers(0, height - 9))
        right, bottom = int(random.integers(left + 8, width)), int(random.integers(top + 8, height))
        found = narrowed(MapSettings(), box(frame, left, top, right, bottom))
        window = found.window
        if window is None:
            assert found == MapSettings()
            continue
        assert 0 <= window.left <= left < right <= window.right <= width
        assert 0 <= window.top <= top < bottom <= window.bottom <= height
        assert max(window.width, window.height) * WIDEST_SHIFT >= max(frame) * MapSettings().alignment.largest_shift
        assert found.alignment == MapSettings().alignment
        View(found, frame_width=width, frame_height=height)


def test_nothing_changes_where_nearly_everything_is_inspected() -> None:
    assert narrowed(MapSettings(), None) == MapSettings()
    assert narrowed(MapSettings(), box(FRAME, 20, 20, 1260, 940)) == MapSettings()
    two_corners = box(FRAME, 0, 0, 50, 50) | box(FRAME, 1200, 900, 1280, 960)
    assert narrowed(MapSettings(), two_corners) == MapSettings()


def test_how_parts_lie_is_asked_of_the_window_where_all_around_them_changes() -> None:
    frames = [Frame(pixels=far_away(part, x=part, surroundings=part)) for part in range(PARTS)]
    inspected = box(FRAME, *CORNER, CORNER[0] + WIDTH_PX, CORNER[1] + HEIGHT_PX)
    choice, settings = look_at(frames, MapSettings(), inspected=None)
    assert choice.mode is not AlignmentMode.FIXTURE
    assert settings.window is None
    choice, settings = look_at(frames, MapSettings(), inspected=inspected)
    assert choice.mode is settings.alignment.mode is AlignmentMode.FIXTURE
    assert settings.window is not None
    told, settings = look_at(frames, MapSettings(), inspected=inspected, mode=AlignmentMode.NONE)
    assert told.mode is settings.alignment.mode is AlignmentMode.NONE
    assert settings.window is not None


def test_parts_that_lie_too_far_off_for_their_region_are_told_with_what_to_do() -> None:
    frames = [Frame(pixels=far_away(part, x=0 if part < PARTS - 2 else 120)) for part in range(PARTS)]
    settings = narrowed(MapSettings(), box(FRAME, *CORNER, CORNER[0] + WIDTH_PX, CORNER[1] + HEIGHT_PX))
    with pytest.raises(TrainingError, match=r"of 6 good parts .* draw the regions of dataset\.yaml wider"):
        placed_parts(frames, settings, seed=0)


def test_a_manifest_without_a_window_is_written_as_before_there_were_any(small_model: Small) -> None:
    written = small_model.bundle.manifest.model_dump_json().encode()
    assert b"window" not in written
    assert parse_manifest(written) == small_model.bundle.manifest


@pytest.mark.parametrize(
    ("window", "words"),
    [
        ('{"left": 100, "top": 0, "width": 64, "height": 64}', "64x64 pixels from (100, 0), and the frames are 128x96"),
        ('{"left": 0, "top": 40, "width": 64, "height": 64}', "64x64 pixels from (0, 40), and the frames are 128x96"),
        ('{"left": -1, "top": 0, "width": 64, "height": 64}', "map.window.left"),
        ('{"left": 0, "top": 0, "width": 8, "height": 64}', "map.window.width"),
        ('{"left": 0.5, "top": 0, "width": 64, "height": 64}', "map.window.left"),
        ('{"left": 0, "top": 0, "width": 64, "height": 64, "turn": 1}', "window.turn: this version does not know it"),
    ],
)
def test_a_window_that_no_frame_has_is_refused(small_model: Small, window: str, words: str) -> None:
    manifest = small_model.bundle.manifest
    whole = Window(left=0, top=0, width=128, height=96)
    written = manifest.model_copy(update={"map": manifest.map.model_copy(update={"window": whole})})
    text = written.model_dump_json().replace(whole.model_dump_json(), window.replace(" ", ""))
    assert window.replace(" ", "") in text
    with pytest.raises(BundleError) as caught:
        parse_manifest(text.encode())
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert parse_manifest(written.model_dump_json().encode()).map.window == whole
