"""Frames are brought into place, and what lies outside the frame makes no difference."""

import math

import cv2
import numpy as np
import pytest

from edge.alignment import Placement
from edge.drivers.connector import render
from edge.frame import Frame, Pixels
from edge.placing import Placer
from edge.settings import AlignmentMode, AlignmentSettings, Grid, MapSettings
from training.moved_pictures import Motion

WIDTH_PX, HEIGHT_PX = 640, 480


def settings(mode: AlignmentMode) -> MapSettings:
    return MapSettings(alignment=AlignmentSettings(mode=mode))


def placer_for(pixels: Pixels, mode: AlignmentMode) -> Placer:
    maps = settings(mode)
    still = Placement(x_px=0.0, y_px=0.0, rotation_rad=0.0, fit=1.0)
    shape = (maps.grid.height_px, maps.grid.width_px, 3)
    blank = Placer(np.zeros(shape, np.uint8), maps, frame_width=WIDTH_PX, frame_height=HEIGHT_PX)
    picture = blank.place_at(Frame(pixels=pixels), still).pixels
    return Placer(picture, maps, frame_width=WIDTH_PX, frame_height=HEIGHT_PX)


def bracket() -> Pixels:
    """A part on a plain ground that differs from corner to corner, as light does; it looks different at every angle."""
    picture = np.full((HEIGHT_PX, WIDTH_PX, 3), 60, np.uint8)
    cv2.rectangle(picture, (220, 180), (420, 300), (190, 180, 170), -1)
    cv2.circle(picture, (260, 240), 24, (90, 80, 70), -1)
    cv2.rectangle(picture, (380, 130), (410, 180), (150, 150, 140), -1)
    return cv2.GaussianBlur(picture, (0, 0), 2).astype(np.uint8)


def outside_the_frame(placer: Placer, motion: Motion) -> np.ndarray:
    """Where the working picture of a moved frame cannot have been seen: all white frames stay white there only."""
    seen = motion.of(np.full((HEIGHT_PX, WIDTH_PX), 255, np.uint8))
    assert seen.min() == 255  # mirrored
    grid = MapSettings().grid
    scale = 160 / WIDTH_PX
    placement = Placement(
        x_px=motion.x_px * scale, y_px=motion.y_px * scale, rotation_rad=math.radians(motion.degrees), fit=1.0
    )
    matrix = placement.matrix(width=160, height=120)
    y, x = np.mgrid[: grid.height_px, : grid.width_px]
    small = np.stack([(x + 0.5) * 160 / grid.width_px - 0.5, (y + 0.5) * 120 / grid.height_px - 0.5, np.ones_like(x)])
    across, down = np.einsum("rc,chw->rhw", matrix, small)
    return (across < -1) | (across > 160) | (down < -1) | (down > 120)


@pytest.mark.parametrize("light", [0.75, 1.0, 1.2])
def test_what_lies_outside_the_frame_is_taken_from_the_reference_in_the_frames_light(light: float) -> None:
    pixels = np.rint(render(seed=8, part=1) * 0.8).astype(np.uint8)
    placer = placer_for(pixels, AlignmentMode.FIXTURE)
    reference = placer.place(Frame(pixels=pixels)).pixels.astype(float)
    motion = Motion(x_px=20.0, y_px=-15.0, degrees=9.0)
    moved = motion.of(pixels)
    moved[:2] = moved[-2:] = 255  # a bright rim would be smeared all over the corners
    moved = np.clip(np.rint(moved * light), 0, 255).astype(np.uint8)
    found = placer.place(Frame(pixels=moved))
    unseen = outside_the_frame(placer, motion)
    assert 0.02 < unseen.mean() < 0.3
    difference = np.abs(found.pixels.astype(float) - light * reference)[unseen]
    assert difference.mean() < 4
    smeared = placer.place_at(Frame(pixels=moved), found.placement).pixels
    assert np.abs(smeared.astype(float) - light * reference)[unseen].mean() > 20


def test_what_is_not_inspected_does_not_say_where_the_part_lies() -> None:
    pixels, maps = render(seed=8, part=1), MapSettings().aligned(AlignmentMode.FIXTURE)
    picture = placer_for(pixels, AlignmentMode.FIXTURE).place(Frame(pixels=pixels)).pixels
    inspected = np.full(picture.shape[:2], 255, np.uint8)
    inspected[:, : picture.shape[1] // 2] = 0
    moved = Motion(x_px=12.0, y_px=-8.0, degrees=0.0).of(pixels)
    moved[:, : WIDTH_PX // 2 - 24] = render(seed=8, part=1)[:, 24 : WIDTH_PX // 2]  # the other half lies elsewhere

    def shift_of(mask: np.ndarray | None) -> float:
        placer = Placer(picture, maps, frame_width=WIDTH_PX, frame_height=HEIGHT_PX, inspected=mask)
        placement = placer.place(Frame(pixels=moved)).placement
        return math.hypot(placement.x_px - 12 * 160 / WIDTH_PX, placement.y_px + 8 * 160 / WIDTH_PX)

    assert shift_of(inspected) < 0.3
    assert shift_of(None) > 1.0


def test_a_mask_that_leaves_next_to_nothing_leaves_the_search_as_it_is() -> None:
    pixels = render(seed=8, part=1)
    picture = placer_for(pixels, AlignmentMode.FIXTURE).place(Frame(pixels=pixels)).pixels
    inspected = np.zeros(picture.shape[:2], np.uint8)
    inspected[100:130, 100:130] = 255
    placer = Placer(
        picture, placer_for(pixels, AlignmentMode.FIXTURE).settings, frame_width=WIDTH_PX, frame_height=HEIGHT_PX,
        inspected=inspected,
    )  # fmt: skip
    placement = placer.place(Frame(pixels=Motion(x_px=12.0, y_px=0.0, degrees=0.0).of(pixels))).placement
    assert placement.x_px == pytest.approx(12 * 160 / WIDTH_PX, abs=0.2)


@pytest.mark.parametrize("degrees", [37.0, 90.0, -135.0, 178.0])
def test_a_part_on_a_plain_ground_looks_the_same_at_any_angle(degrees: float) -> None:
    pixels = bracket()
    placer = placer_for(pixels, AlignmentMode.ANY_ANGLE)
    reference = placer.place(Frame(pixels=pixels)).pixels
    found = placer.place(Frame(pixels=Motion(x_px=12.0, y_px=-9.0, degrees=degrees).of(pixels)))
    assert math.degrees(found.placement.rotation_rad) == pytest.approx(degrees, abs=0.2)
    difference = np.abs(found.pixels.astype(int) - reference)
    assert difference.mean() < 1
    assert difference.max() < 40  # along edges


def test_at_any_angle_the_corners_never_count() -> None:
    """They are outside the frame at most angles; a stain there turns up at none."""
    pixels = bracket()
    placer = placer_for(pixels, AlignmentMode.ANY_ANGLE)
    clean = placer.place(Frame(pixels=pixels)).pixels
    stained = pixels.copy()
    stained[:60, :60] = stained[-60:, -60:] = 90
    found = placer.place(Frame(pixels=stained)).pixels
    assert np.abs(found.astype(int) - clean).max() <= 3  # a little more light


def test_a_part_that_does_not_move_is_seen_up_to_the_rim() -> None:
    pixels = render(seed=8, part=1)
    placer = placer_for(pixels, AlignmentMode.FIXTURE)
    changed = pixels.copy()
    changed[:6, 100:200] = 255
    rise = placer.place(Frame(pixels=changed)).pixels.astype(int) - placer.place(Frame(pixels=pixels)).pixels
    assert rise[1:3, 55:90].min() > 60


def test_without_alignment_a_frame_is_only_resized() -> None:
    smooth = cv2.GaussianBlur(np.random.default_rng(3).integers(0, 256, (288, 384)).astype(np.uint8), (0, 0), 6)
    frame = Frame(pixels=np.ascontiguousarray(smooth.astype(np.uint8)))
    tiny = MapSettings(grid=Grid(rows=9, columns=12), alignment=AlignmentSettings(mode=AlignmentMode.NONE)).for_grey()
    placer = Placer(np.zeros((72, 96), np.uint8), tiny, frame_width=384, frame_height=288)
    found = placer.place(frame)
    placer.aligner.check(found.placement, smallest_fit=1.0)
    expected = cv2.resize(frame.pixels, (96, 72), interpolation=cv2.INTER_AREA)
    assert abs(found.pixels.astype(int) - expected).max() <= 1


def plain_placer(width: int, height: int) -> Placer:
    maps = settings(AlignmentMode.FIXTURE)
    picture = np.zeros((maps.grid.height_px, maps.grid.width_px, 3), np.uint8)
    return Placer(picture, maps, frame_width=width, frame_height=height)


def moved_by(x_px: float, y_px: float) -> Placement:
    return Placement(x_px=x_px, y_px=y_px, rotation_rad=0.0, fit=1.0)


@pytest.mark.parametrize(("width", "height"), [(640, 480), (512, 512), (900, 900), (1640, 1232)])
def test_fine_texture_looks_the_same_wherever_the_pixels_fall(width: int, height: int) -> None:
    """Half a working pixel aside, a picture is the one between the pixels, and little that was not there appears."""
    random = np.random.default_rng(1)
    finest = 0.4 * width / MapSettings().grid.width_px
    texture = cv2.GaussianBlur(random.normal(0, 255, (height, width, 3)).astype(np.float32), (0, 0), finest)
    frame = Frame(pixels=np.clip(128 + texture * 25 / texture.std(), 0, 255).astype(np.uint8))
    placer, grid = plain_placer(width, height), MapSettings().grid
    half_px = 0.5 * width / grid.width_px * 160 / max(width, height)
    straight, aside = (placer.place_at(frame, moved_by(x_px, 0.0)).pixels.astype(float) for x_px in (0.0, half_px))
    phases = np.exp(1j * np.pi * np.fft.fftfreq(grid.width_px))[np.newaxis, :, np.newaxis]
    between = np.fft.ifft(np.fft.fft(straight, axis=1) * phases, axis=1).real
    wrong = (aside - between)[:, 30:-30].std() / straight.std()
    print(f"{width}x{height}: {wrong:.3f} of the contrast")
    assert wrong < 0.3


@pytest.mark.parametrize("size", [(512, 512), (1023, 769), (1280, 960), (1640, 1232), (2592, 1944)])
def test_a_frame_of_any_size_gives_the_same_working_picture(size: tuple[int, int]) -> None:
    """Halved or not, even or odd: what a scene shows lies at the same place, to a fraction of a working pixel."""

    def scene(width: int, height: int) -> Frame:
        y, x = np.mgrid[:height, :width]
        across, down = (x + 0.5) / width, (y + 0.5) / height
        waves = [np.sin(30 * across + 9 * down), np.sin(25 * down), np.cos(28 * across - 20 * down)]
        return Frame(pixels=np.rint(128 + 100 * np.stack(waves, axis=2)).astype(np.uint8))

    found, expected = (
        plain_placer(*each).place_at(scene(*each), moved_by(0.0, 0.0)).pixels.astype(int)[3:-3, 3:-3]
        for each in (size, (640, 480))
    )
    assert np.abs(found - expected).max() <= 2  # a tenth of a pixel is two levels here


@pytest.mark.parametrize("size", [(640, 480), (512, 512), (200, 150)])
def test_the_small_picture_is_the_mean_over_the_frame(size: tuple[int, int]) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (size[1], size[0], 3)).astype(np.uint8)
    small = plain_placer(*size).small_grey(Frame(pixels=pixels))
    grey = cv2.cvtColor(pixels.astype(np.float32), cv2.COLOR_BGR2GRAY)
    expected = cv2.resize(grey, small.shape[::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(small - expected).max() < 1.6
