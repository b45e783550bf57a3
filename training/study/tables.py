"""The studies in words and Markdown tables, for a terminal and for a README."""

from collections.abc import Sequence

from training.benchmark.tables import rate, table
from training.study.agreement import Kappa
from training.study.claims import Claim
from training.study.msa import FALSE_ALARM_BOUNDS, KAPPA_WANTED, MISS_BOUNDS, RIGHT_BOUNDS, Agreement
from training.study.paired import Comparison, Discordance
from training.study.runs import Run


def agreement_text(found: Agreement) -> str:
    """The attribute agreement analysis."""
    rows = [
        [
            one.name,
            one.grade,
            kappa_words(one.kappa),
            rate(one.misses),
            rate(one.false_alarms),
            rate(one.right),
            "–" if one.repeatable is None else rate(one.repeatable),
        ]
        for one in found.stations
    ]
    head = ["station", "grade", "kappa against the truth", "misses", "false alarms", "right", "parts told alike"]
    missed = "; ".join(f"{one.name} {rate(one.missed_parts)}" for one in found.stations)
    alarmed = "; ".join(f"{one.name} {rate(one.alarmed_parts)}" for one in found.stations)
    lines = [
        f"{found.good} good and {found.defective} defective parts, {found.repeats} times by {len(rows)} station(s)",
        table(head, rows),
        f"defective parts that ever passed: {missed}",
        f"good parts that were ever rejected: {alarmed}",
        f"all looks together: kappa (Fleiss) {kappa_words(found.together)}",
        f"parts told alike by all looks {rate(found.all_alike)}; told right by all {rate(found.all_right)}",
        *(f"{pair}: kappa (Cohen) {kappa_words(kappa)}" for pair, kappa in found.pairs.items()),
        note_of(),
    ]
    return "\n\n".join(lines)


def note_of() -> str:
    """By what is graded, and what the intervals rest on."""
    miss, alarm, right = (
        f"{100 * bounds[0]:g} % ({100 * bounds[1]:g} %)" for bounds in (MISS_BOUNDS, FALSE_ALARM_BOUNDS, RIGHT_BOUNDS)
    )
    return (
        f"Acceptable (marginal): misses up to {miss}, false alarms up to {alarm}, right from {right}; a kappa above "
        f"{KAPPA_WANTED:g} is called good. Graded by what was observed: a short study passes by luck, look at the "
        "intervals. Those of kappa draw whole parts anew (95 %); those of rates are exact, as if all looks were "
        "independent."
    )


def kappa_words(kappa: Kappa) -> str:
    """A kappa with its interval."""
    if kappa.value is None:
        return "not defined: all answers are the same"
    if kappa.interval is None:
        return f"{kappa.value:.2f} (too few parts for an interval)"
    return f"{kappa.value:.2f} ({kappa.interval[0]:.2f} to {kappa.interval[1]:.2f})"


def claims_text(claims: Sequence[tuple[str, Claim]]) -> str:
    """What can be said of each rate now, and what it takes to say what is wanted."""
    rows = [
        [
            name,
            f"{claim.rate.events} of {claim.rate.trials}",
            f"below {100 * claim.bound:.2g} %",
            f"below {100 * claim.wanted:g} %",
            "0, it can be said" if claim.if_none == 0 else str(claim.if_none),
            "–" if claim.as_now is None else str(claim.as_now),
        ]
        for name, claim in claims
    ]
    head = ["rate", "observed", "can be said (95 %)", "wanted", "more parts, if none is wrong", "if it goes on as now"]
    return table(head, rows) + (
        "\n\nParts must be new, and as the line brings them. –: so often as observed it cannot be shown with any "
        "reasonable number of parts; the model has to become better first, or there is nothing to judge by."
    )


def runs_table(runs: Sequence[Run]) -> str:
    """Every run in a row."""
    rows = [
        [
            run.name,
            run.learned,
            run.data_sha256[:8],
            f"{run.limit:.4g}",
            "–" if run.auroc is None else f"{run.auroc:.4f}",
            rate(run.escapes) if run.escapes.trials else "–",
            rate(run.overkills) if run.overkills.trials else "–",
            f"{run.seconds:.0f}",
        ]
        for run in runs
    ]
    return table(["run", "learned", "data", "limit", "AUROC", "escapes", "overkill", "fit, s"], rows)


def comparison_text(first: Run, second: Run, found: Comparison) -> str:
    """Two runs on the same parts."""
    lines = [f"{first.name} against {second.name}:"]
    if any(found.left_out):
        lines.append(f"- {found.left_out[0]} and {found.left_out[1]} parts were tested by one only, and are left out")
    lines += [
        f"- defective parts: {_differing(found.defective, first, second)}",
        f"- good parts: {_differing(found.good, first, second)}",
    ]
    if found.auroc is not None:
        low, high = found.auroc.interval
        lines.append(
            f"- AUROC {found.auroc.first:.4f} and {found.auroc.second:.4f}: difference {found.auroc.difference:+.4f} "
            f"({low:+.4f} to {high:+.4f}), p {_p(found.auroc.p)}: {_verdict(found.auroc.p)}"
        )
    return "\n".join(lines)


def _differing(found: Discordance, first: Run, second: Run) -> str:
    return (
        f"of {found.parts}, {found.only_first_right} are right in {first.name} only, {found.only_second_right} in "
        f"{second.name} only, p {_p(found.p)}: {_verdict(found.p)}"
    )


def _p(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"


def _verdict(p: float) -> str:
    return "a real difference" if p < 0.05 else "may be chance"
