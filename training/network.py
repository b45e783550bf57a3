"""The embedding network: a map of 36x39 cells becomes 128 numbers."""

from itertools import pairwise

import torch
from torch import nn

from edge.bundle import EMBEDDING_SIZE
from edge.preprocess import CEILING_SIGMA, FLOOR_SIGMA

NETWORKS: dict[str, tuple[int, ...]] = {"256-256": (256, 256), "512-256-256": (512, 256, 256)}


class EmbeddingNet(nn.Module):
    """(N, cells) of 0 to 1 → (N, 128). Hidden layers with PReLU, the last one linear."""

    def __init__(self, cells: int, hidden: tuple[int, ...]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise((cells, *hidden)):
            layers += [nn.Linear(inputs, outputs), nn.PReLU()]
        self.layers = nn.Sequential(*layers, nn.Linear(hidden[-1], EMBEDDING_SIZE))

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """maps: (N, cells), levels / 255; taken back to standard deviations, which train better."""
        sigmas = maps * (CEILING_SIGMA - FLOOR_SIGMA) + FLOOR_SIGMA  # (N, cells)
        embedding: torch.Tensor = self.layers(sigmas)  # (N, 128)
        return embedding


class ClassifyHead(nn.Module):
    """(N, 128) → (N, classes) log-probabilities: PReLU, one linear layer, log-softmax."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.PReLU(), nn.Linear(EMBEDDING_SIZE, classes), nn.LogSoftmax(dim=1))

    def forward(self, embeddings: torch.Tensor) -> torch.Tensor:
        """embeddings: (N, 128)."""
        scores: torch.Tensor = self.layers(embeddings)  # (N, classes)
        return scores
