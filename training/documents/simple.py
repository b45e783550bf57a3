"""The documents' simple classification (SMNRT18, SMNRT21): softmax and negative log-likelihood on PReLU(embedding)."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from training.documents.networks import DocumentNet, NamingHead
from training.errors import TrainingError
from training.progress import progress
from training.threads import use_one_thread

LEARNING_RATE, STEP_EPOCHS, STEP_FACTOR = 2e-3, 8, 0.1
AT_ONCE = 4096

Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[np.integer]


@dataclass(frozen=True, slots=True, kw_only=True)
class SimpleSettings:
    """hidden: layers between the inputs and the embedding. batch: 256 for MNIST, 16 for the inspection.

    cycle_to: None for the documents' rates, or the peak of a one-cycle schedule (Smith and Topin, 2018), and then the
    hidden layers are normalised by batches as well.
    """

    hidden: tuple[int, ...] = (256, 256)
    embedding: int = 2
    batch: int = 256
    epochs: int = 10
    seed: int = 0
    cycle_to: float | None = None


Mover = Callable[[torch.Tensor, torch.Generator], torch.Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class SimpleModel:
    """A trained network with its head. losses: mean over each epoch. tested: what `after_epoch` gave."""

    network: DocumentNet
    head: NamingHead
    losses: list[float]
    tested: list[float]

    def embed(self, values: Floats) -> Floats:
        """(N, inputs) → (N, D)."""
        return embed(self.network, values)

    def told(self, values: Floats) -> npt.NDArray[np.intp]:
        """(N, inputs) → (N,) the most probable class of each."""
        with torch.no_grad():
            return np.asarray(self.head(torch.from_numpy(self.embed(values))).argmax(dim=1).numpy())


def train_simple(
    values: Floats,
    labels: Labels,
    settings: SimpleSettings,
    *,
    after_epoch: Callable[[SimpleModel], float] | None = None,
    moved: Mover | None = None,
) -> SimpleModel:
    """values: (N, inputs) of 0 to 1. labels: (N,) from 0 on. Adam 2e-3, a tenth of it after eight epochs.

    moved: changes a batch (M, inputs) before it is learned from; None: nothing does, as in the documents.
    Raises TrainingError when the loss is no number any more.
    """
    torch.manual_seed(settings.seed)
    use_one_thread()
    order = torch.Generator().manual_seed(settings.seed)
    inputs, targets = torch.from_numpy(values), torch.from_numpy(labels.astype(np.int64))
    sizes = (values.shape[1], *settings.hidden, settings.embedding)
    network = DocumentNet(sizes, is_normalised=settings.cycle_to is not None)
    head = NamingHead(settings.embedding, int(labels.max()) + 1)
    model = SimpleModel(network=network, head=head, losses=[], tested=[])
    optimizer = torch.optim.Adam([*network.parameters(), *head.parameters()], lr=LEARNING_RATE)
    schedule = _schedule(optimizer, settings, steps=math.ceil(len(inputs) / settings.batch))
    for _ in progress(range(settings.epochs), "epochs"):
        losses = []
        network.train()
        shuffled = torch.randperm(len(inputs), generator=order)
        for begin in range(0, len(inputs), settings.batch):
            chosen = shuffled[begin : begin + settings.batch]
            shown = inputs[chosen] if moved is None else moved(inputs[chosen], order)
            loss = functional.nll_loss(head(network(shown)), targets[chosen])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            losses.append(float(loss.detach()) * len(chosen))
        model.losses.append(sum(losses) / len(inputs))
        if not math.isfinite(model.losses[-1]):
            raise TrainingError("the loss is no number any more: try another seed")
        if after_epoch is not None:
            model.tested.append(after_epoch(model))
    return model


def _schedule(
    optimizer: torch.optim.Optimizer, settings: SimpleSettings, *, steps: int
) -> torch.optim.lr_scheduler.LRScheduler:
    """steps: of an epoch."""
    if settings.cycle_to is None:
        return torch.optim.lr_scheduler.StepLR(optimizer, STEP_EPOCHS * steps, STEP_FACTOR)
    return torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.cycle_to, total_steps=settings.epochs * steps)


def embed(network: DocumentNet, values: Floats) -> Floats:
    """(N, inputs) → (N, D), some at a time; the network is not learning any more."""
    network.eval()
    with torch.no_grad():
        parts = [
            network(torch.from_numpy(values[begin : begin + AT_ONCE])).numpy()
            for begin in range(0, len(values), AT_ONCE)
        ]
    return np.concatenate(parts).astype(np.float32)
