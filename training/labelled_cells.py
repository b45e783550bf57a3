"""Which cells of a labelled defect are defective: nobody says, so the function that is being taught is asked.

A labelled picture holds a defect somewhere (multiple instance learning: Dietterich, Lathrop and Lozano-Pérez, 1997).
What was taught with made-up defects knows more or less where: the cells that it puts beyond what good parts usually
reach, and at least the farthest. These are taught as changed from then on, and looked for again by what has learned
them.
"""

from collections.abc import Callable

import torch

LOOKS = (0.4, 0.6, 0.8)  # when they are looked for, as shares of all steps
USUAL_SHARE = 0.999  # of good parts' cells, within which nothing is suspect
MOST_SUSPECTS = 30  # of a picture
MOST_PICTURES = 300  # that are looked at each time
GOOD_PICTURES = 64  # that tell what is usual

Values = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""The cell function: (N, 2V) variables and (N, 4V) unit spaces → (N,) logits."""


class LabelledCells:
    """The suspect cells of labelled defects; every picture counts the same, however many of its cells are suspect."""

    def __init__(self, labelled: torch.Tensor, good: torch.Tensor, unit_spaces: torch.Tensor, *, steps: int) -> None:
        """labelled, good: (M, cells, 2V) and (N, cells, 2V) variables. unit_spaces: (cells, 4V). steps: of the whole
        teaching."""
        self._labelled, self._good, self._unit_spaces = labelled, good, unit_spaces
        self._looks = {round(share * steps) for share in LOOKS} if len(labelled) else set()
        self._pictures = self._cells = torch.zeros(0, dtype=torch.long)
        self._weights = torch.zeros(0)

    @property
    def are_known(self) -> bool:
        """True once they were looked for."""
        return len(self._cells) > 0

    def look(self, values: Values, *, step: int) -> None:
        """Find them, if it is time for it, by what has been taught by this step."""
        if step not in self._looks:
            return
        with torch.no_grad():
            usual = self._usual(values)
            chosen = torch.randperm(len(self._labelled))[:MOST_PICTURES]
            suspects = [suspects_of(values(self._labelled[each].float(), self._unit_spaces), usual) for each in chosen]
        self._cells = torch.cat(suspects)
        self._pictures = torch.cat([each.expand(len(of)) for each, of in zip(chosen, suspects, strict=True)])
        self._weights = torch.cat([torch.full((len(of),), 1 / len(of)) for of in suspects])

    def drawn(self, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        """(count, 2V) variables and (count, 4V) unit spaces."""
        drawn = torch.multinomial(self._weights, count, replacement=True)
        cells = self._cells[drawn]
        return self._labelled[self._pictures[drawn], cells].float(), self._unit_spaces[cells]

    def _usual(self, values: Values) -> float:
        """What only few cells of good parts lie beyond."""
        some = torch.randperm(len(self._good))[:GOOD_PICTURES]
        of_good = torch.cat([values(self._good[each].float(), self._unit_spaces) for each in some])
        return float(of_good.kthvalue(max(round(USUAL_SHARE * len(of_good)), 1)).values)


def suspects_of(values: torch.Tensor, usual: float) -> torch.Tensor:
    """(cells,) values of one picture → the numbers of its suspect cells, the farthest first; never none."""
    farthest = values.argsort(descending=True)[:MOST_SUSPECTS]
    return farthest[: max(int((values[farthest] > usual).sum()), 1)]
