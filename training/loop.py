"""The training loop, read from top to bottom."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

from edge.frame import Pixels
from edge.settings import Grid
from edge.variables import FloatArray
from training.batches import Batches
from training.checkpoint import Checkpoint, State
from training.errors import TrainingError
from training.losses import GOOD, ClassifyLoss, ContrastiveLoss, TripletLoss
from training.miners import GOOD_ANCHOR_WEIGHT, AnchoredTriplets, RandomPairs, every_sample
from training.network import EmbeddingNet, start_local
from training.progress import progress
from training.threads import use_one_thread

Miner = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


class LossName(StrEnum):
    """The learners of the client's documents; the triplet with good anchors as often as its authors came to propose,
    and as they had drawn them before, every label as often as any other."""

    CLASSIFY = "classify"
    SIAMESE = "siamese"
    TRIPLET = "triplet"
    TRIPLET_UNBALANCED = "triplet-unbalanced"


# With labelled defects there are names to learn until the loss levels off; without them nothing but whether a defect
# is one, which the distance says already.
LABELLED_STEPS, LABELLED_RATE = 800, 2e-3
UNLABELLED_STEPS, UNLABELLED_RATE = 150, 3e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings:
    """What a run is made with."""

    loss: LossName = LossName.CLASSIFY
    hidden: tuple[int, ...] = (256, 256)  # 512, 256, 256 is the client's larger one
    steps: int | None = None  # None: LABELLED_STEPS or UNLABELLED_STEPS
    batch: int = 256  # maps
    learning_rate: float | None = None  # peak of the one-cycle schedule; None: as for the steps
    weight_decay: float = 1e-4
    margin: float = 10.0  # of siamese and triplet; an embedding's usual length, which is not learned
    seed: int = 0

    def steps_for(self, labels: int) -> int:
        """How many steps there are, with so many defect labels to learn."""
        return self.steps or (LABELLED_STEPS if labels else UNLABELLED_STEPS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A network in evaluation mode with how it went. losses: one a step."""

    network: EmbeddingNet
    losses: list[float]
    separation: float  # AUROC of good against synthetic and labelled defects, on the last batches
    separations: list[float] = field(default_factory=list)  # the same of every SEPARATION_EVERY-th batch as it came


SEPARATION_EVERY = 10
CHECKPOINT_EVERY = 50
EARLY_STEP = 300
COLLAPSED_SEPARATION = 0.6
CHECK_BATCHES = 4


def train(
    batches: Batches, grid: Grid, *, labels: int, settings: TrainingSettings, checkpoint: Checkpoint | None = None
) -> Trained:
    """An embedding network. labels: how many defect labels there are. checkpoint: where to go on from, and what to
    keep. Raises TrainingError when it collapses."""
    torch.manual_seed(settings.seed)
    use_one_thread()
    steps = settings.steps_for(labels)
    rate = settings.learning_rate or (LABELLED_RATE if labels else UNLABELLED_RATE)
    network = EmbeddingNet(grid, settings.hidden)
    start_local(network, grid)
    generator = torch.Generator().manual_seed(settings.seed)
    loss_of, miner = _loss_and_miner(settings, generator, labels=labels)
    parameters = [*network.parameters(), *loss_of.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=rate, weight_decay=settings.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)

    losses: list[float] = []
    separations: list[float] = []
    learning = _Learning(batches, network, loss_of, optimizer, schedule, generator)
    if checkpoint is not None and (state := checkpoint.kept()) is not None:
        losses, separations = learning.go_on(state)
    for step in progress(range(len(losses), steps), f"training ({settings.loss})"):
        maps, targets = batches.draw()  # (N, cells), (N,)
        embeddings = network(maps)  # (N, 128)
        loss = loss_of(embeddings, targets, miner(embeddings.detach(), targets))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(float(loss.detach()))
        if not math.isfinite(losses[-1]):
            raise TrainingError(f"the loss is no number any more at step {step}: try another seed or another --loss")
        if step % SEPARATION_EVERY == 0:
            separations.append(separation_of(embeddings.detach(), targets))
        if step + 1 == min(EARLY_STEP, steps):
            check_collapse(network, batches, step=step + 1)
        if checkpoint is not None and (step + 1) % CHECKPOINT_EVERY == 0:
            checkpoint.keep(learning.state(losses, separations))

    network.eval()
    separation = check_collapse(network, batches, step=steps)
    return Trained(network=network, losses=losses, separation=separation, separations=separations)


class _Learning:
    """Everything that one step hands to the next, but for the two curves."""

    def __init__(
        self,
        batches: Batches,
        network: nn.Module,
        loss_of: nn.Module,
        optimizer: torch.optim.Optimizer,
        schedule: torch.optim.lr_scheduler.LRScheduler,
        generator: torch.Generator,
    ) -> None:
        self._batches, self._generator = batches, generator
        self._modules: dict[str, Any] = {
            "network": network,
            "loss": loss_of,
            "optimizer": optimizer,
            "schedule": schedule,
        }

    def state(self, losses: list[float], separations: list[float]) -> State:
        parts = {name: module.state_dict() for name, module in self._modules.items()}
        drawing = {"batches": self._batches.state(), "miner": self._generator.get_state()}
        return {**parts, **drawing, "losses": losses, "separations": separations}

    def go_on(self, state: State) -> tuple[list[float], list[float]]:
        """Losses and separations up to there."""
        for name, module in self._modules.items():
            module.load_state_dict(state[name])
        self._batches.go_on(state["batches"])
        self._generator.set_state(state["miner"])
        return state["losses"], state["separations"]


def separation_of(embeddings: torch.Tensor, labels: torch.Tensor) -> float:
    """AUROC of the distance to the good parts' centroid, good against all others. embeddings: (N, D). labels: (N,)."""
    distances = (embeddings - embeddings[labels == GOOD].mean(dim=0)).norm(dim=1)
    return float(roc_auc_score((labels != GOOD).numpy(), distances.numpy()))


def check_collapse(network: EmbeddingNet, batches: Batches, *, step: int) -> float:
    """AUROC of the distance to the good centroid, good against defects. Raises TrainingError if it says nothing."""
    drawn = [batches.draw() for _ in range(CHECK_BATCHES)]
    maps, labels = torch.cat([maps for maps, _ in drawn]), torch.cat([labels for _, labels in drawn])
    with torch.no_grad():
        embeddings = network(maps)
    if float(embeddings.std(dim=0).max()) < 1e-5:
        raise TrainingError(
            f"the embedding collapsed: after {step} steps every part lands on the same point; "
            "try another seed or --loss classify"
        )
    separation = separation_of(embeddings, labels)
    if separation < COLLAPSED_SEPARATION:
        raise TrainingError(
            f"the embedding does not tell good parts from defects: after {step} steps it separates {separation:.0%} of "
            "the pairs (50 % is guessing); look whether the folder 'good' holds only good parts, then try another seed"
        )
    return separation


def embed(network: EmbeddingNet, maps: Pixels) -> FloatArray:
    """(N, rows, columns) uint8 → (N, 128) float32."""
    with torch.no_grad():
        return np.asarray(network(_levels(maps)).numpy(), dtype=np.float32)


def centre(network: EmbeddingNet, good: Pixels) -> None:
    """Lay the centroid of good parts' maps (N, rows, columns) uint8 at the origin, near enough."""
    network.centre_on(_levels(good))


def _levels(maps: Pixels) -> torch.Tensor:
    """(N, cells) of 0 to 1."""
    return torch.from_numpy(maps.reshape(len(maps), -1) * np.float32(1 / 255))


def _loss_and_miner(settings: TrainingSettings, generator: torch.Generator, *, labels: int) -> tuple[nn.Module, Miner]:
    if settings.loss is LossName.CLASSIFY:
        return ClassifyLoss(labels), every_sample
    if settings.loss is LossName.SIAMESE:
        return ContrastiveLoss(settings.margin), RandomPairs(settings.batch, generator)
    weight = GOOD_ANCHOR_WEIGHT if settings.loss is LossName.TRIPLET else 1.0
    return TripletLoss(settings.margin), AnchoredTriplets(settings.batch, generator, good_weight=weight)
