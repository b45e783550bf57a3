"""What the station says of a part: OK, NG or FAULT, and why."""

import math
from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """OK must be earned; NG was judged and is too far from good; FAULT could not be judged."""

    OK = "OK"
    NG = "NG"
    FAULT = "FAULT"


class Reason(StrEnum):
    """Why the outcome is what it is. The first belongs to OK, the next two to NG, all others to FAULT."""

    WITHIN_LIMIT = "within limit"

    TOO_FAR = "too far from good"
    UNLIKE_ANY_PART = "unlike any part taught"

    CAPTURE_FAILED = "capture failed"
    FRAME_BEFORE_TRIGGER = "frame exposed before its trigger"
    FRAME_FROZEN = "frame identical to the last one"
    EXPOSURE_DRIFTED = "exposure drifted"
    WRONG_FORMAT = "wrong size or colour format"
    TOO_DARK = "too dark"
    TOO_BRIGHT = "too bright"
    BLURRED = "blurred"
    NOISY = "noisy"
    MISALIGNED = "part not found where it should lie"
    NOT_FINITE = "computation gave no finite number"
    LATE = "verdict after the deadline"
    TRIGGER_WHILE_BUSY = "trigger while busy"
    NOT_READY = "station not ready"
    TRIGGER_FAILED = "trigger failed"
    OUTPUT_FAILED = "outputs failed"
    TEST_PIECE = "test piece"
    INTERNAL = "internal error"


NG_REASONS = frozenset({Reason.TOO_FAR, Reason.UNLIKE_ANY_PART})


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One outcome with its reason and the numbers behind it.

    detail: one plain sentence for people, may be empty.
    distance, limit: in units of the embedding, None where the part was not judged.
    nearest_label: the defect label whose centroid is nearest, None for good parts and for models without labels.
    cell: (row, column) of the map's strongest cell, None where there is no map.
    Raises ValueError when outcome, reason and numbers contradict each other.
    """

    outcome: Outcome
    reason: Reason
    detail: str = ""
    distance: float | None = None
    limit: float | None = None
    nearest_label: str | None = None
    cell: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.outcome is not outcome_of(self.reason):
            raise ValueError(f"{self.outcome} cannot have the reason '{self.reason}'")
        if self.outcome is not Outcome.FAULT:
            if self.distance is None or self.limit is None:
                raise ValueError(f"{self.outcome} needs a distance and a limit")
            if not (math.isfinite(self.distance) and math.isfinite(self.limit) and self.limit > 0):
                raise ValueError(f"{self.outcome} needs finite numbers, not {self.distance} and {self.limit}")
        if self.reason is Reason.WITHIN_LIMIT and not self.distance <= self.limit:  # type: ignore[operator]
            raise ValueError(f"distance {self.distance} is not within the limit {self.limit}")

    @property
    def margin(self) -> float | None:
        """Distance as a share of the limit: 1 is on the limit, below is good. None where there was no judgement."""
        if self.distance is None or not self.limit:
            return None
        return self.distance / self.limit


def outcome_of(reason: Reason) -> Outcome:
    """The outcome to which a reason belongs."""
    if reason is Reason.WITHIN_LIMIT:
        return Outcome.OK
    return Outcome.NG if reason in NG_REASONS else Outcome.FAULT


def fault(reason: Reason, detail: str = "") -> Verdict:
    """The verdict on a part that could not be judged."""
    return Verdict(outcome=Outcome.FAULT, reason=reason, detail=detail)
