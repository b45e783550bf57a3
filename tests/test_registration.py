"""Good parts become a sharp reference however they lie, and one odd part changes nothing."""

import math
from itertools import pairwise

import numpy as np
import pytest

from edge.drivers.connector import render
from edge.frame import Frame
from edge.settings import AlignmentMode, AlignmentSettings, Channel, Grid, MapSettings
from tests.test_placing import bracket
from training.moved_pictures import Motion, drawn_motion
from training.registration import MANY_PARTS, place_good_parts, placed_as_new, usual_fit
from training.unit_space import folds_of

PARTS = 10


def settings(mode: AlignmentMode) -> MapSettings:
    return MapSettings(alignment=AlignmentSettings(mode=mode))


def connectors(*, degrees: float, shift: float) -> list[Frame]:
    random = np.random.default_rng(1)
    frames = []
    for part in range(PARTS):
        pixels = render(seed=5, part=part)
        motion = drawn_motion(random, pixels, shift=(0.0, shift), degrees=(degrees / 2, degrees))
        frames.append(Frame(pixels=motion.of(pixels)))
    return frames


def test_good_parts_are_brought_to_lie_alike() -> None:
    random = np.random.default_rng(3)
    large = np.clip(
        np.random.default_rng(8).uniform(40, 220, (30, 30)).repeat(8, axis=0).repeat(8, axis=1), 0, 255
    ).astype(np.uint8)
    frames = []
    for _ in range(6):
        x, y = random.integers(16, 24, size=2)
        frames.append(Frame(pixels=np.ascontiguousarray(large[y : y + 200, x : x + 200])))
    settings = MapSettings(grid=Grid(rows=20, columns=20), channels=(Channel.LIGHTNESS,))
    _, placed = place_good_parts(frames, settings)
    inner = np.stack([part.pixels[12:-12, 12:-12] for part in placed]).astype(float)
    lying = np.stack([frame.pixels[12:-12, 12:-12] for frame in frames]).astype(float)
    assert inner.std(axis=0).mean() < 0.3 * lying.std(axis=0).mean()
    assert min(part.placement.fit for part in placed) > 0.9


def test_parts_that_lie_very_differently_do_not_blur_the_reference() -> None:
    _, placed = place_good_parts(connectors(degrees=10.0, shift=0.05), settings(AlignmentMode.FIXTURE))
    assert min(part.placement.fit for part in placed) > 0.98
    turns = [math.degrees(part.placement.rotation_rad) for part in placed]
    assert max(turns) - min(turns) > 15
    assert max(abs(turn) for turn in turns) < 11  # the reference lies in the middle of them


def test_parts_at_any_angle_have_a_reference_in_the_middle() -> None:
    """Each is turned about a point of its own; the reference is shifted until the part's middle is the picture's."""
    pixels = np.roll(bracket(), (20, -25), axis=(0, 1))
    frames = []
    for number, degrees in enumerate(np.linspace(-170, 190, 12, endpoint=False)):
        shift = 12 * math.sin(number)
        about_its_middle = Motion(x_px=25.0, y_px=-20.0, degrees=0.0).of(pixels)
        frames.append(Frame(pixels=Motion(x_px=shift, y_px=-shift, degrees=float(degrees)).of(about_its_middle)))
    _, placed = place_good_parts(frames, settings(AlignmentMode.ANY_ANGLE))
    assert min(part.placement.fit for part in placed) > 0.98
    assert max(math.hypot(part.placement.x_px, part.placement.y_px) for part in placed) < 0.06 * 160
    turns = sorted(math.degrees(part.placement.rotation_rad) for part in placed)
    assert all(29 < after - before < 31 for before, after in pairwise(turns))


def test_one_odd_part_among_the_good_ones_changes_nothing_for_the_others() -> None:
    frames = connectors(degrees=1.0, shift=0.01)
    odd = Frame(pixels=np.random.default_rng(1).integers(0, 256, frames[0].pixels.shape).astype(np.uint8))
    placer, _ = place_good_parts(frames, settings(AlignmentMode.FIXTURE))
    with_odd, placed = place_good_parts([odd, *frames], settings(AlignmentMode.FIXTURE))
    assert placed[0].placement.fit < 0.3
    assert min(part.placement.fit for part in placed[1:]) > 0.98
    assert with_odd.settings.alignment.clear_fit == pytest.approx(placer.settings.alignment.clear_fit, abs=0.01)


def test_the_usual_fit_does_not_hear_a_few_odd_parts() -> None:
    fits = list(np.random.default_rng(0).normal(0.97, 0.005, 40))
    assert usual_fit([*fits, 0.1, 0.2, 0.3]) == pytest.approx(usual_fit(fits), abs=0.01)
    assert np.mean(np.array(fits) < usual_fit(fits)) < 0.05
    assert usual_fit([0.9]) == pytest.approx(0.9)


@pytest.mark.parametrize("mode", AlignmentMode)
@pytest.mark.parametrize("count", [1, 2, 5])
def test_few_parts_are_placed_too(mode: AlignmentMode, count: int) -> None:
    placer, placed = place_good_parts(connectors(degrees=2.0, shift=0.02)[:count], settings(mode))
    assert len(placed) == count
    assert all(part.placement.fit > 0.95 for part in placed)
    assert placer.settings.alignment.mode is mode


def test_without_alignment_parts_stay_where_they_lie() -> None:
    _, placed = place_good_parts(connectors(degrees=10.0, shift=0.05), settings(AlignmentMode.NONE))
    assert {(part.placement.x_px, part.placement.rotation_rad) for part in placed} == {(0.0, 0.0)}


def test_a_part_that_is_placed_as_new_has_no_share_in_what_it_is_compared_with() -> None:
    frames = connectors(degrees=2.0, shift=0.02)
    placer, placed = place_good_parts(frames, settings(AlignmentMode.FIXTURE))
    pictures = [part.pixels for part in placed]
    folds = list(folds_of([str(number) for number in range(PARTS)]))
    as_new = placed_as_new(frames, pictures, placer, folds)
    assert np.mean([np.abs(new.astype(int) - own).mean() for new, own in zip(as_new, pictures, strict=True)]) > 0
    pictures[3] = np.full_like(pictures[3], 77)
    again = placed_as_new(frames, pictures, placer, folds)
    same = [bool((first == second).all()) for first, second in zip(as_new, again, strict=True)]
    assert same[3]
    assert not all(same)


def test_of_many_parts_each_stays_where_it_is() -> None:
    frames = connectors(degrees=2.0, shift=0.02)
    placer, placed = place_good_parts(frames, settings(AlignmentMode.FIXTURE))
    many = [placed[number % PARTS].pixels for number in range(MANY_PARTS)]
    folds = list(folds_of([str(number) for number in range(MANY_PARTS)]))
    assert placed_as_new(frames, many, placer, folds) == many
