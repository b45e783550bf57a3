"""The documents' warm-up (SMNRT18): handwritten digits, 784 → 256 → 256 → 2, and what the two numbers hold."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from training.calibrate import Rate
from training.documents.idx import DIGITS, Bytes, Digits
from training.documents.simple import Floats, Mover, SimpleModel, SimpleSettings, train_simple
from training.errors import DataSetError

CYCLE_TO = 2e-2  # chosen by the last 10,000 digits to train on, held out


@dataclass(frozen=True, slots=True, kw_only=True)
class DigitsFound:
    """losses, accuracies: one an epoch, the latter of the test digits. right: at the end.

    embeddings: (N, 2) of the test digits, labels: (N,). confusion: (10, 10) counts, truth by rows.
    """

    epochs: int
    seed: int
    is_plain: bool
    losses: list[float]
    accuracies: list[float]
    right: Rate
    embeddings: Floats
    labels: Bytes
    confusion: npt.NDArray[np.intp]

    def plain(self) -> dict[str, object]:
        """Everything but the single digits."""
        return {
            "epochs": self.epochs,
            "seed": self.seed,
            "is_plain": self.is_plain,
            "losses": self.losses,
            "accuracies": self.accuracies,
            "right": self.right,
            "confusion": self.confusion.tolist(),
        }


def learn_digits(taught: Digits, tested: Digits, *, epochs: int, seed: int, is_plain: bool = False) -> DigitsFound:
    """Train on the ones, judge the others; no choice is made by the latter. Raises DataSetError or TrainingError.

    is_plain: by the documents' recipe. Else the same layers are normalised by batches, the rate goes up to CYCLE_TO and
    down again, and every digit is moved by up to a pixel each time it is shown.
    """
    if taught.images.shape[1:] != tested.images.shape[1:]:
        raise DataSetError("the digits to train on and those to test on have different sizes")
    values = values_of(tested)

    def accuracy(model: SimpleModel) -> float:
        return float((model.told(values) == tested.labels).mean())

    settings = SimpleSettings(epochs=epochs, seed=seed, cycle_to=None if is_plain else CYCLE_TO)
    moved = None if is_plain else mover(*taught.images.shape[1:])
    model = train_simple(values_of(taught), taught.labels, settings, after_epoch=accuracy, moved=moved)
    told = model.told(values)
    confusion = np.zeros((DIGITS, DIGITS), np.intp)
    np.add.at(confusion, (tested.labels, told), 1)
    return DigitsFound(
        epochs=epochs,
        seed=seed,
        is_plain=is_plain,
        losses=model.losses,
        accuracies=model.tested,
        right=Rate(events=int((told == tested.labels).sum()), trials=len(told)),
        embeddings=model.embed(values),
        labels=tested.labels,
        confusion=confusion,
    )


def values_of(digits: Digits) -> Floats:
    """(N, rows · columns) float32 of 0 to 1."""
    return digits.images.reshape(len(digits.images), -1).astype(np.float32) / np.float32(255)


def mover(rows: int, columns: int) -> Mover:
    """Moves each of (M, rows · columns) by up to a pixel in either direction; what comes in is black."""

    def moved(values: torch.Tensor, random: torch.Generator) -> torch.Tensor:
        count = len(values)
        padded = functional.pad(values.reshape(count, rows, columns), (1, 1, 1, 1))  # (M, rows + 2, columns + 2)
        down, right = (torch.randint(3, (count, 1), generator=random) for _ in range(2))
        row, column = down + torch.arange(rows), right + torch.arange(columns)  # (M, rows), (M, columns)
        return padded[torch.arange(count)[:, None, None], row[:, :, None], column[:, None, :]].reshape(count, -1)

    return moved
