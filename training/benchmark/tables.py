"""Markdown for a README: means and ranges over models, and the intervals that the number of pictures allows."""

from collections.abc import Callable, Iterable, Sequence

from training.benchmark.figures import Estimate
from training.calibrate import Rate

NOTE = (
    "Cells: mean over the models (smallest to largest), then the 95 % interval that the number of pictures allows one "
    "model, its ends averaged over the models: rates exact (Clopper and Pearson), AUROC by bootstrap over pictures."
)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def spread(values: Iterable[float | None], digits: int, *, unit: str = "") -> str:
    """Mean (smallest to largest) of what is known."""
    known = [value for value in values if value is not None]
    if not known:
        return "–"
    mean = f"{sum(known) / len(known):.{digits}f}"
    if len(known) == 1:
        return f"{mean}{unit}"
    return f"{mean} ({min(known):.{digits}f} to {max(known):.{digits}f}){unit}"


def estimates(found: Iterable[Estimate | None], digits: int = 3) -> str:
    """Spread and mean interval of figures between 0 and 1."""
    known = [estimate for estimate in found if estimate is not None]
    return _with_interval([(estimate.value, estimate.interval) for estimate in known], digits, unit="")


def rates(found: Iterable[Rate | None]) -> str:
    """Spread and mean interval in percent; what has no trials is left out."""
    known = [rate for rate in found if rate is not None and rate.trials]
    percent = [(100 * rate.share, (100 * rate.interval[0], 100 * rate.interval[1])) for rate in known]
    return _with_interval(percent, 1, unit=" %")


def rate(found: Rate) -> str:
    """One rate: the counts, and its interval in percent."""
    low, high = found.interval
    return f"{found.events} of {found.trials} ({100 * low:.1f} to {100 * high:.1f} %)"


def confusion(counts: Sequence[dict[str, dict[str, int]]], *, good: str) -> str:
    """Truth in rows, what was said in columns, added up over models."""
    truths = list(dict.fromkeys(truth for model in counts for truth in model))
    said = sorted({said for model in counts for row in model.values() for said in row}, key=_order([good, *truths]))
    rows = (
        [truth, *(str(sum(model.get(truth, {}).get(word, 0) for model in counts)) for word in said)] for truth in truths
    )
    return table(["truth \\ said", *("passed" if word == good else word for word in said)], rows)


def _order(words: Sequence[str]) -> Callable[[str], tuple[int, str]]:
    return lambda word: (words.index(word) if word in words else len(words), word)


def _with_interval(found: Sequence[tuple[float, tuple[float, float]]], digits: int, *, unit: str) -> str:
    if not found:
        return "–"
    low, high = (sum(interval[end] for _, interval in found) / len(found) for end in (0, 1))
    return f"{spread([value for value, _ in found], digits, unit=unit)}; {low:.{digits}f} to {high:.{digits}f}{unit}"
