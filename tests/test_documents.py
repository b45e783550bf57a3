"""The documents' learners of distances, and what is measured of them, on little."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.covariance import ledoit_wolf

from edge.inspection import Inspector
from training.documents.networks import DocumentNet
from training.documents.pairs import DistanceSettings, pairs_of, train_siamese, train_triplet, triplets_of
from training.documents.simple import embed
from training.reproduction.__main__ import Sets, as_text, learners, main, measured
from training.reproduction.data import ADDRESSES, GOOD, NO_DIRECTION, Parts, rendered_parts
from training.reproduction.figures import Embedded, figures_of


def spots(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Four labels of 6x6 pictures: a bright cell at one of three places, or none (0, good), in noise."""
    random = np.random.default_rng(seed)
    labels = random.integers(4, size=count)
    values = 0.2 * random.random((count, 36))
    for row, label in enumerate(labels):
        if label:
            values[row, 9 * label] += 0.7
    return values.astype(np.float32), labels


def apart(network: DocumentNet, seed: int = 5) -> float:
    """How much farther bad ones lie from the good ones' mean than good ones do."""
    values, labels = spots(200, seed)
    at = embed(network, values)
    away = np.linalg.norm(at - at[labels == GOOD].mean(axis=0), axis=1)
    return float(away[labels != GOOD].mean() / away[labels == GOOD].mean())


def test_pairs_are_ten_of_each_and_never_of_one_picture_with_itself() -> None:
    labels = np.array([0, 0, 0, 1, 1, 2])
    pairs = pairs_of(labels, np.random.default_rng(0))
    equal = labels[pairs[:, 0]] == labels[pairs[:, 1]]
    assert (pairs[:, 0] != pairs[:, 1]).all()
    for number, label in enumerate(labels):
        mine = pairs[:, 0] == number
        assert (mine & ~equal).sum() == 10
        assert (mine & equal).sum() == (10 if (labels == label).sum() > 1 else 0)


@pytest.mark.parametrize(("is_balanced", "share"), [(False, 1 / 4), (True, 5 / 8)])
def test_good_anchors_come_as_often_as_was_asked_for(is_balanced: bool, share: float) -> None:
    labels = np.repeat([0, 1, 2, 3], [40, 10, 10, 10])
    drawn = triplets_of(labels, 8000, np.random.default_rng(0), is_balanced=is_balanced)
    assert (drawn[:, 0] == GOOD).mean() == pytest.approx(share, abs=0.02)
    assert (labels[drawn[:, 1]] == drawn[:, 0]).all()
    assert (labels[drawn[:, 2]] != drawn[:, 0]).all()


def test_siamese_pairs_draw_equals_together_and_are_repeatable() -> None:
    values, labels = spots(150, 0)
    settings = DistanceSettings(hidden=(32, 32), embedding=8, epochs=5)
    model, again = (train_siamese(values, labels, settings) for _ in range(2))
    assert model.losses == again.losses
    assert len(model.held_out) == 5
    assert model.held_out[-1] < 0.5 * model.held_out[0]
    assert apart(model.network) > 2


@pytest.mark.parametrize("is_balanced", [False, True])
def test_triplets_put_labels_apart(is_balanced: bool) -> None:
    values, labels = spots(150, 0)
    settings = DistanceSettings(hidden=(32, 32), embedding=8, epochs=6)
    model = train_triplet(values, labels, settings, triplets=3000, is_balanced=is_balanced)
    assert model.losses[-1] < 0.5 * model.losses[0]
    assert apart(model.network) > 2


def parts(count: int, seed: int) -> Parts:
    """Good ones first, then labels 1 and 2 with directions in turn."""
    labels = np.repeat([0, 1, 2], count)
    directions = np.where(labels == GOOD, NO_DIRECTION, np.arange(3 * count) % 4)
    maps = np.random.default_rng(seed).integers(0, 255, size=(3 * count, 36, 39)).astype(np.uint8)
    return Parts(maps=maps, labels=labels, directions=directions)


def test_figures_of_an_embedding_that_says_everything() -> None:
    random = np.random.default_rng(0)

    def placed(seed: int) -> Embedded:
        found = parts(20, seed)
        corners = np.array([[4, 0], [-4, 0], [0, 4], [0, -4]], dtype=float)
        at = np.zeros((60, 6))
        bent = found.labels != GOOD
        at[bent, :2] = corners[found.directions[bent]]
        at[bent, 2] = 3.0 * (found.labels[bent] - 1.5)
        return Embedded(parts=found, at=(at + 0.05 * random.normal(size=at.shape)).astype(np.float32))

    taught, held_out, tested = placed(0), placed(1), placed(2)
    found = figures_of(taught, held_out, tested)
    assert found.auroc == found.mahalanobis == 1
    assert found.right > 0.9
    assert found.named == 1
    assert found.directions == 1
    assert 0.5 < found.explained < 1
    spread, _ = ledoit_wolf(taught.good)
    away = tested.at - taught.good.mean(axis=0)
    by_hand = np.einsum("ni,ij,nj->n", away, np.linalg.inv(spread), away)
    is_good = tested.parts.labels == GOOD
    assert by_hand[is_good].max() < by_hand[~is_good].min()


def test_maps_are_shrunk_by_area_and_scaled() -> None:
    found = parts(2, 0)
    assert np.array_equal(found.values(rows=36, columns=39), found.maps.reshape(6, -1) / np.float32(255))
    small = found.values(rows=26, columns=36)
    assert small.shape == (6, 936)
    assert small.mean() == pytest.approx(found.maps.mean() / 255, abs=0.01)


def test_rendered_parts_are_labelled_by_the_address_of_their_pin(demo_inspector: Inspector) -> None:
    found = rendered_parts(demo_inspector, good=2, per_label=1, seed=7, first=0)
    assert len(ADDRESSES) == 18
    assert found.labels.tolist() == [0, 0, *range(1, 19)]
    assert (found.directions[:2] == NO_DIRECTION).all()
    assert set(found.directions[2:]) == {0, 1, 2, 3}
    again = rendered_parts(demo_inspector, good=1, per_label=0, seed=7, first=1)
    assert np.array_equal(again.maps[0], found.maps[1])


def test_every_learner_is_trained_and_told_in_one_row() -> None:
    sets = Sets(taught=parts(8, 0), held_out=parts(8, 1), tested=parts(8, 2))
    torch.manual_seed(0)
    found = {learner.name: [measured(learner, sets, seed=0)] for learner in learners(epochs=1, triplets=40)}
    assert len(found) == 6
    text = as_text(found)
    assert text.count("\n") == 7
    assert "| triplet, good anchors 5 times |" in text


def test_a_learner_that_is_not_there_is_one_sentence(
    demo_bundle_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(demo_bundle_path), "--only", "forest"]) == 1
    assert "no learner's name starts with 'forest'; there are: Siamese, 26x36, Siamese" in capsys.readouterr().err


def test_what_is_no_bundle_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "nowhere")]) == 1
    assert capsys.readouterr().err.count("\n") == 1
