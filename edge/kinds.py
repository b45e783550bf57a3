"""A part that may be of several kinds: first which one, then how far from it.

Every kind's model looks at the frame. The kind is the one of which the part is least far away, in shares of that
kind's own limit; the verdict is that kind's verdict. It costs the time of all of them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

from edge.frame import Frame
from edge.inspection import Inspection, StageTimes
from edge.record import ModelName
from edge.verdict import Outcome, Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of good parts, and what judges it."""

    model: ModelName
    inspect: Callable[[Frame], Inspection]


@dataclass(frozen=True, slots=True, kw_only=True)
class KindInspection(Inspection):
    """An inspection that says whose it is."""

    model: ModelName


class AnyKind:
    """Judges a frame as the kind that it is nearest to."""

    def __init__(self, kinds: Sequence[Kind]) -> None:
        self._kinds = kinds

    def inspect(self, frame: Frame) -> KindInspection:
        """The verdict of the nearest kind. Raises what any of them raises: a part of which too little is known."""
        found = [(kind.model, kind.inspect(frame)) for kind in self._kinds]
        model, nearest = min(found, key=lambda pair: _distance(pair[1]))
        known = {field.name: getattr(nearest, field.name) for field in fields(nearest) if field.name != "times"}
        return KindInspection(model=model, times=_together([inspection.times for _, inspection in found]), **known)


def _distance(inspection: Inspection) -> tuple[int, float]:
    """For comparing: what was judged, by its distance; then what is unlike the kind; then faults, by their fit."""
    verdict = inspection.verdict
    if verdict.outcome is Outcome.FAULT or verdict.margin is None:
        return 2, -inspection.imaging.fit if inspection.imaging else 0.0
    return (1 if verdict.reason is Reason.UNLIKE_ANY_PART else 0), verdict.margin


def _together(times: Sequence[StageTimes]) -> StageTimes:
    return StageTimes(**{field.name: sum(getattr(one, field.name) for one in times) for field in fields(StageTimes)})
