"""Whether the next part may come: everything that speaks against it, in the order in which it matters."""

from dataclasses import dataclass

from edge.state import Phase
from edge.verdict import Outcome, Reason, Verdict

UNCOUNTED = frozenset({Reason.TRIGGER_WHILE_BUSY, Reason.NOT_READY, Reason.TEST_PIECE})  # not the station's doing


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """Why no part may come, and what the station calls itself meanwhile."""

    phase: Phase
    why: str


class Readiness:
    """Remembers what stands in the way until somebody or something takes it away."""

    def __init__(self, *, faults_until_halt: int) -> None:
        self._faults_until_halt, self._faults_in_a_row = faults_until_halt, 0
        self.unarmed_because = "there is no model"  # "" with a valid one
        self.halted_because = ""
        self.needs_restart = False
        self.is_paused = False
        self.sink_error = ""

    def obstacle(self, *troubles: str | None, unchecked: str = "") -> Obstacle | None:
        """What stands in the way, None if nothing does. troubles: what others say of themselves at this moment.

        unchecked: what the shift check wants, which matters only when all else is well.
        """
        if self.halted_because:
            return Obstacle(phase=Phase.HALTED, why=self.halted_because)
        if self.unarmed_because:
            return Obstacle(phase=Phase.PREOPERATIONAL, why=self.unarmed_because)
        for trouble in (self.sink_error, *troubles):
            if trouble:
                return Obstacle(phase=Phase.ERROR, why=trouble)
        why = "paused by a person" if self.is_paused else unchecked
        return Obstacle(phase=Phase.PREOPERATIONAL, why=why) if why else None

    def halt(self, why: str, *, needs_restart: bool) -> None:
        """Until `reset`, or for good where only a new process helps."""
        if needs_restart or not self.halted_because:
            self.halted_because = why
        self.needs_restart = self.needs_restart or needs_restart

    def reset(self) -> None:
        """A person has looked."""
        if not self.needs_restart:
            self.halted_because = ""
        self._faults_in_a_row, self.sink_error = 0, ""

    def count(self, verdict: Verdict) -> str:
        """Why this verdict is one fault too many, "" if it is not."""
        if verdict.outcome is not Outcome.FAULT:
            self._faults_in_a_row = 0
        elif verdict.reason not in UNCOUNTED:
            self._faults_in_a_row += 1
            if self._faults_in_a_row >= self._faults_until_halt:
                return f"{self._faults_in_a_row} faults in a row, the last: {verdict.reason}"
        return ""
