"""The documents' learners of distances: Siamese pairs (SMNW3) and triplets around class means (SMNRT42)."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from training.documents.networks import DocumentNet
from training.documents.simple import Floats, Labels
from training.errors import TrainingError
from training.losses import GOOD, ContrastiveLoss, TripletLoss
from training.miners import GOOD_ANCHOR_WEIGHT
from training.progress import progress
from training.threads import use_one_thread

LEARNING_RATE = 1e-3  # Keras' usual one; the documents name none
PAIRS_OF_EACH = 10  # equal ones a picture, and as many unequal ones
TRIPLETS_AT_ONCE = 256

Indices = npt.NDArray[np.integer]


@dataclass(frozen=True, slots=True, kw_only=True)
class DistanceSettings:
    """hidden: layers between the inputs and the embedding. margin: on the plain distance, as in the documents."""

    hidden: tuple[int, ...]
    embedding: int = 128
    margin: float = 1.0
    epochs: int = 10
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DistanceModel:
    """losses, held_out: mean over each epoch of what is learned from, and of what is not."""

    network: DocumentNet
    losses: list[float]
    held_out: list[float]


def train_siamese(values: Floats, labels: Labels, settings: DistanceSettings, *, batch: int = 32) -> DistanceModel:
    """SMNW3: ten equal and ten unequal pairs a picture, of which 30 % are held out; ReLU, Adam, contrastive loss.

    values: (N, inputs) of 0 to 1. labels: (N,), 0 is good. Raises TrainingError when the loss is no number any more.
    """
    _begin(settings.seed)
    random = np.random.default_rng(settings.seed)
    pairs = random.permutation(pairs_of(labels, random))
    held_out, taught = np.split(pairs, [round(0.3 * len(pairs))])
    network = DocumentNet((values.shape[1], *settings.hidden, settings.embedding), is_prelu=False)
    loss_of = ContrastiveLoss(settings.margin)

    def loss(chosen: Indices) -> torch.Tensor:
        """chosen: (P, 2)."""
        embeddings = network(torch.from_numpy(values[chosen.T.ravel()]))  # (2P, D)
        places = torch.arange(len(chosen))
        indices = torch.stack([places, places + len(chosen)], dim=1)  # (P, 2)
        value: torch.Tensor = loss_of(embeddings, torch.from_numpy(labels[chosen.T.ravel()]), indices)
        return value

    return _trained(network, loss, taught, held_out, settings, batch=batch)


def train_triplet(
    values: Floats, labels: Labels, settings: DistanceSettings, *, triplets: int, is_balanced: bool
) -> DistanceModel:
    """SMNRT42: the anchor is the mean picture of a label, on squared distances; PReLU, Adam; a tenth is held out.

    is_balanced: good anchors GOOD_ANCHOR_WEIGHT times as often as any defect's, which the authors proposed after
    their results; else every label is the anchor as often as any other. values, labels, errors as in `train_siamese`.
    """
    _begin(settings.seed)
    random = np.random.default_rng(settings.seed)
    drawn = triplets_of(labels, triplets, random, is_balanced=is_balanced)
    held_out, taught = np.split(drawn, [len(drawn) // 10])
    means = np.stack([values[labels == label].mean(axis=0) for label in range(int(labels.max()) + 1)])
    network = DocumentNet((values.shape[1], *settings.hidden, settings.embedding))
    loss_of = TripletLoss(settings.margin)

    def loss(chosen: Indices) -> torch.Tensor:
        """chosen: (T, 3) label of the anchor, positive, negative."""
        inputs = np.concatenate([means[chosen[:, 0]], values[chosen[:, 1]], values[chosen[:, 2]]])
        places = torch.arange(len(inputs)).reshape(3, -1).T  # (T, 3)
        value: torch.Tensor = loss_of(network(torch.from_numpy(inputs)), torch.zeros(len(inputs)), places)
        return value

    return _trained(network, loss, taught, held_out, settings, batch=TRIPLETS_AT_ONCE)


def pairs_of(labels: Labels, random: np.random.Generator) -> Indices:
    """(N,) → (20 N, 2): to every picture ten others of its label and ten of another one, with replacement."""
    everyone = np.arange(len(labels))
    found = []
    for one in everyone:
        equal = everyone[(labels == labels[one]) & (everyone != one)]
        unequal = everyone[labels != labels[one]]
        for others in (equal, unequal):
            if len(others):
                chosen = random.choice(others, size=PAIRS_OF_EACH)
                found.append(np.stack([np.full(PAIRS_OF_EACH, one), chosen], axis=1))
    return np.concatenate(found)


def triplets_of(labels: Labels, count: int, random: np.random.Generator, *, is_balanced: bool) -> Indices:
    """(N,) → (count, 3): label of the anchor, a picture of that label, a picture of another one."""
    present = np.unique(labels)
    weights = np.where(present == GOOD, GOOD_ANCHOR_WEIGHT if is_balanced else 1.0, 1.0)
    anchors = random.choice(present, size=count, p=weights / weights.sum())
    members = {label: np.flatnonzero(labels == label) for label in present}
    others = {label: np.flatnonzero(labels != label) for label in present}
    positives = [random.choice(members[label]) for label in anchors]
    negatives = [random.choice(others[label]) for label in anchors]
    return np.stack([anchors, positives, negatives], axis=1)


def _begin(seed: int) -> None:
    torch.manual_seed(seed)
    use_one_thread()


def _trained(
    network: DocumentNet,
    loss: Callable[[Indices], torch.Tensor],
    taught: Indices,
    held_out: Indices,
    settings: DistanceSettings,
    *,
    batch: int,
) -> DistanceModel:
    random = np.random.default_rng(settings.seed)
    optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
    model = DistanceModel(network=network, losses=[], held_out=[])
    for _ in progress(range(settings.epochs), "epochs"):
        shuffled, total = random.permutation(taught), 0.0
        for chosen in _batches(shuffled, batch):
            value = loss(chosen)
            optimizer.zero_grad()
            value.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += float(value.detach()) * len(chosen)
        model.losses.append(total / len(taught))
        with torch.no_grad():
            kept = [float(loss(chosen)) * len(chosen) for chosen in _batches(held_out, TRIPLETS_AT_ONCE)]
        model.held_out.append(sum(kept) / max(1, len(held_out)))
        if not math.isfinite(model.losses[-1]):
            raise TrainingError("the loss is no number any more: try another seed")
    return model


def _batches(values: Indices, size: int) -> Iterator[Indices]:
    for begin in range(0, len(values), size):
        yield values[begin : begin + size]
