"""The losses against slow loops, and where they would go wrong: no pairs, equal embeddings."""

import math

import pytest
import torch

from training.losses import (
    GOOD,
    SYNTHETIC,
    ClassifyLoss,
    ContrastiveLoss,
    TripletLoss,
    squared_distances,
)

GENERATOR = torch.Generator().manual_seed(1)
EMBEDDINGS = torch.randn(12, 128, generator=GENERATOR)
LABELS = torch.tensor([GOOD, GOOD, GOOD, GOOD, 1, 1, 2, 2, 2, SYNTHETIC, SYNTHETIC, SYNTHETIC])
LOSSES = [(ClassifyLoss(2), 1), (ContrastiveLoss(15.0), 2), (TripletLoss(8.0), 3)]
NAMES = ["classify", "siamese", "triplet"]


def indices_of(columns: int, count: int = 40) -> torch.Tensor:
    drawn = torch.randint(len(LABELS), (count, columns), generator=torch.Generator().manual_seed(2))
    return drawn[:, 0] if columns == 1 else drawn


def slow_squared(first: torch.Tensor, second: torch.Tensor) -> float:
    return sum((float(a) - float(b)) ** 2 for a, b in zip(first, second, strict=True))


def test_squared_distances_are_squares_of_the_euclidean_distance() -> None:
    found = squared_distances(EMBEDDINGS[:6], EMBEDDINGS[6:])
    expected = [slow_squared(EMBEDDINGS[row], EMBEDDINGS[row + 6]) for row in range(6)]
    assert found.tolist() == pytest.approx(expected, rel=1e-5)
    assert squared_distances(EMBEDDINGS, EMBEDDINGS).tolist() == [0.0] * 12


def test_classify_loss_equals_a_slow_loop() -> None:
    loss = ClassifyLoss(2)
    slope, linear = loss.head.layers[0].weight.item(), loss.head.layers[1]
    indices, total = indices_of(1), 0.0
    for index in indices.tolist():
        activated = [value if value > 0 else slope * value for value in EMBEDDINGS[index].tolist()]
        scores = [
            sum(w * v for w, v in zip(row, activated, strict=True)) + bias
            for row, bias in zip(linear.weight.tolist(), linear.bias.tolist(), strict=True)
        ]
        wanted = {GOOD: 0, 1: 1, 2: 2, SYNTHETIC: 3}[int(LABELS[index])]  # synthetic defects are the last class
        total += math.log(sum(math.exp(score) for score in scores)) - scores[wanted]
    assert loss(EMBEDDINGS, LABELS, indices).item() == pytest.approx(total / len(indices), rel=1e-4)


def test_contrastive_loss_equals_a_slow_loop() -> None:
    margin, indices, total, pushed = 15.0, indices_of(2), 0.0, 0
    for first, second in indices.tolist():
        squared = slow_squared(EMBEDDINGS[first], EMBEDDINGS[second])
        if LABELS[first] == LABELS[second]:
            total += squared
        else:
            short = max(0.0, margin - math.sqrt(squared + 1e-9))
            total += short**2
            pushed += short > 0
    assert 0 < pushed < len(indices)
    found = ContrastiveLoss(margin)(EMBEDDINGS, LABELS, indices)
    assert float(found) == pytest.approx(total / len(indices), rel=1e-5)


def test_triplet_loss_equals_a_slow_loop() -> None:
    margin, indices, total, active = 8.0, indices_of(3), 0.0, 0
    for anchor, positive, negative in indices.tolist():
        near = slow_squared(EMBEDDINGS[anchor], EMBEDDINGS[positive])
        far = slow_squared(EMBEDDINGS[anchor], EMBEDDINGS[negative])
        total += max(0.0, near - far + margin**2)
        active += near - far + margin**2 > 0
    assert 0 < active < len(indices)
    found = TripletLoss(margin)(EMBEDDINGS, LABELS, indices)
    assert float(found) == pytest.approx(total / len(indices), rel=1e-5)


@pytest.mark.parametrize(("loss", "columns"), LOSSES[1:], ids=NAMES[1:])
def test_without_pairs_the_loss_is_zero_and_so_is_its_gradient(loss: torch.nn.Module, columns: int) -> None:
    embeddings = EMBEDDINGS.clone().requires_grad_()
    found = loss(embeddings, LABELS, torch.zeros((0, columns), dtype=torch.long))
    found.backward()
    assert float(found.detach()) == 0.0
    assert embeddings.grad is not None
    assert not embeddings.grad.any()


@pytest.mark.parametrize(("loss", "columns"), LOSSES, ids=NAMES)
def test_identical_embeddings_give_a_finite_gradient(loss: torch.nn.Module, columns: int) -> None:
    embeddings = torch.ones(12, 128).requires_grad_()
    found = loss(embeddings, LABELS, indices_of(columns))
    found.backward()
    assert torch.isfinite(found)
    assert embeddings.grad is not None
    assert torch.isfinite(embeddings.grad).all()


def test_siamese_and_triplet_are_satisfied_beyond_the_margin() -> None:
    embeddings = torch.zeros(2, 128)
    embeddings[1, 0] = 3.0
    labels = torch.tensor([GOOD, 1])
    assert float(ContrastiveLoss(3.0)(embeddings, labels, torch.tensor([[0, 1]]))) == pytest.approx(0.0, abs=1e-6)
    assert float(TripletLoss(3.0)(embeddings, labels, torch.tensor([[0, 0, 1]]))) == 0.0
    assert float(TripletLoss(3.1)(embeddings, labels, torch.tensor([[0, 0, 1]]))) == pytest.approx(0.61, rel=1e-4)
