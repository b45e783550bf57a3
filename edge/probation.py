"""How a new model does, part by part, and when it has done badly enough to make way. Counts in, a sentence out."""

from dataclasses import dataclass

from edge.control_charts import is_unusually_many
from edge.verdict import Outcome, Reason, Verdict

LEAST_SHARE = 0.01  # of faults; a station that had none for a thousand parts may have one now
NOT_ITS_OWN = frozenset(
    {
        *(Reason.TRIGGER_WHILE_BUSY, Reason.NOT_READY, Reason.TRIGGER_FAILED, Reason.OUTPUT_FAILED, Reason.TEST_PIECE),
        *(Reason.CAPTURE_FAILED, Reason.FRAME_BEFORE_TRIGGER, Reason.FRAME_FROZEN, Reason.EXPOSURE_DRIFTED),
    }
)
"""Faults that are the line's, a device's or a person's doing, whichever model judges."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """Shares of parts before the new model came: of faults that are a model's own, and of those that came too late."""

    faults: float = 0.0
    late: float = 0.0


@dataclass(slots=True, kw_only=True)
class Tally:
    """What the new model did. compared: parts that the old one judged too; only_new_ng: of those, NG by it alone."""

    parts: int = 0
    faults: int = 0
    late: int = 0
    ng: int = 0
    compared: int = 0
    only_new_ng: int = 0
    only_old_ng: int = 0

    def count(self, verdict: Verdict) -> bool:
        """One part more; False for one that says nothing of the model."""
        if verdict.reason in NOT_ITS_OWN:
            return False
        self.parts += 1
        self.faults += verdict.outcome is Outcome.FAULT
        self.late += verdict.reason is Reason.LATE
        self.ng += verdict.outcome is Outcome.NG
        return True

    def compare(self, new: Verdict, old: Verdict) -> None:
        """The same part, judged by both."""
        if Outcome.FAULT in (new.outcome, old.outcome):
            return
        self.compared += 1
        self.only_new_ng += new.outcome is Outcome.NG and old.outcome is not Outcome.NG
        self.only_old_ng += old.outcome is Outcome.NG and new.outcome is not Outcome.NG

    def failure(self, usual: Usual, *, may_pass_more: bool = False) -> str:
        """Why the new model must go, "" if nothing speaks against it.

        Each by the binomial tail: chance alone would explain it less often than once in 740 times. may_pass_more: a
        person has said that it rejects fewer parts than the one before, and is meant to.
        """
        for count, share, what in ((self.late, usual.late, "came too late"), (self.faults, usual.faults, "were FAULT")):
            if is_unusually_many(count, self.parts, usual_share=max(share, LEAST_SHARE)):
                return f"{count} of {self.parts} parts {what}, before it {100 * share:.1f} %"
        differing = self.only_new_ng + self.only_old_ng
        if is_unusually_many(self.only_new_ng, differing, usual_share=0.5):
            return (
                f"of {self.compared} parts that both judged, it alone rejects {self.only_new_ng}, "
                f"and the model before it alone {self.only_old_ng}"
            )
        if not may_pass_more and is_unusually_many(self.only_old_ng, differing, usual_share=0.5):
            return (
                f"of {self.compared} parts that both judged, it passes {self.only_old_ng} that the model before it "
                f"rejects, and rejects {self.only_new_ng} that that one passes: if that is meant, say --fewer-ng"
            )
        return ""
