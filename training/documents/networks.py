"""The documents' networks: plain layers on a flattened picture, nothing fixed, nothing started locally."""

from itertools import pairwise

import torch
from torch import nn


class DocumentNet(nn.Module):
    """(N, inputs) of 0 to 1 → (N, embedding). sizes: inputs, hidden layers, embedding."""

    def __init__(self, sizes: tuple[int, ...], *, is_prelu: bool = True, is_normalised: bool = False) -> None:
        """is_prelu: PReLU between layers (SMNRT18, 21, 42), else ReLU (SMNW3). is_normalised: batch normalisation
        before it, which the documents do not have."""
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(sizes[:-1]):
            layers.append(nn.Linear(inputs, outputs))
            layers += [nn.BatchNorm1d(outputs)] if is_normalised else []
            layers.append(nn.PReLU() if is_prelu else nn.ReLU())
        self.layers = nn.Sequential(*layers, nn.Linear(sizes[-2], sizes[-1]))

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """values: (N, inputs)."""
        embeddings: torch.Tensor = self.layers(values)  # (N, embedding)
        return embeddings


class NamingHead(nn.Module):
    """(N, embedding) → (N, classes) log-probabilities: log-softmax of one layer on PReLU(embedding)."""

    def __init__(self, embedding: int, classes: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.PReLU(), nn.Linear(embedding, classes), nn.LogSoftmax(dim=1))

    def forward(self, embeddings: torch.Tensor) -> torch.Tensor:
        """embeddings: (N, D)."""
        scores: torch.Tensor = self.layers(embeddings)
        return scores
