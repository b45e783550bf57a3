"""The takt of one part: the station's rules, what was seen, and how a record is filled in."""

from dataclasses import dataclass, fields, replace

from edge.errors import EdgeError, NotJudged
from edge.frame import Frame
from edge.inspection import Inspection
from edge.record import Record
from edge.verdict import Outcome, Reason, Verdict, fault

OUTPUT_RESERVE = 0.02  # of the deadline, kept for switching the outputs
LARGEST_OUTPUT_RESERVE_MS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StationRules:
    """deadline_ms: from trigger to outputs. may_repeat: identical frames are no sign of a frozen camera."""

    deadline_ms: float
    faults_until_halt: int = 5
    hang_deadlines: int = 10
    may_repeat: bool = False

    @property
    def judge_by_ms(self) -> float:
        """After the trigger; a later verdict is FAULT."""
        return self.deadline_ms - min(OUTPUT_RESERVE * self.deadline_ms, LARGEST_OUTPUT_RESERVE_MS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the worker brings back. capture_ms: how long the camera took."""

    frame: Frame
    inspection: Inspection
    capture_ms: float


def with_seen(record: Record, seen: Seen, *, judged_ns: int) -> Record:
    """The record with everything that the inspection gave."""
    inspection = seen.inspection
    stages = tuple(
        (field.name.removesuffix("_ms"), getattr(inspection.times, field.name)) for field in fields(inspection.times)
    )
    return replace(
        record,
        verdict=inspection.verdict,
        exposed_ns=seen.frame.exposed_at_ns,
        judged_ns=judged_ns,
        stages_ms=(("capture", seen.capture_ms), *stages),
        source=seen.frame.source,
        cell_map=inspection.cell_map,
        picture=seen.frame.pixels if inspection.working is None else inspection.working.pixels,
    )


def late_verdict(verdict: Verdict, detail: str) -> Verdict:
    """FAULT for a verdict that came too late, with its numbers."""
    return Verdict(
        outcome=Outcome.FAULT,
        reason=Reason.LATE,
        detail=f"{detail}; it would have been {verdict.outcome}",
        distance=verdict.distance,
        limit=verdict.limit,
        nearest_label=verdict.nearest_label,
        cell=verdict.cell,
    )


def verdict_on(error: BaseException, otherwise: Reason) -> Verdict:
    """FAULT for a step that failed. `otherwise`: the reason of an error that does not bring its own."""
    if isinstance(error, NotJudged):
        return fault(error.reason, error.detail)
    words = str(error) if isinstance(error, EdgeError) else f"{type(error).__name__}: {error}"
    return fault(otherwise, " ".join(words.split())[:500])
