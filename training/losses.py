"""The client's three losses, `loss(embeddings, labels, indices) -> scalar` always, and one on the judged distance.

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


class JudgementLoss(nn.Module):
    """Cross-entropy of good against defective, told by nothing but the distance to the good parts' centroid.

    The station judges by this one distance, and an embedding that only learned to name defects may leave one near the
    centre that every layer before has seen. Scale and middle are learned along.
    """

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(0.5))
        self.middle = nn.Parameter(torch.tensor(14.0))  # in units of the embedding, between usual good and defective

    def forward(self, embeddings: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """embeddings: (N, D). labels: (N,). The centroid is that of the batch's good parts; without any: zero."""
        is_good = labels == GOOD
        if not is_good.any():
            return embeddings.sum() * 0.0
        centroid = embeddings[is_good].mean(dim=0, keepdim=True)
        distances = (squared_distances(embeddings, centroid) + 1e-6).sqrt()  # (N,)
        scores = self.scale * (distances - self.middle)
        return functional.binary_cross_entropy_with_logits(scores, (~is_good).float())


class ClassifyLoss(nn.Module):
    """Negative log-likelihood of the label (softmax + NLL on PReLU(embedding), as in the client's SMNRT21), plus
    JudgementLoss: of the three, this loss alone would not teach distances.

    labels: how many defect labels there are; synthetic defects are one class more.
    """

    def __init__(self, labels: int) -> None:
        super().__init__()
        self.head = ClassifyHead(labels + 2)
        self.judgement = JudgementLoss()

    def forward(self, embeddings: torch.Tensor, labels: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
        """embeddings: (N, D). labels: (N,). indices: (M,) which of them to learn from."""
        log_probabilities = self.head(embeddings[indices])  # (M, classes)
        named = functional.nll_loss(log_probabilities, labels[indices] % log_probabilities.shape[1])
        judged: torch.Tensor = self.judgement(embeddings[indices], labels[indices])
        return named + judged


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
