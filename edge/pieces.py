"""Test pieces of the shift check on one station: which is wanted, which lies in the fixture, how it was judged."""

from concurrent.futures import Future
from dataclasses import replace

from edge.errors import DeviceUnavailable
from edge.readiness import Obstacle
from edge.record import ModelName, Record
from edge.shift_check import Gate
from edge.state import Check
from edge.takt import Part
from edge.verdict import Reason


class Pieces:
    """The gate of one station, and the piece that is to be judged next. For the line's thread alone."""

    def __init__(self, gate: Gate | None) -> None:
        """gate: None where no test pieces are wanted."""
        self._gate = gate
        self._shown: Future[Record] | None = None

    @property
    def check(self) -> Check | None:
        """What is wanted next; None while parts may come."""
        return self._gate.check if self._gate else None

    @property
    def why(self) -> str:
        """Why no part may come before a piece was judged, "" if one may."""
        return self._gate.why if self._gate else ""

    @property
    def is_shown(self) -> bool:
        """True while a piece lies in the fixture and is judged next."""
        return self._shown is not None

    def use(self, model: ModelName | None) -> None:
        """Another model judges from now on."""
        if self._gate is not None:
            self._gate.use(model)

    def want(self) -> None:
        """No part more before a check. Raises DeviceUnavailable where none is configured."""
        if self._gate is None:
            raise DeviceUnavailable("this station has no shift check: write 'shift_check:' into its configuration")
        self._gate.shut()

    def limit_moves(self) -> None:
        """The limit is about to be another one."""
        if self._gate is not None:
            self._gate.limit_moves()

    def show(self, trouble: Obstacle | None) -> "Future[Record]":
        """A piece lies in the fixture. Raises DeviceUnavailable if none can be judged now, as for `trouble`."""
        if self.check is None:
            raise DeviceUnavailable("no test piece is wanted now: say `edge tell check` first")
        if self._shown is not None:
            raise DeviceUnavailable("the test piece before is being judged")
        if trouble is not None:
            raise DeviceUnavailable(f"no test piece can be judged: {trouble.why}")
        self._shown = Future()
        return self._shown

    def count(self, part: Part) -> None:
        """Whether it was judged as it must be; whatever came after the judgement, such as being late, counts."""
        assert self._gate is not None
        said = part.record.verdict
        found = part.found if part.found is not None and said.reason is Reason.TEST_PIECE else said
        part.record = replace(part.record, verdict=self._gate.judged(found, sequence=part.record.sequence))

    def tell(self, record: Record) -> None:
        """Whoever has shown the piece gets its record."""
        if self._shown is not None:
            self._shown.set_result(record)
            self._shown = None
