"""Labelled defects teach the cell function, though nobody says which of their cells are defective."""

import numpy as np
import numpy.typing as npt
import pytest
import torch

from edge.preprocess import CellFunction
from training.cell_examples import CellExamples
from training.cells import learn_cells
from training.labelled_cells import LOOKS, MOST_SUSPECTS, LabelledCells, suspects_of

pytestmark = pytest.mark.usefixtures("one_thread")

ROWS, COLUMNS, VARIABLES = 6, 6, 4
STEPS = 200
MADE_UP = {0: 5.0, 1: 5.0}  # by how much a defect raises which variables of its cell
LABELLED = {0: 2.5, 1: 2.5, 3: 4.0}  # fainter, with a trait that nothing made up has
Cells = npt.NDArray[np.float16]


def good_cells(count: int, *, seed: int) -> Cells:
    drawn = np.random.default_rng(seed).normal(0, 1, (count, ROWS, COLUMNS, VARIABLES))
    return drawn.astype(np.float16)


def with_defects(count: int, *, seed: int, rises: dict[int, float]) -> tuple[Cells, npt.NDArray[np.bool_]]:
    """Good cells, one of each part raised in some variables, and which one."""
    cells, random = good_cells(count, seed=seed), np.random.default_rng(seed + 1000)
    is_changed = np.zeros((count, ROWS, COLUMNS), np.bool_)
    for number in range(count):
        row, column = random.integers(ROWS), random.integers(COLUMNS)
        is_changed[number, row, column] = True
        for variable, rise in rises.items():
            cells[number, row, column, variable] += np.float16(rise)
    return cells, is_changed


def examples() -> CellExamples:
    defective, is_changed = with_defects(200, seed=2, rises=MADE_UP)
    return CellExamples(
        good=good_cells(100, seed=0),
        disturbed=good_cells(100, seed=1),
        defective=defective,
        changes=(20 * is_changed).astype(np.float16),
        disturbed_of=np.arange(100),
        defective_of=np.arange(200) % 100,
    )


def share_found(function: CellFunction) -> float:
    """Of defects that no function has seen, alike in kind to the labelled ones: beyond 999 of 1000 good cells."""
    good = np.concatenate([function.of(part.astype(np.float32)) for part in good_cells(100, seed=7)])
    defective, is_changed = with_defects(100, seed=8, rises=LABELLED)
    values = np.stack([function.of(part.astype(np.float32)) for part in defective])
    return float((values[is_changed.reshape(100, -1)] > np.quantile(good, 0.999)).mean())


def test_what_only_labelled_defects_show_is_found_once_they_teach() -> None:
    labelled, _ = with_defects(40, seed=4, rises=LABELLED)
    made_up_alone = learn_cells(examples(), seed=0, description="", steps=STEPS)
    taught = learn_cells(examples(), labelled=labelled, seed=0, description="", steps=STEPS)
    assert share_found(taught) > share_found(made_up_alone) + 0.3


def test_good_parts_labelled_as_defective_do_not_stop_the_teaching() -> None:
    function = learn_cells(examples(), labelled=good_cells(5, seed=9), seed=0, description="", steps=STEPS)
    assert np.isfinite(function.of(good_cells(1, seed=10)[0].astype(np.float32))).all()


def first_variable(variables: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
    return variables[:, 0]


def labelled_cells(parts: torch.Tensor, *, good: torch.Tensor | None = None) -> LabelledCells:
    cells = parts.shape[1]
    quiet = torch.zeros(10, cells, 2) if good is None else good
    return LabelledCells(parts, quiet, torch.arange(cells).float().reshape(-1, 1), steps=100)


def test_they_are_looked_for_at_few_steps_only() -> None:
    cells = labelled_cells(torch.ones(3, 8, 2))
    cells.look(first_variable, step=round(LOOKS[0] * 100) - 1)
    assert not cells.are_known
    cells.look(first_variable, step=round(LOOKS[0] * 100))
    assert cells.are_known


def test_without_labelled_defects_none_are_ever_known() -> None:
    cells = labelled_cells(torch.ones(0, 8, 2))
    for step in range(100):
        cells.look(first_variable, step=step)
    assert not cells.are_known


def test_a_picture_with_many_suspect_cells_teaches_no_more_than_one_with_one() -> None:
    torch.manual_seed(0)
    parts = torch.zeros(2, 20, 2)
    parts[0, :10], parts[1, 3] = 5.0, 7.0
    cells = labelled_cells(parts)
    cells.look(first_variable, step=round(LOOKS[0] * 100))
    variables, unit_spaces = cells.drawn(4000)
    of_second = variables[:, 0] == 7.0
    assert float(of_second.float().mean()) == pytest.approx(0.5, abs=0.05)
    assert (unit_spaces[of_second] == 3).all()
    assert set(unit_spaces[~of_second].flatten().tolist()) == set(range(10))


def test_a_picture_has_at_least_one_suspect_cell_and_not_all_of_them() -> None:
    values = torch.linspace(-1, 1, 100)
    assert suspects_of(values, 5.0).tolist() == [99]
    assert suspects_of(values, -5.0).tolist() == list(range(99, 99 - MOST_SUSPECTS, -1))
