"""Whether a part may come to a station, and whether one that has come may be judged."""

from collections.abc import Sequence

from edge.errors import NotJudged
from edge.interfaces import TriggerEvent, Watches
from edge.pieces import Pieces
from edge.readiness import Obstacle, Readiness
from edge.sight import Sight
from edge.station_wires import Wires
from edge.verdict import Reason


class Admission:
    """Asks everything that may stand in the way. For the line's thread alone."""

    def __init__(
        self, readiness: Readiness, wires: Wires, sight: Sight, pieces: Pieces, others: Sequence[Watches | None]
    ) -> None:
        """others: whatever may have a trouble of its own, the gravest first."""
        self._readiness, self._wires, self._sight = readiness, wires, sight
        self._pieces, self._others = pieces, [other for other in others if other is not None]
        self.busy_triggers = 0

    def obstacle(self, *, is_piece: bool = False) -> Obstacle | None:
        """What stands in the way of a part, None if nothing does. is_piece: of a test piece, which needs no check."""
        overdue = f"part {number} is overdue" if (number := self._sight.overdue_part) else None
        troubles = [overdue, *(other.trouble for other in self._others)]
        return self._readiness.obstacle(*troubles, unchecked="" if is_piece else self._pieces.why)

    def check(self, event: TriggerEvent) -> None:
        """A part has come. Raises NotJudged if it came while none might."""
        if event.is_piece:
            if (trouble := self.obstacle(is_piece=True)) is not None:
                raise NotJudged(Reason.NOT_READY, trouble.why)
            return
        if self._wires.is_ready_for(event):
            return
        obstacle = self.obstacle()
        if obstacle is None or self._sight.overdue_part is not None:
            self.busy_triggers += 1
            raise NotJudged(Reason.TRIGGER_WHILE_BUSY, obstacle.why if obstacle else "the part before was not finished")
        raise NotJudged(Reason.NOT_READY, obstacle.why)
