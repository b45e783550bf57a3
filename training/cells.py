"""Teaches how far a cell is from the good parts: good cells against cells that a made-up defect has changed.

A Mahalanobis distance weighs all variables by nothing but their spread over good parts. What a defect does to them is
not known to it, and many of them drown few. Taguchi's school chooses variables by trial; here a small network, the same
for every cell, learns it from good parts and from defects drawn on them. What good parts show at a place (the mean and
the spread of its variables: its unit space) are inputs like the others. Where people have labelled defects, these teach
as well (`labelled_cells.py`): what a line really sees, beside what was made up.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from edge.preprocess import CEILING_SIGMA, HIDDEN_UNITS, CellFunction, scaled, with_neighbourhood
from edge.variables import FloatArray
from training.cell_examples import CellExamples
from training.labelled_cells import LabelledCells
from training.progress import progress
from training.threads import use_one_thread

STEPS = 2400
STEPS_A_PART, LEAST_STEPS = 30, 300  # few good parts would be learned by heart
BATCH = 2048  # cells: half of good parts, a quarter of disturbed ones, a quarter of defects
LABELLED_SHARE = 0.5  # of the defects' cells, once it is known which of labelled ones are defective
LEARNING_RATE, WEIGHT_DECAY = 3e-3, 1e-2
GOOD_WEIGHT = 4.0  # a map of good cells is almost all of them
SMALLEST_SCALE = 0.25  # grey levels: what an 8 bit camera resolves
SMALLEST_SPREAD = 0.05  # in units of a variable's scale
NEARLY_ALL = 0.99  # of the good parts
SMALLEST_UNIT = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class CellShape:
    """What the function has; anything but the defaults is for measuring what they are worth (`ablation.py`)."""

    hidden_units: int = HIDDEN_UNITS
    sees_neighbourhood: bool = True
    knows_unit_space: bool = True


class CellNet(nn.Module):
    """(N, 2V) variables and (N, 4V) unit spaces → (N,) how much more likely changed than good, as a logit."""

    is_seen: torch.Tensor  # (2V,) 1 or 0

    def __init__(self, variables: int, shape: CellShape) -> None:
        super().__init__()
        units = shape.hidden_units
        self.register_buffer("is_seen", torch.ones(2 * variables))
        self.is_seen[variables:] = float(shape.sees_neighbourhood)
        self.inwards = nn.Linear(2 * variables, units)
        self.unit_space = nn.Linear(4 * variables, units, bias=False)
        self.across = nn.Linear(units, units)
        self.outwards = nn.Linear(units, 1)

    def forward(self, variables: torch.Tensor, unit_spaces: torch.Tensor) -> torch.Tensor:
        """variables: (N, 2V). unit_spaces: (N, 4V)."""
        first = functional.relu(self.inwards(variables * self.is_seen) + self.unit_space(unit_spaces))  # (N, K)
        logits: torch.Tensor = self.outwards(functional.relu(self.across(first)))[:, 0]  # (N,)
        return logits


def learn_cells(
    examples: CellExamples,
    *,
    seed: int,
    description: str,
    labelled: npt.NDArray[np.float16] | None = None,
    steps: int,
    shape: CellShape | None = None,
) -> CellFunction:
    """The function that tells changed cells from good ones; its standardisation is left at zero and one.

    labelled: (M, rows, columns, V) of defective parts; None: there are none.
    """
    torch.manual_seed(seed)
    use_one_thread()
    centre, scale = centre_and_scale(examples.good)
    good = _cells(examples.good, centre, scale)  # (N, cells, 2V)
    shape = shape or CellShape()
    unit_spaces = _unit_spaces(good, shape)  # (cells, 4V)
    of_labels = LabelledCells(
        torch.from_numpy(good[:0] if labelled is None else _cells(labelled, centre, scale)),
        torch.from_numpy(good),
        torch.from_numpy(unit_spaces),
        steps=steps,
    )
    drawer = _Drawer(
        of_labels,
        good=torch.from_numpy(good),
        disturbed=torch.from_numpy(_cells(examples.disturbed, centre, scale)),
        changed=torch.from_numpy(_changed_cells(examples, centre, scale)),
        changed_at=torch.from_numpy(np.flatnonzero(examples.is_changed) % good.shape[1]),
        weights=torch.from_numpy(_weights(examples)),
        unit_spaces=torch.from_numpy(unit_spaces),
    )
    network = CellNet(len(centre), shape)
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    for step in progress(range(steps), description):
        of_labels.look(network, step=step)
        quiet, loud = network(*drawer.quiet()), network(*drawer.changed_ones())
        loss = functional.softplus(-loud).mean() + GOOD_WEIGHT * functional.softplus(quiet).mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    return _exported(network, centre, scale, unit_spaces)


def steps_for(parts: int) -> int:
    """How long so many good parts are learned from."""
    return min(max(STEPS_A_PART * parts, LEAST_STEPS), STEPS)


def standardised(function: CellFunction, values: FloatArray) -> CellFunction:
    """The function with its values in standard deviations of these (N, cells), of good parts that it had not seen.

    A map ends at CEILING_SIGMA, and what is beyond must be told from good parts: where these reach far, a unit is more
    than a deviation, so that nearly all of them stay within half of the range.
    """
    middle = values.mean()
    farthest = np.quantile(values.max(axis=1), NEARLY_ALL)
    unit = max(values.std(), (farthest - middle) / (CEILING_SIGMA / 2))
    return replace(
        function, middle=np.array([middle], np.float32), deviation=np.array([unit + SMALLEST_UNIT], np.float32)
    )


class _Drawer:
    """Draws cells of good parts, disturbed or not, and changed ones, each with its place's unit space."""

    def __init__(
        self,
        of_labels: LabelledCells,
        *,
        good: torch.Tensor,
        disturbed: torch.Tensor,
        changed: torch.Tensor,
        changed_at: torch.Tensor,
        weights: torch.Tensor,
        unit_spaces: torch.Tensor,
    ) -> None:
        self._of_labels = of_labels
        self._good, self._disturbed = good, disturbed
        self._changed, self._changed_at, self._weights = changed, changed_at, weights
        self._unit_spaces = unit_spaces

    def quiet(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Three quarters of a batch."""
        drawn = [self._of(maps, count) for maps, count in ((self._good, BATCH // 2), (self._disturbed, BATCH // 4))]
        return torch.cat([cells for cells, _ in drawn]), torch.cat([spaces for _, spaces in drawn])

    def changed_ones(self) -> tuple[torch.Tensor, torch.Tensor]:
        """A quarter of a batch."""
        count = BATCH // 4
        if not self._of_labels.are_known:
            return self._made_up(count)
        of_labels = round(LABELLED_SHARE * count)
        made_up, labelled = self._made_up(count - of_labels), self._of_labels.drawn(of_labels)
        return torch.cat([made_up[0], labelled[0]]), torch.cat([made_up[1], labelled[1]])

    def _made_up(self, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        chosen = torch.multinomial(self._weights, count, replacement=True)
        return self._changed[chosen].float(), self._unit_spaces[self._changed_at[chosen]]

    def _of(self, maps: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        parts, cells = torch.randint(len(maps), (count,)), torch.randint(maps.shape[1], (count,))
        return maps[parts, cells].float(), self._unit_spaces[cells]


def centre_and_scale(good: npt.NDArray[np.float16]) -> tuple[FloatArray, FloatArray]:
    """(V,) each: mean over everything, and the usual deviation of a cell from its own mean."""
    means = good.mean(axis=0, dtype=np.float32)  # (rows, columns, V)
    variance = np.mean([np.square(part - means) for part in good], axis=0).mean(axis=(0, 1))
    scale = np.maximum(np.sqrt(variance), SMALLEST_SCALE)
    return means.mean(axis=(0, 1)), scale.astype(np.float32)


def _cells(variables: npt.NDArray[np.float16], centre: FloatArray, scale: FloatArray) -> npt.NDArray[np.float16]:
    """(N, rows, columns, V) → (N, cells, 2V)."""
    rows, columns, width = variables.shape[1:]
    cells = np.empty((len(variables), rows * columns, 2 * width), np.float16)
    for number, part in enumerate(variables):
        cells[number] = with_neighbourhood(scaled(part.astype(np.float32), centre, scale))
    return cells


def _changed_cells(examples: CellExamples, centre: FloatArray, scale: FloatArray) -> npt.NDArray[np.float16]:
    """(cells that are changed, 2V), in the order of is_changed."""
    parts = [
        with_neighbourhood(scaled(part.astype(np.float32), centre, scale))[is_changed.ravel()]
        for part, is_changed in zip(examples.defective, examples.is_changed, strict=True)
    ]
    return np.concatenate(parts).astype(np.float16)


def _weights(examples: CellExamples) -> npt.NDArray[np.float64]:
    """(cells that are changed,): how often each is drawn; a defect of four times as many cells twice as often."""
    cells = examples.is_changed.sum(axis=(1, 2))
    return np.repeat(1 / np.sqrt(np.maximum(cells, 1)), cells)


def _unit_spaces(good: npt.NDArray[np.float16], shape: CellShape) -> FloatArray:
    """(N, cells, 2V) → (cells, 4V): mean, and logarithm of the spread; zeros for what the function is not to know."""
    mean = good.mean(axis=0, dtype=np.float32)
    square = np.mean([np.square(part.astype(np.float32) - mean) for part in good], axis=0)
    spaces = np.stack([mean, np.log(np.sqrt(square) + SMALLEST_SPREAD)], axis=1)  # (cells, 2, 2V)
    spaces[:, :, good.shape[2] // 2 :] *= shape.sees_neighbourhood
    return (spaces * shape.knows_unit_space).reshape(len(spaces), -1).astype(np.float32)


@torch.no_grad()
def _exported(network: CellNet, centre: FloatArray, scale: FloatArray, unit_spaces: FloatArray) -> CellFunction:
    def array(values: torch.Tensor) -> FloatArray:
        return np.ascontiguousarray(values.detach().numpy(), dtype=np.float32)

    places = network.unit_space(torch.from_numpy(unit_spaces)) + network.inwards.bias
    return CellFunction(
        centre=centre,
        scale=scale,
        inwards=array((network.inwards.weight * network.is_seen).T),
        unit_space=array(places),
        across=array(network.across.weight.T),
        across_bias=array(network.across.bias),
        outwards=array(network.outwards.weight[0]),
        middle=array(-network.outwards.bias),
        deviation=np.ones(1, np.float32),
    )
