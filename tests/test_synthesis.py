"""Made-up defects: every kind changes the picture where it should, and the same seed makes the same ones."""

import numpy as np
import pytest

from training.synthesis import KINDS, MapPool, MapSynthesis, Scene, with_defect

RANDOM = np.random.default_rng(5)
COLOUR = np.clip(RANDOM.normal(120, 40, (96, 104, 3)), 0, 255).astype(np.uint8)
GREY = np.ascontiguousarray(COLOUR[:, :, 0])
MASK = np.zeros((96, 104), np.float32)
MASK[30:60, 40:80] = 1.0
PICTURES = pytest.mark.parametrize("picture", [COLOUR, GREY], ids=["colour", "grey"])


def pool() -> MapPool:
    random = np.random.default_rng(1)
    residues = np.zeros((3, 12, 13), np.float32)
    residues[:, 4:7, 5:8] = 120.0
    good, disturbed = (random.normal(42, 12, (count, 12, 13)).astype(np.float32) for count in (6, 4))
    return MapPool(good=good, disturbed=disturbed, residues=residues)


@PICTURES
@pytest.mark.parametrize("draw", KINDS, ids=lambda draw: draw.__name__.strip("_"))
def test_every_kind_of_defect_can_be_seen_on_grey_and_colour(draw: object, picture: np.ndarray) -> None:
    scene = Scene(pixels=picture, donor=picture[::-1].copy(), mask=MASK)
    changed = draw(scene, np.random.default_rng(3))
    assert changed.shape == picture.shape
    assert changed.dtype == np.float32
    assert np.isfinite(changed).all()
    assert np.abs(changed - picture)[MASK > 0].max() > 5


@PICTURES
def test_a_defect_leaves_the_original_alone_and_is_somewhere_not_everywhere(picture: np.ndarray) -> None:
    before = picture.copy()
    random = np.random.default_rng(0)
    shares = []
    for _ in range(60):
        spoilt = with_defect(picture, [picture[::-1].copy()], random)
        assert spoilt.shape == picture.shape
        assert spoilt.dtype == np.uint8
        shares.append(float((spoilt != picture).mean()))
    np.testing.assert_array_equal(picture, before)
    assert np.median(shares) < 0.25
    assert np.mean(np.array(shares) > 0) > 0.8


def test_the_same_seed_makes_the_same_defect_and_another_makes_another() -> None:
    first, again, other = (with_defect(COLOUR, [COLOUR], np.random.default_rng(seed)) for seed in (4, 4, 5))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_good_maps_stay_in_the_range_of_good_maps() -> None:
    made = MapSynthesis(pool(), np.random.default_rng(0)).good(200)
    assert made.shape == (200, 12, 13)
    assert made.mean() == pytest.approx(42, abs=2)
    assert made.max() < pool().good.max() + 12


def test_defective_maps_glow_somewhere_and_together_everywhere() -> None:
    synthesis = MapSynthesis(pool(), np.random.default_rng(0))
    made = synthesis.defective(600)
    assert made.min() >= 0
    assert made.max() <= 255
    assert np.mean(made.max(axis=(1, 2)) > 90) > 0.8
    strongest = np.unravel_index(made.reshape(600, -1).argmax(axis=1), (12, 13))
    assert set(strongest[0]) == set(range(12))
    assert set(strongest[1]) == set(range(13))


def test_the_same_seed_makes_the_same_maps() -> None:
    first, again, other = (MapSynthesis(pool(), np.random.default_rng(seed)).defective(20) for seed in (4, 4, 5))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
