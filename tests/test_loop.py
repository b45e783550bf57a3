"""The loop learns what can be learned, and says early when nothing is."""

from typing import get_args

import numpy as np
import pytest
import torch

from edge.manifest import Training
from edge.settings import Grid
from training.errors import TrainingError
from training.loop import LossName, TrainingSettings, check_collapse, embed, train
from training.losses import GOOD, SYNTHETIC
from training.network import EmbeddingNet
from training.network_names import LOSSES

pytestmark = pytest.mark.usefixtures("one_thread")

GRID = Grid(rows=6, columns=6)
ALL_LOSSES = pytest.mark.parametrize("loss", list(LossName))


class MadeUpBatches:
    """Half good maps, half defects; `rise` is by how much one random cell of a defect stands out.

    kinds: 1 makes all of them synthetic; 2 makes them labelled, and the second label's have another such cell beside.
    """

    def __init__(self, *, rise: float, seed: int = 0, kinds: int = 1) -> None:
        self.drawn = 0
        self._kinds = kinds
        self._rise = rise
        self._random = torch.Generator().manual_seed(seed)

    def draw(self) -> tuple[torch.Tensor, torch.Tensor]:
        self.drawn += 1
        maps = 0.17 + 0.05 * torch.randn(64, GRID.cells, generator=self._random)
        cells = torch.randint(GRID.cells, (32,), generator=self._random)
        maps[torch.arange(32), cells] += self._rise
        if self._kinds == 1:
            return maps, torch.tensor([SYNTHETIC] * 32 + [GOOD] * 32)
        maps[torch.arange(16, 32), (cells[16:] + 1) % GRID.cells] += self._rise
        return maps, torch.tensor([1] * 16 + [2] * 16 + [GOOD] * 32)


def settings_of(loss: LossName, *, steps: int, seed: int = 0) -> TrainingSettings:
    return TrainingSettings(loss=loss, hidden=(32, 32), steps=steps, learning_rate=2e-3, batch=64, seed=seed)


@ALL_LOSSES
def test_every_loss_learns_the_name_of_a_defect_that_may_be_anywhere(loss: LossName) -> None:
    trained = train(MadeUpBatches(rise=0.6, kinds=2), GRID, labels=2, settings=settings_of(loss, steps=300))
    assert trained.separation > 0.99
    assert len(trained.losses) == 300
    assert np.mean(trained.losses[-20:]) < 0.7 * np.mean(trained.losses[:20])
    assert not trained.network.training


def test_the_losses_that_can_be_asked_for_are_those_that_there_are() -> None:
    assert list(LossName) == list(LOSSES) == list(get_args(Training.model_fields["loss"].annotation))


def test_triplets_with_and_without_balance_are_not_the_same() -> None:
    balanced, unbalanced = (
        train(MadeUpBatches(rise=0.6, kinds=2), GRID, labels=2, settings=settings_of(loss, steps=20)).losses
        for loss in (LossName.TRIPLET, LossName.TRIPLET_UNBALANCED)
    )
    assert balanced[0] != unbalanced[0]


@ALL_LOSSES
def test_the_same_seed_trains_the_same_network_and_another_seed_another(loss: LossName) -> None:
    maps = np.random.default_rng(0).integers(0, 255, (4, 6, 6), dtype=np.uint8)
    first, again, other = (
        embed(
            train(MadeUpBatches(rise=0.6), GRID, labels=0, settings=settings_of(loss, steps=20, seed=seed)).network,
            maps,
        )
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@ALL_LOSSES
def test_defects_that_cannot_be_told_from_good_parts_are_found_early(
    loss: LossName, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.loop.EARLY_STEP", 40)
    batches = MadeUpBatches(rise=0.0)
    with pytest.raises(TrainingError, match="does not tell good parts from defects: after 40 steps"):
        train(batches, GRID, labels=0, settings=settings_of(loss, steps=2000))
    assert batches.drawn == 40 + 4


def test_an_embedding_that_collapsed_to_a_point_is_found() -> None:
    network = EmbeddingNet(GRID, (32, 32))
    with torch.no_grad():
        for parameter in (*network.parameters(), network.down):
            parameter.zero_()
    with pytest.raises(TrainingError, match="collapsed: after 300 steps every part lands on the same point"):
        check_collapse(network, MadeUpBatches(rise=0.6), step=300)


def test_a_short_run_is_checked_at_its_end() -> None:
    with pytest.raises(TrainingError, match="after 10 steps"):
        train(MadeUpBatches(rise=0.0), GRID, labels=0, settings=settings_of(LossName.CLASSIFY, steps=10))


@pytest.mark.parametrize("loss", list(LossName))
def test_a_loss_that_is_no_number_stops_the_run_at_once(loss: LossName) -> None:
    batches = MadeUpBatches(rise=float("nan"))
    with pytest.raises(TrainingError, match="no number any more at step 0"):
        train(batches, GRID, labels=0, settings=settings_of(loss, steps=2000))
    assert batches.drawn == 1
