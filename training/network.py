"""The embedding network: a map of 36x39 cells becomes 128 numbers."""

from itertools import pairwise

import torch
from torch import nn

from edge.bundle import EMBEDDING_SIZE
from edge.preprocess import CEILING_SIGMA, FLOOR_SIGMA
from edge.settings import Grid


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


LOCAL_SPREAD_CELLS = 1.6
LOCAL_BIAS = -1.0  # a unit answers when its neighbourhood rises by about one deviation
RANDOM_SHARE = 0.3


@torch.no_grad()
def start_local(network: EmbeddingNet, grid: Grid) -> None:
    """Let each unit of the first layer begin by looking at one neighbourhood of the map, together at all of it.

    A layer that begins at random looks at all cells at once and learns a small defect's place only where it was shown
    one; a layer of Gaussian neighbourhoods already knows that what is near belongs together, and learns from there.
    """
    first = network.layers[0]
    assert isinstance(first, nn.Linear)
    side = int(first.out_features**0.5)
    rows, columns = torch.linspace(0, grid.rows - 1, side), torch.linspace(0, grid.columns - 1, side)
    middle_rows, middle_columns = (part.reshape(-1, 1, 1) for part in torch.meshgrid(rows, columns, indexing="ij"))
    row, column = torch.arange(grid.rows).reshape(1, -1, 1), torch.arange(grid.columns).reshape(1, 1, -1)
    squared = (row - middle_rows) ** 2 + (column - middle_columns) ** 2  # (units, rows, columns)
    local = torch.exp(-0.5 * squared / LOCAL_SPREAD_CELLS**2).flatten(1)  # (units, cells)
    local /= local.norm(dim=1, keepdim=True)
    first.weight *= RANDOM_SHARE
    first.weight[: len(local)] += local
    first.bias.fill_(LOCAL_BIAS)
