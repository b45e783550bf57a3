"""The client's three losses, `loss(embeddings, labels, indices) -> scalar` always.

Only `squared_distances` knows how a distance is made; every margin here is stated on the plain (not squared) distance.
Label 0 is the good part, positive labels are the defects', SYNTHETIC marks defects that were made up.
"""

import torch
from torch import nn
from torch.nn import functional

from training.network import ClassifyHead

GOOD, SYNTHETIC = 0, -1


def squared_distances(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """(N, D), (N, D) → (N,) squared Euclidean distances, never negative."""
    return (first - second).square().sum(dim=1)


class ClassifyLoss(nn.Module):
    """Negative log-likelihood of the label (softmax + NLL on PReLU(embedding), as in the client's SMNRT21).

    labels: how many defect labels there are; synthetic defects are one class more.
    """

    def __init__(self, labels: int) -> None:
        super().__init__()
        self.head = ClassifyHead(labels + 2)

    def forward(self, embeddings: torch.Tensor, labels: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
        """embeddings: (N, D). labels: (N,). indices: (M,) which of them to learn from."""
        log_probabilities = self.head(embeddings[indices])  # (M, classes)
        return functional.nll_loss(log_probabilities, labels[indices] % log_probabilities.shape[1])


class ContrastiveLoss(nn.Module):
    """Equal pairs are drawn together, others pushed to the margin (Hadsell, Chopra and LeCun, 2006; client's SMNW3)."""

    def __init__(self, margin: float = 1.0) -> None:
        super().__init__()
        self.margin = margin

    def forward(self, embeddings: torch.Tensor, labels: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
        """embeddings: (N, D). labels: (N,). indices: (P, 2) pairs. No pairs: zero, with a gradient of zero."""
        if len(indices) == 0:
            return embeddings.sum() * 0.0
        first, second = indices[:, 0], indices[:, 1]
        squared = squared_distances(embeddings[first], embeddings[second])  # (P,)
        is_equal = labels[first] == labels[second]
        # The root's slope is infinite at zero: two identical embeddings must still give a finite gradient.
        short = functional.relu(self.margin - (squared + 1e-9).sqrt())
        return torch.where(is_equal, squared, short.square()).mean()


class TripletLoss(nn.Module):
    """The anchor must be nearer to its own kind than to others, on squared distances (client's SMNRT42)."""

    def __init__(self, margin: float = 1.0) -> None:
        super().__init__()
        self.margin = margin

    def forward(self, embeddings: torch.Tensor, labels: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
        """embeddings: (N, D). labels: (N,), unused here. indices: (T, 3) anchor, positive, negative."""
        if len(indices) == 0:
            return embeddings.sum() * 0.0
        anchor, positive, negative = (embeddings[indices[:, column]] for column in range(3))
        near, far = squared_distances(anchor, positive), squared_distances(anchor, negative)
        return functional.relu(near - far + self.margin**2).mean()
