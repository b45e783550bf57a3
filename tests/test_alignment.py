"""Parts moved by a known amount are found again; what is no part fits badly.

Sizes in pixels are those of the alignment picture, 160 wide.
"""

import math

import cv2
import numpy as np
import pytest

from edge.alignment import Aligner, Placement, Untouched
from edge.alignment import aligner_for as reference_aligner
from edge.drivers.connector import render
from edge.errors import NotJudged
from edge.frame import Pixels
from edge.pose import repeats_after
from edge.settings import AlignmentMode, AlignmentSettings
from edge.variables import grey_of
from edge.verdict import Reason

WIDTH_PX, HEIGHT_PX = 160, 120
SHIFT_ERROR_PX, ROTATION_ERROR_DEGREES = 0.08, 0.04
LARGEST_SHIFT_PX = 0.05 * WIDTH_PX


def texture() -> Pixels:
    clouds = cv2.GaussianBlur(np.random.default_rng(1).normal(0, 1, (480, 640)), (0, 0), 8)
    return np.clip(128 + 40 * clouds / clouds.std(), 0, 255).astype(np.uint8)


def rings() -> Pixels:
    """A round part: nothing says how it is turned."""
    y, x = np.mgrid[:480, :640]
    radius = np.hypot(x - 319.5, y - 239.5)
    return (120 + 60 * np.cos(radius / 12) * (radius < 200)).astype(np.uint8)


def zipper(phase_px: float = 0.0) -> Pixels:
    """A part from edge to edge of the picture, whose teeth stand anywhere along it."""
    y, x = np.mgrid[:480, :640]
    is_tape, is_tooth = np.abs(x - 319.5) < 130, (np.abs(x - 319.5) < 24) & ((y + phase_px) % 28 < 14)
    return cv2.GaussianBlur(np.where(is_tooth, 60, np.where(is_tape, 90, 200)).astype(np.uint8), (0, 0), 3)


def moved(large: Pixels, *, x: float, y: float, degrees: float) -> Pixels:
    """A large picture turned about its middle and shifted by pixels of the small one, which is what comes back."""
    height, width = large.shape
    scale = width / WIDTH_PX
    placement = Placement(x_px=x * scale, y_px=y * scale, rotation_rad=math.radians(degrees), fit=1.0)
    turned = cv2.warpAffine(
        large,
        placement.matrix(width=width, height=height),
        (width, height),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return cv2.resize(turned, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_AREA).astype(np.uint8)


def aligner_for(large: Pixels) -> Aligner:
    reference = moved(large, x=0, y=0, degrees=0)
    return Aligner(reference, largest_shift=0.06, largest_rotation_degrees=12.0)


PARTS = {"connector": grey_of(render(seed=3, part=1)), "texture": texture()}
ALIGNERS = {name: aligner_for(part) for name, part in PARTS.items()}


def assert_found(placement: Placement, *, x: float, y: float, degrees: float) -> None:
    assert math.hypot(placement.x_px - x, placement.y_px - y) < SHIFT_ERROR_PX
    assert abs(math.degrees(placement.rotation_rad) - degrees) < ROTATION_ERROR_DEGREES


@pytest.mark.parametrize("name", PARTS)
def test_a_part_is_found_to_a_fraction_of_a_pixel(name: str) -> None:
    random = np.random.default_rng(2)
    for _ in range(60):
        turn, length = random.uniform(-math.pi, math.pi), random.uniform(0, LARGEST_SHIFT_PX)
        truth = {"x": length * math.cos(turn), "y": length * math.sin(turn), "degrees": random.uniform(-10, 10)}
        noisy = moved(PARTS[name], **truth) + random.normal(0, 2, (HEIGHT_PX, WIDTH_PX))
        placement = ALIGNERS[name].align(np.clip(np.rint(noisy), 0, 255).astype(np.uint8))
        assert_found(placement, **truth)
        assert placement.fit > 0.98
        ALIGNERS[name].check(placement, smallest_fit=0.9)


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize(("x", "y"), [(8, 0), (-8, 0), (0, 8), (0, -8), (0.5, 0.5), (-0.25, 3.75), (5.6, -5.6)])
def test_a_shift_alone_does_not_turn_the_part(name: str, x: float, y: float) -> None:
    assert_found(ALIGNERS[name].align(moved(PARTS[name], x=x, y=y, degrees=0)), x=x, y=y, degrees=0)


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("degrees", [-10.0, -2.5, 0.1, 5.0, 10.0])
def test_a_turn_alone_does_not_shift_the_part(name: str, degrees: float) -> None:
    assert_found(ALIGNERS[name].align(moved(PARTS[name], x=0, y=0, degrees=degrees)), x=0, y=0, degrees=degrees)


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize(("contrast", "brightness"), [(0.5, 0), (0.5, 100), (0.2, 20), (1.0, 30), (0.8, -10)])
def test_brightness_and_contrast_do_not_matter(name: str, contrast: float, brightness: float) -> None:
    truth = {"x": 3.3, "y": -2.1, "degrees": 2.0}
    changed = moved(PARTS[name], **truth) * contrast + brightness
    placement = ALIGNERS[name].align(np.clip(np.rint(changed), 0, 255).astype(np.uint8))
    assert_found(placement, **truth)
    assert placement.fit > 0.98


@pytest.mark.parametrize(("x", "y", "degrees"), [(0, 0, 4), (3.3, -2.2, 0), (3, 2, 5), (-5, 1, -5), (2, 2, 170)])
def test_a_round_part_keeps_rotation_zero(x: float, y: float, degrees: float) -> None:
    part = rings()
    placement = aligner_for(part).align(moved(part, x=x, y=y, degrees=degrees))
    assert_found(placement, x=x, y=y, degrees=0)
    assert placement.fit > 0.99


@pytest.mark.parametrize("is_lying", [False, True])
@pytest.mark.parametrize(("across", "along", "degrees"), [(0, 8, 0), (3.3, -5, 2), (-5, 0, -4), (2, 3, 0.5)])
def test_a_part_without_end_is_not_looked_for_along_its_length(
    is_lying: bool, across: float, along: float, degrees: float
) -> None:
    turned = (lambda picture: np.ascontiguousarray(picture.T)) if is_lying else (lambda picture: picture)
    aligner = Aligner(turned(moved(zipper(), x=0, y=0, degrees=0)), largest_shift=0.06, largest_rotation_degrees=12.0)
    assert aligner.is_even == ((True, False) if is_lying else (False, True))
    random = np.random.default_rng(1)
    for phase in range(0, 28, 7):
        noisy = moved(zipper(phase), x=across, y=along, degrees=degrees) + random.normal(0, 3, (HEIGHT_PX, WIDTH_PX))
        found = aligner.align(turned(np.clip(np.rint(noisy), 0, 255).astype(np.uint8)))
        found_across, found_along = (found.y_px, found.x_px) if is_lying else (found.x_px, found.y_px)
        assert found_across == pytest.approx(across, abs=0.3)
        assert abs(found_along) < 0.5
        assert abs(math.degrees(found.rotation_rad)) == pytest.approx(abs(degrees), abs=0.3)
        aligner.check(found, smallest_fit=0.95)


def test_a_part_without_end_is_found_beside_a_large_defect() -> None:
    aligner = aligner_for(zipper())
    picture = moved(zipper(11), x=4, y=0, degrees=3)
    cv2.ellipse(picture, (60, 70), (28, 22), 0, 0, 360, 255, -1)
    found = aligner.align(picture)
    assert found.x_px == pytest.approx(4, abs=1)
    assert abs(found.y_px) < 1  # across, as it is turned, is a little along, too


@pytest.mark.parametrize("name", PARTS)
def test_parts_that_end_are_known_as_such(name: str) -> None:
    assert ALIGNERS[name].is_even == (False, False)
    assert not any(aligner_for(rings()).is_even)


@pytest.mark.parametrize("largest_shift", [0.003, 0.01, 0.03])
def test_a_part_that_may_hardly_move_is_looked_for_all_the_same(largest_shift: float) -> None:
    reference = moved(PARTS["connector"], x=0, y=0, degrees=0)
    aligner = Aligner(reference, largest_shift=largest_shift, largest_rotation_degrees=12.0)
    assert aligner.is_even == (False, False)
    with pytest.raises(NotJudged, match="shifted by"):
        aligner.check(aligner.align(moved(PARTS["connector"], x=3.5, y=-3.5, degrees=0)), smallest_fit=0.0)


@pytest.mark.parametrize("level", [0, 100, 255])
def test_a_flat_picture_fits_nothing(level: int) -> None:
    flat = np.full((HEIGHT_PX, WIDTH_PX), level, np.uint8)
    for aligner in (*ALIGNERS.values(), Aligner(flat, largest_shift=0.06, largest_rotation_degrees=12.0)):
        placement = aligner.align(flat)
        assert placement.fit == 0.0
        with pytest.raises(NotJudged, match="is this the right part"):
            aligner.check(placement, smallest_fit=0.3)


@pytest.mark.parametrize("seed", range(5))
def test_noise_fits_badly(seed: int) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, (HEIGHT_PX, WIDTH_PX)).astype(np.uint8)
    for aligner in ALIGNERS.values():
        assert aligner.align(noise).fit < 0.25


def test_another_part_fits_badly() -> None:
    assert ALIGNERS["connector"].align(moved(PARTS["texture"], x=0, y=0, degrees=0)).fit < 0.4


@pytest.mark.parametrize(
    ("x", "y", "degrees", "words"),
    [
        (12, 0, 0, "shifted by 7.5 %"),
        (0, -10.4, 0, "shifted by 6.5 %"),
        (7, 7, 0, "shifted"),
        (0, 0, 14, "rotated by 14.0"),
    ],
)
def test_a_part_outside_the_range_is_not_judged(x: float, y: float, degrees: float, words: str) -> None:
    aligner = ALIGNERS["connector"]
    placement = aligner.align(moved(PARTS["connector"], x=x, y=y, degrees=degrees))
    with pytest.raises(NotJudged, match=words) as refused:
        aligner.check(placement, smallest_fit=0.5)
    assert refused.value.reason is Reason.MISALIGNED


@pytest.mark.parametrize("fit", [math.nan, -1.0, 0.49])
def test_a_fit_below_the_smallest_or_none_is_not_judged(fit: float) -> None:
    with pytest.raises(NotJudged, match=r"below 0\.50"):
        ALIGNERS["connector"].check(Placement(x_px=0, y_px=0, rotation_rad=0, fit=fit), smallest_fit=0.5)


@pytest.mark.parametrize(("width", "height"), [(640, 32), (32, 640), (400, 100)])
def test_long_narrow_pictures_can_be_aligned(width: int, height: int) -> None:
    noise = np.random.default_rng(2).integers(0, 256, (height, width)).astype(np.uint8)
    picture = cv2.GaussianBlur(noise, (0, 0), 3).astype(np.uint8)
    placement = Aligner(picture, largest_shift=0.2, largest_rotation_degrees=6.0).align(picture)
    assert placement.fit > 0.99
    assert math.hypot(placement.x_px, placement.y_px) < SHIFT_ERROR_PX


def test_the_matrix_turns_about_the_middle_and_then_shifts() -> None:
    matrix = Placement(x_px=5.0, y_px=-3.0, rotation_rad=math.pi / 2, fit=1.0).matrix(width=101, height=51)
    np.testing.assert_allclose(matrix @ [50, 25, 1], [55, 22])  # the middle
    np.testing.assert_allclose(matrix @ [60, 25, 1], [55, 32])  # right of it comes below it


# --- any angle ------------------------------------------------------------------------------------------------------


def bracket() -> Pixels:
    """A part that looks different at every angle and fits into the picture at all of them."""
    picture = np.full((480, 640), 60, np.uint8)
    cv2.rectangle(picture, (220, 180), (420, 300), 190, -1)
    cv2.circle(picture, (260, 240), 24, 90, -1)
    cv2.rectangle(picture, (380, 130), (410, 180), 150, -1)
    return cv2.GaussianBlur(picture, (0, 0), 2).astype(np.uint8)


def plate() -> Pixels:
    """A part that looks the same when turned half round."""
    picture = np.full((480, 640), 60, np.uint8)
    cv2.ellipse(picture, (320, 240), (150, 90), 0, 0, 360, 200, -1)
    return cv2.GaussianBlur(picture, (0, 0), 2).astype(np.uint8)


def any_angle_aligner(large: Pixels) -> Aligner:
    return Aligner(moved(large, x=0, y=0, degrees=0), largest_shift=0.06, largest_rotation_degrees=180.0)


def test_a_part_at_any_angle_is_found() -> None:
    part = bracket()
    aligner = any_angle_aligner(part)
    random = np.random.default_rng(5)
    for degrees in np.linspace(-179, 180, 48):
        truth = {"x": random.uniform(-5, 5), "y": random.uniform(-5, 5), "degrees": float(degrees)}
        noisy = moved(part, **truth) + random.normal(0, 2, (HEIGHT_PX, WIDTH_PX))
        placement = aligner.align(np.clip(np.rint(noisy), 0, 255).astype(np.uint8))
        assert math.hypot(placement.x_px - truth["x"], placement.y_px - truth["y"]) < 0.15
        assert abs(math.remainder(math.degrees(placement.rotation_rad) - degrees, 360)) < 0.15
        aligner.check(placement, smallest_fit=0.95)


@pytest.mark.parametrize("degrees", [20.0, 170.0, -100.0])
def test_a_part_with_two_equal_angles_is_taken_as_turned_least(degrees: float) -> None:
    part = plate()
    found = any_angle_aligner(part).align(moved(part, x=1, y=2, degrees=degrees))
    nearest = math.remainder(degrees, 180)
    assert math.degrees(found.rotation_rad) == pytest.approx(nearest, abs=0.2)
    assert found.fit > 0.99


def test_a_round_part_at_any_angle_keeps_rotation_zero() -> None:
    part = rings()
    aligner = any_angle_aligner(part)
    assert aligner.is_round
    noisy = moved(part, x=2, y=1, degrees=130) + np.random.default_rng(1).normal(0, 6, (HEIGHT_PX, WIDTH_PX))
    assert_found(aligner.align(np.clip(np.rint(noisy), 0, 255).astype(np.uint8)), x=2, y=1, degrees=0)


@pytest.mark.parametrize("name", PARTS)
def test_parts_that_are_not_round_are_known_as_such(name: str) -> None:
    assert not ALIGNERS[name].is_round
    assert not any_angle_aligner(bracket()).is_round


# --- defects and failures -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [0, 90, 255])
@pytest.mark.parametrize("name", PARTS)
def test_a_defect_over_a_tenth_of_the_picture_does_not_move_the_part(name: str, level: int) -> None:
    random = np.random.default_rng(3)
    for _ in range(5):
        truth = {"x": random.uniform(-5, 5), "y": random.uniform(-5, 5), "degrees": random.uniform(-10, 10)}
        picture = moved(PARTS[name], **truth)
        middle = (int(random.integers(50, 110)), int(random.integers(40, 80)))
        cv2.ellipse(picture, middle, (28, 22), 0, 0, 360, level, -1)  # 10 % of 160x120
        placement = ALIGNERS[name].align(picture)
        assert math.hypot(placement.x_px - truth["x"], placement.y_px - truth["y"]) < 0.3
        assert abs(math.degrees(placement.rotation_rad) - truth["degrees"]) < 0.3
        assert placement.fit < 0.97  # of the whole picture: the defect is not hidden from the check


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize(
    ("x", "y", "degrees"), [(24, 0, 0), (-24, 0, 0), (0, 24, 0), (17, -17, 0), (0, 0, 25), (0, 0, -25), (0, 0, 90)]
)
def test_a_part_far_outside_the_range_is_not_judged(name: str, x: float, y: float, degrees: float) -> None:
    aligner = ALIGNERS[name]
    placement = aligner.align(moved(PARTS[name], x=x, y=y, degrees=degrees))
    with pytest.raises(NotJudged) as refused:
        aligner.check(placement, smallest_fit=0.85)
    assert refused.value.reason is Reason.MISALIGNED


def test_the_same_picture_gives_the_same_placement() -> None:
    picture = moved(PARTS["connector"], x=2, y=3, degrees=7)
    cv2.ellipse(picture, (80, 60), (28, 22), 0, 0, 360, 255, -1)
    again = aligner_for(PARTS["connector"])
    assert ALIGNERS["connector"].align(picture) == again.align(picture) == again.align(picture)


# --- none -----------------------------------------------------------------------------------------------------------


def test_without_alignment_every_picture_is_taken_as_it_lies() -> None:
    reference = moved(PARTS["connector"], x=0, y=0, degrees=0)
    taken = reference_aligner(reference, AlignmentSettings(mode=AlignmentMode.NONE))
    assert isinstance(taken, Untouched)
    for picture in (reference, moved(PARTS["connector"], x=20, y=0, degrees=30), np.zeros_like(reference)):
        placement = taken.align(picture)
        assert (placement.x_px, placement.y_px, placement.rotation_rad) == (0, 0, 0)
        taken.check(placement, smallest_fit=1.0)


def test_what_repeats_itself_is_known_by_how_well_the_overlap_fits() -> None:
    random = np.random.default_rng(0)
    once = cv2.GaussianBlur(random.normal(100, 30, (40, 20)).astype(np.float32), (0, 0), 1.0)
    reference = np.hstack([once, 20 + 0.8 * once, once + random.normal(0, 5, once.shape)]).astype(np.float32)
    overlap = np.corrcoef(reference[:, 20:].ravel(), reference[:, :-20].ravel())[0, 1]
    for least_fit, found in ((overlap - 1e-6, 20), (overlap + 1e-6, None)):
        assert repeats_after(reference, shift_px=25, least_fit=least_fit, along=(True, True)) == found
    assert repeats_after(reference, shift_px=25, least_fit=overlap - 1e-6, along=(False, True)) is None
    assert repeats_after(reference, shift_px=15, least_fit=overlap - 1e-6, along=(True, True)) is None


def test_a_flat_picture_does_not_repeat_itself() -> None:
    flat = np.full((40, 60), 90, np.float32)
    assert repeats_after(flat, shift_px=20, least_fit=0.5, along=(True, True)) is None
