"""The unit space: whitened, finite with few parts, and honest only when parts are left out."""

import numpy as np
import pytest

from edge.preprocess import CellStatistics, log_distances
from edge.settings import Channel, Grid, MapSettings
from training.unit_space import (
    folds_of,
    mean_and_whitening,
    median_picture,
    standardised,
    unit_space,
)

SETTINGS = MapSettings(grid=Grid(rows=8, columns=9), channels=(Channel.LIGHTNESS, Channel.GRADIENT_0))


def good_pictures(count: int, seed: int = 0) -> list[np.ndarray]:
    """A fixed pattern with a little of everything that changes from part to part."""
    random = np.random.default_rng(seed)
    pattern = np.random.default_rng(99).uniform(60, 180, (8, 9)).repeat(8, axis=0).repeat(8, axis=1)
    return [
        np.clip(pattern * random.normal(1, 0.02) + random.normal(0, 4, pattern.shape), 0, 255).astype(np.uint8)
        for _ in range(count)
    ]


def logs(pictures: list[np.ndarray], seen: list[np.ndarray], picture: np.ndarray) -> np.ndarray:
    references = unit_space(seen, SETTINGS, picture)
    statistics = CellStatistics(references.channels, picture, SETTINGS)
    return np.stack([log_distances(statistics.of(one), references) for one in pictures])


def test_whitened_variables_have_unit_covariance() -> None:
    random = np.random.default_rng(0)
    mixing = np.eye(5) + 0.3 * random.normal(size=(3, 5, 5))
    variables = np.einsum("cvw,ncw->ncv", mixing, random.normal(size=(4000, 3, 5))).astype(np.float32) + 7
    mean, whitening = mean_and_whitening(variables, shrinkage=0.0)
    assert mean == pytest.approx(variables.mean(axis=0))
    assert np.abs(np.triu(whitening, k=1)).max() < 1e-6
    for cell in range(3):
        white = (variables[:, cell] - mean[cell]) @ whitening[cell].T
        assert np.diag(np.cov(white.T)) == pytest.approx(np.ones(5), abs=0.12)
        correlation = np.corrcoef(white.T)
        assert np.abs(correlation - np.eye(5)).max() < 0.1


@pytest.mark.parametrize("parts", [1, 2, 3])
def test_few_parts_stay_finite(parts: int) -> None:
    pictures = good_pictures(parts)
    found = logs(good_pictures(3, seed=1), pictures, median_picture(pictures))
    assert np.isfinite(found).all()


def test_parts_that_never_varied_stay_finite() -> None:
    flat = [np.full((64, 72), 100, np.uint8)] * 6
    assert np.isfinite(logs([*flat, good_pictures(1)[0]], flat, flat[0])).all()


def test_parts_left_out_are_noisier_than_parts_seen() -> None:
    pictures = good_pictures(20)
    picture = median_picture(pictures)
    seen = logs(pictures, pictures, picture)
    left_out = np.zeros_like(seen)
    for numbers in folds_of(len(pictures)):
        rest = [one for number, one in enumerate(pictures) if number not in set(numbers)]
        left_out[numbers] = logs([pictures[number] for number in numbers], rest, picture)
    new = logs(good_pictures(40, seed=1), pictures, picture)
    assert left_out.mean() > seen.mean() + 0.2
    assert abs(left_out.mean() - new.mean()) < 0.5 * (new.mean() - seen.mean())


@pytest.mark.parametrize("count", [1, 3, 5, 23])
def test_folds_leave_every_part_out_once(count: int) -> None:
    folds = list(folds_of(count))
    assert len(folds) == min(count, 5)
    assert sorted(np.concatenate(folds).tolist()) == list(range(count))


def test_standardised_cells_have_mean_zero_and_about_unit_deviation() -> None:
    pictures = good_pictures(12)
    references = unit_space(pictures, SETTINGS, median_picture(pictures))
    drawn = np.random.default_rng(0).normal(2.0, 0.7, (500, 72)).astype(np.float32)
    done = standardised(references, drawn)
    sigmas = (drawn - done.log_mean) / done.log_deviation
    assert sigmas.mean() == pytest.approx(0, abs=1e-3)
    assert sigmas.std() == pytest.approx(0.7 / 0.75, rel=0.02)  # the deviation is widened a little


def test_a_cell_that_happened_to_be_quiet_does_not_shout() -> None:
    pictures = good_pictures(5)
    references = unit_space(pictures, SETTINGS, median_picture(pictures))
    drawn = np.random.default_rng(0).normal(0, 0.5, (5, 72)).astype(np.float32)
    drawn[:, 7] = 1.0
    done = standardised(references, drawn)
    assert done.log_deviation[7] > 0.3
