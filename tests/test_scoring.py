"""Distances against a slow loop, and the nearest label."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import cdist

from edge.errors import ModelError
from edge.judge import judge
from edge.scoring import Metric, Scorer, distances, squared_distances, strongest_cell
from edge.verdict import Outcome

MAP = np.arange(12, dtype=np.uint8).reshape(3, 4)
VALUES = st.floats(-1e6, 1e6, width=32)


def scorer(defects: list[list[float]], labels: tuple[str, ...], metric: Metric = Metric.EUCLIDEAN) -> Scorer:
    return Scorer(
        good_centroid=np.array([1.0, 2.0, 2.0], np.float32),
        defect_centroids=np.array(defects, np.float32).reshape(-1, 3),
        labels=labels,
        metric=metric,
        whitening=np.array([[1, 0.5, 0], [0, 2, 0], [0, 0, 0.3]], np.float32),
    )


@given(arrays(np.float32, 5, elements=VALUES), arrays(np.float32, (4, 5), elements=VALUES))
def test_squared_distances_equal_a_slow_loop(embedding: np.ndarray, centroids: np.ndarray) -> None:
    slow = [
        math.fsum((float(a) - float(b)) ** 2 for a, b in zip(embedding, centroid, strict=True))
        for centroid in centroids
    ]
    np.testing.assert_allclose(squared_distances(embedding, centroids), slow, rtol=1e-12)


def test_the_distance_is_euclidean_to_the_good_parts() -> None:
    score = scorer([], ()).score(np.array([4.0, 6.0, 2.0], np.float32), MAP)
    assert score.distance == 5.0
    assert scorer([], ()).score(np.array([1.0, 2.0, 2.0], np.float32), MAP).distance == 0.0


def test_a_small_distance_between_large_numbers_is_not_lost() -> None:
    good = np.array([4096.0], np.float32)
    near = np.nextafter(good, np.float32(5000))
    found = Scorer(good_centroid=good, defect_centroids=np.zeros((0, 1), np.float32), labels=()).score(near, MAP)
    assert found.distance == float(near[0]) - 4096.0 > 0


def test_the_nearest_defect_gives_its_label() -> None:
    defects = [[0.0, 0.0, 0.0], [9.0, 9.0, 9.0], [1.0, 2.0, 9.0]]
    named = scorer(defects, ("bent_11", "missing_42", "scratched"))
    assert named.score(np.array([8.0, 8.0, 8.0], np.float32), MAP).nearest_label == "missing_42"
    assert named.score(np.array([1.0, 2.0, 7.0], np.float32), MAP).nearest_label == "scratched"


def test_a_faint_defect_has_the_name_of_a_strong_one_in_its_direction() -> None:
    good = np.array([1.0, 2.0, 2.0], np.float32)
    along, across = np.array([3.0, 4.0, 0.0], np.float32), np.array([0.0, 1.0, 1.0], np.float32)
    named = scorer([(good + 10 * along).tolist(), (good + 0.1 * across).tolist()], ("missing_42", "scratched"))
    for strength in (0.01, 1.0, 100.0):
        assert named.score(good + np.float32(strength) * along, MAP).nearest_label == "missing_42"
        assert named.score(good + np.float32(strength) * across, MAP).nearest_label == "scratched"


def test_a_defect_centroid_upon_the_good_one_is_survived() -> None:
    named = scorer([[1.0, 2.0, 2.0], [9.0, 9.0, 9.0]], ("nothing", "something"))
    assert named.score(np.array([8.0, 8.0, 8.0], np.float32), MAP).nearest_label == "something"


def test_without_labels_there_is_no_nearest_one() -> None:
    assert scorer([], ()).score(np.zeros(3, np.float32), MAP).nearest_label is None


def test_the_map_gives_its_mean_and_its_strongest_cell() -> None:
    cell_map = np.zeros((36, 39), np.uint8)
    cell_map[7, 31] = 200
    score = scorer([], ()).score(np.zeros(3, np.float32), cell_map)
    assert score.strongest_cell == (7, 31)
    assert score.map_mean == pytest.approx(200 / (36 * 39))


def test_the_strongest_cell_of_a_large_defect_is_its_middle() -> None:
    cell_map = np.zeros((36, 39), np.uint8)
    cell_map[4, 30] = 254
    cell_map[10:17, 20:29] = 255
    assert strongest_cell(cell_map) == (13, 24)
    cell_map[3, 3] = 255
    assert strongest_cell(cell_map)[0] == 13
    assert strongest_cell(np.zeros((36, 39), np.uint8)) == (0, 0)


@given(arrays(np.uint8, (5, 6)))
def test_the_strongest_cell_holds_the_largest_value(cell_map: np.ndarray) -> None:
    assert cell_map[strongest_cell(cell_map)] == cell_map.max()


@pytest.mark.parametrize("shape", [(2,), (4,), (1, 3), (3, 1), ()])
def test_an_embedding_of_another_shape_is_a_model_error(shape: tuple[int, ...]) -> None:
    with pytest.raises(ModelError, match="the centroids are"):
        scorer([], ()).score(np.zeros(shape, np.float32), MAP)


@pytest.mark.parametrize("metric", list(Metric))
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_distance_that_is_no_number_is_passed_on_for_the_judge_to_see(bad: float, metric: Metric) -> None:
    score = scorer([], (), metric).score(np.array([bad, 0.0, 0.0], np.float32), MAP)
    assert not math.isfinite(score.distance)
    assert judge(score, limit=1.0, map_limit=255.0).outcome is Outcome.FAULT


@pytest.mark.parametrize("metric", list(Metric))
def test_every_distance_is_scipys(metric: Metric) -> None:
    rng = np.random.default_rng(0)
    embeddings, good = rng.normal(2, 3, (50, 7)).astype(np.float32), rng.normal(2, 3, 7).astype(np.float32)
    precision = np.linalg.inv(np.cov(embeddings.T))
    whitening = np.linalg.cholesky(precision).T
    asked = {
        Metric.EUCLIDEAN: {"metric": "euclidean"},
        Metric.MAHALANOBIS: {"metric": "mahalanobis", "VI": precision},
        Metric.COSINE: {"metric": "cosine"},
        Metric.HIGHER: {"metric": "minkowski", "p": 4},
    }
    known = cdist(embeddings.astype(float), good[np.newaxis].astype(float), **asked[metric])[:, 0]
    np.testing.assert_allclose(distances(embeddings, good, metric=metric, whitening=whitening), known, rtol=1e-9)


def test_an_embedding_of_nothing_has_no_direction_and_is_far_by_the_cosine() -> None:
    assert scorer([], (), Metric.COSINE).score(np.zeros(3, np.float32), MAP).distance == 1.0
    with pytest.raises(ValueError, match="needs the good parts' spread"):
        distances(np.zeros((1, 3), np.float32), np.ones(3, np.float32), metric=Metric.MAHALANOBIS)


@pytest.mark.parametrize("metric", list(Metric))
@pytest.mark.parametrize("labels", [(), ("a", "b")])
def test_many_are_scored_as_each_is(labels: tuple[str, ...], metric: Metric) -> None:
    rng = np.random.default_rng(0)
    found = scorer([[0.0, 0, 0], [3, 3, 3]][: len(labels)], labels, metric)
    embeddings = rng.normal(0, 3, (20, 3)).astype(np.float32)
    maps = rng.integers(0, 255, (20, 3, 4)).astype(np.uint8)
    for many, embedding, cell_map in zip(found.score_many(embeddings, maps), embeddings, maps, strict=True):
        one = found.score(embedding, cell_map)
        assert (many.nearest_label, many.strongest_cell) == (one.nearest_label, one.strongest_cell)
        assert (many.distance, many.map_mean) == pytest.approx((one.distance, one.map_mean), rel=1e-6)
