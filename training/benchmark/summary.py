"""The tables that a benchmark prints."""

from collections.abc import Iterator, Sequence

from training.benchmark import tables
from training.benchmark.bends import WANTED_PX, Found
from training.benchmark.figures import Estimate
from training.benchmark.models import Kind, Measured
from training.dataset import GOOD

MOST_LABELS_SHOWN = 12


def as_text(done: Sequence[Measured]) -> str:
    """The tables of all sets, and what each model learned from."""
    groups = list(_groups(done))
    blocks = [tables.NOTE, _main_table(groups), _pooling_table(groups)]
    for name, group in groups:
        blocks.append(f"{name}: {'; or '.join(dict.fromkeys(measured.words for measured in group))}.")
        counts = [measured.figures.confusion for measured in group]
        if (
            group[0].kind is Kind.WITH_DEFECTS
            and len({label for model in counts for label in model}) <= MOST_LABELS_SHOWN
        ):
            blocks.append("What parts are, and what is said of them, added up over the models:")
            blocks.append(tables.confusion(counts, good=GOOD))
    return "\n\n".join(blocks)


def connector_text(done: Sequence[Measured]) -> str:
    """What is found of the rendered sets, by kind and by size of bend, at each of the limits looked at."""
    blocks = []
    for name, group in _groups([measured for measured in done if measured.bends]):
        columns = {limit: _connector_column([one.bends[limit] for one in group]) for limit in group[0].bends}
        parts = list(next(iter(columns.values())))
        rows = [[part, *(cells[part] for cells in columns.values())] for part in parts]
        blocks += [f"{name}: found at the", tables.table(["parts", *columns], rows)]
    return "\n\n".join(blocks)


Group = tuple[str, list[Measured]]


def _groups(done: Sequence[Measured]) -> Iterator[Group]:
    for key in dict.fromkeys((one.data, one.kind, one.loss, one.network) for one in done):
        group = [one for one in done if (one.data, one.kind, one.loss, one.network) == key]
        yield ", ".join(key), group


def _main_table(groups: Sequence[Group]) -> str:
    head = ["set, model", "models", "AUROC", "escapes", "overkill", "likely", "promised"]
    head += ["overkill at zero escapes", "not judged", "fit, s", "judgement, ms"]
    rows = []
    for name, group in groups:
        figures = [measured.figures for measured in group]
        rows.append(
            [
                name,
                str(len(group)),
                tables.estimates(one.auroc for one in figures),
                tables.rates(one.escapes for one in figures),
                tables.rates(one.overkills for one in figures),
                _likely(group[0]),
                tables.spread([100 * one.limit.guarantee for one in group], 1, unit=" %"),
                tables.rates(one.overkill_at_zero_escapes for one in figures),
                str(sum(one.faults for one in figures)),
                tables.spread([one.seconds for one in group], 0),
                tables.spread([one.judgement_ms for one in figures], 1),
            ]
        )
    return tables.table(head, rows)


def _likely(measured: Measured) -> str:
    """Between which counts the overkill of a limit that keeps its word lies; the models of a group are alike."""
    trials = measured.figures.overkills.trials
    low, high = measured.limit.likely_overkills(trials)
    return f"{low} to {high} of {trials}"


def _pooling_table(groups: Sequence[Group]) -> str:
    names = list(groups[0][1][0].figures.pooled)
    rows = []
    for name, group in groups:
        pooled = [[one.figures.pooled[pooling] for one in group] for pooling in names]
        rows.append([name, tables.spread(map(_auroc, group), 3), *(tables.spread(one, 3) for one in pooled)])
    return tables.table(["AUROC of", "distance", *names], rows)


def _auroc(measured: Measured) -> float | None:
    estimate: Estimate | None = measured.figures.auroc
    return None if estimate is None else estimate.value


def _connector_column(found: Sequence[Found]) -> dict[str, str]:
    """One limit's cells, by the name of their row."""
    first, large = found[0], f"bends of {WANTED_PX:g} pixels and more"
    cells = {"good, rejected": tables.rates(one.overkills for one in found)}
    cells |= {str(kind): tables.rates(one.by_kind[kind] for one in found) for kind in first.by_kind}
    for size in first.by_degrees:
        cells[f"bends, degrees {size}"] = tables.rates(one.by_degrees[size] for one in found)
    for size in first.by_pixels:
        cells[f"bends, pixels {size}"] = tables.rates(one.by_pixels[size] for one in found)
    cells[large] = tables.rates(one.large_bends for one in found)
    cells["largest bend missed, pixels"] = tables.spread([one.largest_missed_px for one in found], 1)
    cells[f"{large}, of those found: right label"] = tables.rates(one.right_labels for one in found)
    cells[f"{large}, of those found: label with the right pin"] = tables.rates(one.right_pins for one in found)
    cells[f"{large}, of those found: strongest cell at the pin"] = tables.rates(one.right_places for one in found)
    return cells
