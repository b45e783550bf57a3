"""The embedding network: a map of 36x39 cells becomes 128 numbers."""

from itertools import pairwise

import torch
from torch import nn

from edge.bundle import EMBEDDING_SIZE
from edge.preprocess import CEILING_SIGMA, FLOOR_SIGMA
from edge.settings import Grid

ORDER = 8
STRONG_SIGMA = 4.0  # what the strongest of a good part's cells reaches
EMBEDDING_SCALE = 10.0  # an embedding's usual length
REGION_ROWS, REGION_COLUMNS = 8, 16
REGION_SPREAD = 0.5  # of the distance between regions
NEGLIGIBLE = 1e-12  # no sum notices less; and processors take ten times as long for numbers near the least there is
LEARNED_SHARE = 3.0  # of the learned part, to begin with
MEDIAN_STEPS, LEAST_AWAY = 200, 0.05


class EmbeddingNet(nn.Module):
    """(N, cells) of 0 to 1 → (N, 128), a fixed part of higher order and a learned one, an MLP with PReLU.

    A Euclidean distance on what layers make of all cells averages a small defect away. The fixed part is the sum of the
    cells' 8th powers in each of 128 regions of the map, so that few strong cells outweigh all others; the length of
    the whole, not its direction, has its 8th root taken, so that distances stay proportional to deviations. Our
    reading of the higher-order distance that the client's documents wish for.

    The fixed part says where a defect is, not which. The MLP turns the direction, the more the farther a part lies
    beyond what good parts reach, and leaves the length alone: how far a cell is from good is known from the map, and
    what an MLP learns by heart of some good parts would only put others farther off.

    Directions are taken from `usual`, from where those of good parts cancel each other (`centre_on`). So the centroid
    of good parts lies at the origin, and a part is as far from it as its embedding is long, in whichever region its
    strongest cells lie; otherwise it would count for less where good parts are restless, too.
    """

    def __init__(self, grid: Grid, hidden: tuple[int, ...]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise((grid.cells, *hidden)):
            layers += [nn.Linear(inputs, outputs), nn.PReLU()]
        self.layers = nn.Sequential(*layers, nn.Linear(hidden[-1], EMBEDDING_SIZE))
        self.learned_share = nn.Parameter(torch.tensor(LEARNED_SHARE))
        self.down: torch.Tensor  # (rows, 8)
        self.across: torch.Tensor  # (columns, 16): what a cell counts for a region is the product of both
        self.register_buffer("down", regions_of(grid.rows, REGION_ROWS))
        self.register_buffer("across", regions_of(grid.columns, REGION_COLUMNS))
        self.usual: torch.Tensor
        self.register_buffer("usual", torch.zeros(EMBEDDING_SIZE))

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """maps: (N, cells), levels / 255."""
        strengths, directions = self.strengths_and_directions(maps)
        away = directions - self.usual
        return EMBEDDING_SCALE * strengths * away / length_of(away)

    def strengths_and_directions(self, maps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(N, cells), levels / 255 → (N, 1) in units of STRONG_SIGMA, and (N, 128) not yet taken from `usual`."""
        # Taken back to standard deviations of good parts: (N, cells).
        sigmas = torch.relu(maps * (CEILING_SIGMA - FLOOR_SIGMA) + FLOOR_SIGMA) / STRONG_SIGMA
        squares = sigmas.square()
        powers = squares.square().square()  # ORDER is 2 * 2 * 2
        in_rows = powers.reshape(-1, len(self.down), len(self.across))  # (N, rows, columns)
        fixed = (self.down.T @ in_rows @ self.across).flatten(1)  # (N, 128)
        learned: torch.Tensor = self.layers(squares)  # (N, 128)
        length = length_of(fixed)  # (N, 1)
        strengths = length.pow(1 / ORDER)
        beyond_good = torch.relu(1 - 1 / strengths)
        return strengths, fixed / length + self.learned_share * beyond_good * learned / length_of(learned)

    @torch.no_grad()
    def centre_on(self, maps: torch.Tensor) -> None:
        """Let directions begin where those of these good parts' maps (N, cells) cancel, each with its strength.

        Σ s (d - u) / |d - u| = 0 says that u is the geometric median of the directions d with weights s (Weiszfeld's
        iteration). Where one direction outweighs all others that is the direction itself; but seen from there it points
        nowhere, so that u keeps away from it.
        """
        strengths, directions = (each.double() for each in self.strengths_and_directions(maps))
        usual = (strengths * directions).sum(dim=0) / strengths.sum()
        for _ in range(MEDIAN_STEPS):
            weights = strengths / (directions - usual).norm(dim=1, keepdim=True).clamp_min(LEAST_AWAY)
            usual = (weights * directions).sum(dim=0) / weights.sum()
        nearest = directions[(directions - usual).norm(dim=1).argmin()]
        away = usual - nearest
        if away.norm() < LEAST_AWAY:
            towards = away if away.norm() > LEAST_AWAY / 1000 else -nearest
            usual = nearest + LEAST_AWAY * towards / towards.norm()
        self.usual.copy_(usual)


SMALLEST_LENGTH = 1e-7  # of sums of high powers: half a standard deviation, when its root is taken


def length_of(vectors: torch.Tensor) -> torch.Tensor:
    """(N, D) → (N, 1), never zero."""
    length: torch.Tensor = (vectors.square().sum(dim=1, keepdim=True) + SMALLEST_LENGTH**2).sqrt()
    return length


def regions_of(cells: int, regions: int) -> torch.Tensor:
    """(cells, regions) of one direction: how much each cell counts for each; the squares of a cell's add up to one."""
    spacing = cells / regions
    middles = (torch.arange(regions) + 0.5) * spacing - 0.5
    away = (torch.arange(cells).reshape(-1, 1) - middles) / max(REGION_SPREAD * spacing, 0.5)
    weights = torch.exp(-0.5 * away.square())
    normalised: torch.Tensor = weights / weights.norm(dim=1, keepdim=True)
    return normalised.where(normalised > NEGLIGIBLE, torch.zeros(()))


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
