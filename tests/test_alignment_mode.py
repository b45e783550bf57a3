"""Good parts alone decide how parts may lie, and how well a part must fit."""

import math
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.alignment import Aligner
from edge.drivers.connector import render
from edge.errors import NotJudged
from edge.frame import Frame, Pixels
from edge.pictures import list_pictures, read_picture
from edge.placing import Placer
from edge.settings import AlignmentMode, MapSettings
from tests.test_placing import bracket
from training.alignment_limits import smallest_fit
from training.alignment_mode import ModeChoice, choose_mode
from training.moved_pictures import Motion, drawn_motion, emptied, noisy, relit
from training.registration import place_good_parts

PARTS = 12


def connectors(count: int = PARTS) -> list[Frame]:
    return [Frame(pixels=render(seed=4, part=part)) for part in range(count)]


def moved_connectors() -> list[Frame]:
    random = np.random.default_rng(0)
    pictures = [frame.pixels for frame in connectors()]
    motions = [drawn_motion(random, picture, shift=(0, 0.05), degrees=(0, 10)) for picture in pictures]
    return [Frame(pixels=motion.of(picture)) for motion, picture in zip(motions, pictures, strict=True)]


def turned_brackets() -> list[Frame]:
    random = np.random.default_rng(0)
    motions = [drawn_motion(random, bracket(), shift=(0, 0.04), degrees=(0, 180)) for _ in range(PARTS)]
    return [Frame(pixels=noisy(motion.of(bracket()), random)) for motion in motions]


def turned_pills(degrees: float = 180.0) -> list[Frame]:
    """Nearly round, so that a search that begins within a fixture's range ends far outside of it, and fits."""
    pill = np.full((240, 320), 30, np.uint8)
    cv2.ellipse(pill, (160, 120), (80, 58), 0, 0, 360, 200, -1)
    cv2.line(pill, (140, 100), (170, 100), 180, 3)
    pill = cv2.GaussianBlur(pill, (0, 0), 2)
    random = np.random.default_rng(0)
    motions = [drawn_motion(random, pill, shift=(0, 0.03), degrees=(0, degrees)) for _ in range(PARTS)]
    return [Frame(pixels=noisy(motion.of(pill), random)) for motion in motions]


def texture(grain_px: float, *, shading: float = 0.0) -> list[Frame]:
    """Continuous material: another piece of it in every picture, under light that may differ across the picture."""
    random = np.random.default_rng(0)
    light = 1 - shading * np.linspace(0, 1, 320)
    frames = []
    for _ in range(PARTS):
        clouds = cv2.GaussianBlur(random.normal(0, 1, (240, 320)), (0, 0), grain_px)
        frames.append(Frame(pixels=np.clip(light * (128 + 35 * clouds / clouds.std()), 0, 255).astype(np.uint8)))
    return frames


def zippers() -> list[Frame]:
    """They run from edge to edge, and their teeth stand anywhere: no two agree on where along their length they lie."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[:240, :320]
    frames = []
    for _ in range(PARTS):
        across, phase = random.uniform(-6, 6), random.uniform(0, 14)
        is_tape, is_tooth = np.abs(x - 160 - across) < 65, (np.abs(x - 160 - across) < 12) & ((y + phase) % 14 < 7)
        picture = np.where(is_tooth, 60, np.where(is_tape, 90, 200)).astype(np.uint8)
        frames.append(Frame(pixels=noisy(cv2.GaussianBlur(picture, (0, 0), 1.5), random)))
    return frames


def meshes(period_px: float = 26.0) -> list[Frame]:
    """They fill the picture, begin anywhere and lie askew by a degree or two: no two agree on which knot is which."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[:240, :320]
    frames = []
    for _ in range(PARTS):
        turn, (along, across) = math.radians(random.normal(0, 1.5)), random.uniform(0, 1, 2)
        u = ((x * math.cos(turn) + y * math.sin(turn)) / period_px + along) % 1
        v = ((y * math.cos(turn) - x * math.sin(turn)) / period_px + across) % 1
        clouds = cv2.GaussianBlur(random.normal(0, 1, (240, 320)), (0, 0), 40)
        light = 1 + 0.06 * clouds / clouds.std()
        picture = light * np.where((u < 0.3) | (v < 0.3), 180, 60)
        frames.append(Frame(pixels=noisy(cv2.GaussianBlur(picture, (0, 0), 1.5).astype(np.uint8), random)))
    return frames


SETS = {
    "connectors": (connectors, AlignmentMode.FIXTURE),
    "five connectors": (lambda: connectors(5), AlignmentMode.FIXTURE),
    "connectors moved as far as a fixture lets them": (moved_connectors, AlignmentMode.FIXTURE),
    "parts turned at random": (turned_brackets, AlignmentMode.ANY_ANGLE),
    "nearly round parts turned at random": (turned_pills, AlignmentMode.ANY_ANGLE),
    "nearly round parts turned a little too far": (lambda: turned_pills(25), AlignmentMode.ANY_ANGLE),
    "nearly round parts turned as far as a fixture lets them": (lambda: turned_pills(10), AlignmentMode.FIXTURE),
    "parts from edge to edge": (zippers, AlignmentMode.FIXTURE),
    "meshes": (meshes, AlignmentMode.FIXTURE),
    "fine material": (lambda: texture(1.0), AlignmentMode.NONE),
    "coarse material": (lambda: texture(6.0), AlignmentMode.NONE),
    "shaded material": (lambda: texture(2.0, shading=0.3), AlignmentMode.NONE),
}


def settings_for(frame: Frame) -> MapSettings:
    return MapSettings() if frame.is_colour else MapSettings().for_grey()


@pytest.mark.parametrize("name", SETS)
def test_good_parts_choose_the_mode(name: str) -> None:
    made, mode = SETS[name]
    frames = made()
    choice = choose_mode(frames, settings_for(frames[0]))
    assert choice.mode is mode
    assert choice == choose_mode(frames, settings_for(frames[0]))
    assert f"{choice.fits[AlignmentMode.FIXTURE]:.3f}" in str(choice)


@pytest.mark.parametrize(("within", "allowed"), [(0.05, 0.06), (0.09, 0.12), (0.14, 0.2)])
def test_parts_that_lie_farther_apart_are_looked_for_farther_away(within: float, allowed: float) -> None:
    random = np.random.default_rng(0)
    motions = [drawn_motion(random, bracket(), shift=(0.5 * within, within), degrees=(0, 5)) for _ in range(PARTS)]
    frames = [Frame(pixels=noisy(motion.of(bracket()), random)) for motion in motions]
    settings = settings_for(frames[0])
    choice = choose_mode(frames, settings)
    found = choice.applied_to(settings)
    assert found.alignment.mode is AlignmentMode.FIXTURE
    assert ("by up to" in str(choice)) == (allowed > settings.alignment.largest_shift)
    assert found.alignment.largest_shift == allowed
    placer, placed = place_good_parts(frames, found)
    for part in placed:
        placer.aligner.check(part.placement, smallest_fit=0.9)


@pytest.mark.parametrize(("farthest", "allowed"), [(0.07, 0.12), (0.15, 0.06)])
def test_the_farthest_part_is_held_unless_it_is_an_odd_one(farthest: float, allowed: float) -> None:
    random = np.random.default_rng(0)
    shifts = [0.04] * (PARTS - 1) + [farthest]
    motions = [drawn_motion(random, bracket(), shift=(shift, shift), degrees=(0, 5)) for shift in shifts]
    frames = [Frame(pixels=noisy(motion.of(bracket()), random)) for motion in motions]
    settings = settings_for(frames[0])
    assert choose_mode(frames, settings).applied_to(settings).alignment.largest_shift == allowed


def test_parts_from_edge_to_edge_are_not_refused_for_where_they_lie_along_their_length() -> None:
    frames = zippers()
    choice = choose_mode(frames, settings_for(frames[0]))
    assert choice.largest_shift is None
    placer, placed = place_good_parts(frames, choice.applied_to(settings_for(frames[0])))
    for part in placed:
        placer.aligner.check(part.placement, smallest_fit=0.9)
        assert abs(part.placement.y_px) < 0.5


@pytest.mark.parametrize(("period_px", "largest_shift"), [(22.0, None), (44.0, 0.12)])
def test_a_mesh_is_looked_for_as_far_as_it_takes_to_find_the_next_knot_and_not_refused_for_being_one_off(
    period_px: float, largest_shift: float | None
) -> None:
    frames = meshes(period_px)
    settings = settings_for(frames[0])
    choice = choose_mode(frames, settings)
    assert choice.mode is AlignmentMode.FIXTURE
    assert choice.largest_shift == largest_shift
    placer, placed = place_good_parts(frames, choice.applied_to(settings))
    assert isinstance(placer.aligner, Aligner)
    assert placer.aligner.repeats_after == pytest.approx(period_px / 2, abs=1.5)  # pictures are aligned at half size
    for part in placed:
        placer.aligner.check(part.placement, smallest_fit=0.85)


@pytest.mark.parametrize("made", [connectors, turned_pills, zippers, turned_brackets])
def test_what_does_not_repeat_itself_is_refused_for_its_shift(made: Callable[[], list[Frame]]) -> None:
    frames = made()
    settings = settings_for(frames[0])
    placer, _ = place_good_parts(frames, choose_mode(frames, settings).applied_to(settings))
    assert isinstance(placer.aligner, Aligner)
    assert placer.aligner.repeats_after is None


@pytest.mark.parametrize("name", ["mvtec_bottle_512", "mvtec_pill_512"])
def test_real_parts_in_a_fixture_are_known_as_such(name: str, shared_data: Path) -> None:
    paths = list_pictures(shared_data / name / "train" / "good")
    frames = [read_picture(path) for path in paths[::10]]
    assert choose_mode(frames, MapSettings()).mode is AlignmentMode.FIXTURE


def test_what_was_asked_for_is_said_so() -> None:
    assert "as asked for" in str(ModeChoice(mode=AlignmentMode.NONE))


# --- the smallest fit -----------------------------------------------------------------------------------------------


def limited(
    frames: list[Frame], mode: AlignmentMode = AlignmentMode.FIXTURE, *, largest_shift: float | None = None
) -> tuple[Placer, Aligner, float]:
    found = ModeChoice(mode=mode, largest_shift=largest_shift)
    placer, _ = place_good_parts(frames, found.applied_to(settings_for(frames[0])))
    assert isinstance(placer.aligner, Aligner)
    return placer, placer.aligner, smallest_fit(placer, frames, np.random.default_rng(0))


def is_refused(placer: Placer, limit: float, pixels: Pixels) -> bool:
    placement = placer.aligner.align(placer.small_grey(Frame(pixels=pixels)))
    try:
        placer.aligner.check(placement, smallest_fit=limit)
    except NotJudged:
        return True
    return False


@pytest.mark.parametrize("count", [5, 12])
def test_good_parts_within_the_range_are_judged_and_what_is_misplaced_is_not(count: int) -> None:
    placer, _, limit = limited(connectors(count))
    random = np.random.default_rng(1)
    for part in range(20, 32):
        pixels = render(seed=4, part=part)
        within = drawn_motion(random, pixels, shift=(0, 0.04), degrees=(0, 10)).of(pixels)  # lies 1 % off by itself
        assert not is_refused(placer, limit, within)
        assert not is_refused(placer, limit, relit(within, random))
        assert not is_refused(placer, limit, noisy(within, random))
        assert is_refused(placer, limit, drawn_motion(random, pixels, shift=(0.15, 0.15), degrees=(0, 0)).of(pixels))
        assert is_refused(placer, limit, drawn_motion(random, pixels, shift=(0, 0), degrees=(25, 25)).of(pixels))
        assert is_refused(placer, limit, emptied(pixels, random))
    assert is_refused(placer, limit, bracket())
    assert is_refused(placer, limit, np.full_like(pixels, 80))


def test_parts_at_any_angle_are_judged_and_what_is_misplaced_is_not() -> None:
    placer, _, limit = limited(turned_brackets(), AlignmentMode.ANY_ANGLE)
    random = np.random.default_rng(1)
    for _ in range(20):
        within = drawn_motion(random, bracket(), shift=(0, 0.04), degrees=(0, 180)).of(bracket())
        assert not is_refused(placer, limit, noisy(relit(within, random), random))
        beyond = drawn_motion(random, bracket(), shift=(0.15, 0.15), degrees=(0, 180)).of(bracket())
        assert is_refused(placer, limit, beyond)
    assert is_refused(placer, limit, render(seed=4, part=0))
    assert is_refused(placer, limit, emptied(bracket(), random))


def test_where_parts_may_lie_far_off_one_with_a_stain_is_judged_there_too() -> None:
    """What lies as far off as it may is not wrongly placed, and no reason to ask for a better fit."""
    random = np.random.default_rng(3)
    frames = [
        Frame(pixels=noisy(drawn_motion(random, bracket(), shift=(0, 0.09), degrees=(0, 5)).of(bracket()), random))
        for _ in range(12)
    ]
    placer, _, limit = limited(frames, largest_shift=0.12)
    stained = bracket()
    cv2.circle(stained, (330, 250), 22, (250, 250, 250), -1)
    for _ in range(8):
        lying = drawn_motion(random, stained, shift=(0, 0.09), degrees=(0, 5)).of(stained)
        assert not is_refused(placer, limit, noisy(lying, random))
        beyond = drawn_motion(random, bracket(), shift=(0.2, 0.2), degrees=(0, 0)).of(bracket())
        assert is_refused(placer, limit, beyond)


def test_a_mesh_is_judged_wherever_it_begins_and_what_is_no_mesh_is_not() -> None:
    frames = meshes()
    placer, _, limit = limited(frames)
    random = np.random.default_rng(1)
    for frame in frames:
        moved = drawn_motion(random, frame.pixels, shift=(0, 0.1), degrees=(0, 5)).of(frame.pixels)
        assert not is_refused(placer, limit, moved)
        assert is_refused(placer, limit, emptied(frame.pixels, random))
    assert is_refused(placer, limit, meshes(period_px=40.0)[0].pixels)
    assert is_refused(placer, limit, bracket())


def test_one_odd_part_does_not_open_the_door() -> None:
    odd = Frame(pixels=Motion(x_px=0, y_px=0, degrees=180).of(render(seed=9, part=0)[::-1].copy()))
    _, _, limit = limited(connectors())
    _, _, with_odd = limited([odd, *connectors()])
    assert with_odd == pytest.approx(limit, abs=0.1)
    assert with_odd > 0.7


def test_without_alignment_nothing_is_refused() -> None:
    frames = texture(2.0)
    placer, placed = place_good_parts(frames, settings_for(frames[0]).aligned(AlignmentMode.NONE))
    limit = smallest_fit(placer, frames, np.random.default_rng(0))
    assert not is_refused(placer, limit, emptied(frames[0].pixels, np.random.default_rng(0)))
    assert len(placed) == PARTS
