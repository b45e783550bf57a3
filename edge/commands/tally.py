"""Counts verdicts against what was really wrong with the parts."""

from collections import Counter
from dataclasses import dataclass, field

from edge.drivers.connector import Defect
from edge.record import Record
from edge.verdict import Outcome, Reason


@dataclass(slots=True, kw_only=True)
class Tally:
    """escape: a defective part that was shown as good. overkill: a good part that was shown as defective."""

    outcomes: Counter[tuple[bool, Outcome]] = field(default_factory=Counter)
    clear_defects: int = 0
    clear_escapes: int = 0
    small_bends: int = 0
    small_bend_escapes: int = 0
    bends_found: int = 0
    bends_named: int = 0
    bends_called_bent: int = 0

    @property
    def parts(self) -> int:
        """All that were counted."""
        return self.outcomes.total()

    def count(self, record: Record, truth: Defect | None) -> str:
        """One line for people about one part. truth: what is wrong with it, None for a good part."""
        verdict = record.verdict
        is_escape = truth is not None and verdict.reason is Reason.WITHIN_LIMIT
        self.outcomes[truth is not None, verdict.outcome] += 1
        if truth is not None:
            self._count_defect(record, truth, is_escape=is_escape)
        return _line(record, truth, is_escape=is_escape)

    def _count_defect(self, record: Record, truth: Defect, *, is_escape: bool) -> None:
        if truth.is_clear:
            self.clear_defects += 1
            self.clear_escapes += is_escape
        else:
            self.small_bends += 1
            self.small_bend_escapes += is_escape
        if truth.kind.is_bend and record.verdict.outcome is Outcome.NG:
            self.bends_found += 1
            named = record.verdict.nearest_label or ""
            self.bends_named += named.endswith(f"_{truth.pin}")
            self.bends_called_bent += named == truth.label

    def summary(self) -> str:
        """What the line showed, against the truth."""
        good = sum(number for (is_defect, _), number in self.outcomes.items() if not is_defect)
        overkills = self.outcomes[False, Outcome.NG]
        kinds = f", {self.bends_called_bent} of them as bent"
        return "\n".join(
            [
                "",
                f"{self.parts} parts     " + "".join(f"{outcome:>7}" for outcome in Outcome),
                *(
                    f"  {name:10}" + "".join(f"{self.outcomes[is_defect, outcome]:7}" for outcome in Outcome)
                    for name, is_defect in (("good", False), ("defective", True))
                ),
                f"escapes among clear defects: {self.clear_escapes} of {self.clear_defects}",
                f"escapes among small bends:   {self.small_bend_escapes} of {self.small_bends}",
                f"overkills:                   {overkills} of {good} good parts",
                f"bent pins named by their address: {self.bends_named} of {self.bends_found} found{kinds}",
            ]
        )


def _line(record: Record, truth: Defect | None, *, is_escape: bool) -> str:
    verdict = record.verdict
    takt = "" if record.takt_ms is None else f"{record.takt_ms:6.1f} ms"
    distance = verdict.reason.value if verdict.margin is None else f"{verdict.margin:6.2f} of the limit"
    named = f"  {verdict.nearest_label}" if verdict.outcome is Outcome.NG and verdict.nearest_label else ""
    really = "good" if truth is None else truth.label
    remark = ""
    if is_escape:
        remark = "  <- escape" if truth is not None and truth.is_clear else "  <- escape (small)"
    elif truth is None and verdict.outcome is Outcome.NG:
        remark = "  <- overkill"
    return f"{record.sequence:5}  {verdict.outcome:5}  {distance}{named}  {takt}   truth: {really}{remark}"
