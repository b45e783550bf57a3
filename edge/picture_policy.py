"""Which parts keep their whole picture, and in which class: everything not good, what came near the limit, a sample."""

from enum import StrEnum

from pydantic import Field

from edge.settings import Strict
from edge.verdict import Outcome, Reason, Verdict


class PictureClass(StrEnum):
    """What is kept and removed together; `working` are the small pictures of every part."""

    NG = "ng"
    FAULT = "fault"
    BORDERLINE = "borderline"
    OK = "ok"
    WORKING = "working"


class Quota(Strict):
    """How much of one class is kept; beyond any of the three the oldest go first."""

    mb: float = Field(ge=0, le=10_000_000, description="so many MB at most; 0: none")
    days: float = Field(gt=0, le=36_500, description="so old at most")
    free_mb: float = Field(ge=0, le=10_000_000, description="only while more than this is free on the disk")


class Pictures(Strict):
    """What is kept of the pictures."""

    ok_every: int = Field(default=100, ge=0, le=10**9, description="every n-th part with OK; 0: none")
    borderline_from: float = Field(default=0.85, gt=0, le=1, description="of the limit: OK from here on is borderline")
    ng: Quota = Quota(mb=2000, days=730, free_mb=500)
    fault: Quota = Quota(mb=500, days=180, free_mb=700)
    borderline: Quota = Quota(mb=500, days=365, free_mb=700)
    ok: Quota = Quota(mb=500, days=90, free_mb=1000)
    working: Quota = Quota(mb=4000, days=365, free_mb=1000)

    def quota(self, kind: PictureClass) -> Quota:
        """That of one class."""
        found = getattr(self, kind.value)
        assert isinstance(found, Quota)
        return found


def class_of(verdict: Verdict, sequence: int, policy: Pictures) -> PictureClass | None:
    """The class in which the whole picture of a part with this verdict and number is kept, None if it is not."""
    kind = _class_of(verdict, sequence, policy)
    return None if kind is None or policy.quota(kind).mb == 0 else kind


def _class_of(verdict: Verdict, sequence: int, policy: Pictures) -> PictureClass | None:
    if verdict.outcome is Outcome.NG:
        return PictureClass.NG
    if verdict.reason is not Reason.WITHIN_LIMIT:
        return PictureClass.FAULT
    if verdict.margin is not None and verdict.margin >= policy.borderline_from:
        return PictureClass.BORDERLINE
    is_sampled = policy.ok_every > 0 and sequence % policy.ok_every == 0
    return PictureClass.OK if is_sampled else None
