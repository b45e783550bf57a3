"""The takt of one part: the station's rules, what was seen, and how a record is filled in."""

from concurrent.futures import Future
from dataclasses import dataclass, field, fields, replace

from edge.errors import EdgeError, NotJudged
from edge.frame import Frame
from edge.inspection import Inspection
from edge.interfaces import TriggerEvent
from edge.kinds import KindInspection
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


@dataclass(slots=True, kw_only=True)
class Part:
    """A part on its way. step: what an unexpected error now would mean. stages_ms: what has taken how long so far.

    found: of a test piece, as it was judged.
    """

    record: Record
    event: TriggerEvent
    step: Reason = Reason.INTERNAL
    stages_ms: list[tuple[str, float]] = field(default_factory=list)
    found: Verdict | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the worker brings back."""

    frame: Frame
    inspection: Inspection


def stages_of(inspection: Inspection) -> list[tuple[str, float]]:
    """Name and milliseconds of each stage of an inspection, in order."""
    times = inspection.times
    return [(stage.name.removesuffix("_ms"), getattr(times, stage.name)) for stage in fields(times)]


def with_seen(record: Record, seen: Seen, *, judged_ns: int) -> Record:
    """The record with everything that the inspection gave, and the model that gave it."""
    inspection = seen.inspection
    return replace(
        record,
        verdict=inspection.verdict,
        model=inspection.model if isinstance(inspection, KindInspection) else record.model,
        exposed_ns=seen.frame.exposed_at_ns,
        judged_ns=judged_ns,
        source=seen.frame.source,
        cell_map=inspection.cell_map,
        imaging=inspection.imaging,
        working=None if inspection.working is None else inspection.working.pixels,
        frame=seen.frame.pixels,
    )


def with_late_end(part: Part, ended: Future[Seen], *, now_ns: int) -> Record:
    """The record of an overdue part whose step has come back at last; it stays a FAULT."""
    record = replace(part.record, stages_ms=tuple(part.stages_ms))
    late_ms = (now_ns - record.triggered_ns) / 1e6
    error = ended.exception()
    if error is not None:
        detail = f"ended {late_ms:.0f} ms after the trigger with: {error}"
        return replace(record, verdict=replace(record.verdict, detail=detail))
    seen = with_seen(record, ended.result(), judged_ns=now_ns)
    return replace(seen, verdict=late_verdict(seen.verdict, f"the verdict came {late_ms:.0f} ms after the trigger"))


def with_failure(part: Part, error: Exception) -> Record:
    """The record of a part whose step has failed; a verdict that is there and late keeps its numbers."""
    verdict = verdict_on(error, part.step)
    is_late = verdict.reason is Reason.LATE
    if is_late and part.record.verdict.distance is not None:
        verdict = late_verdict(part.record.verdict, verdict.detail)
    return replace(part.record, verdict=verdict, is_late=is_late)


def check_in_time(part: Part, *, now_ns: int, by_ms: float) -> None:
    """Raises NotJudged when the part is older than `by_ms`."""
    age_ms = (now_ns - part.event.at_ns) / 1e6
    if age_ms > by_ms:
        raise NotJudged(Reason.LATE, f"{age_ms:.0f} ms after the trigger")


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
