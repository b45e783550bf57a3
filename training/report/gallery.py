"""The report's pictures: the parts that teach most, each with its map on a fixed scale and its strongest cell."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edge.inspection import Inspection
from edge.preprocess import CEILING_SIGMA, FLOOR_SIGMA
from edge.verdict import Verdict
from training.dataset import Sample
from training.evaluate import Judged
from training.report.pictures import coloured, jpeg
from training.report.wording import Told, told, verdict_told

PER_SECTION = 9
CALM_PER_SECTION = 3  # where nothing went wrong
SCALE_STEP_SIGMA = 3

Look = Callable[[Sample], Inspection]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhibit:
    """One part in the report. picture, cell_map: data URIs or None. cell: (row, column) to outline, or None."""

    file: str
    label: str
    verdict: Told
    numbers: Told
    detail: str
    picture: str | None
    cell_map: str | None
    cell: tuple[int, int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Exhibits under a title, with a sentence on what to look for."""

    title: Told
    words: Told
    exhibits: list[Exhibit]


def sections_of(judged: Sequence[Judged], look: Look) -> list[Section]:
    """The most instructive test pictures: escapes, overkills, unjudged parts, and defects best caught."""
    defective = sorted((part for part in judged if not part.is_good), key=lambda part: part.distance)
    good = sorted((part for part in judged if part.is_good), key=lambda part: -part.distance)
    sections = []
    if defective:
        sections += [_escapes(defective, look), _best_caught(defective, look)]
    if good:
        sections.insert(min(1, len(sections)), _overkills(good, look))
    unjudged = [part for part in judged if part.verdict.distance is None]
    if unjudged:
        sections.append(_section("unjudged", unjudged, look))
    return sections


def unusual_good_parts(calibration: Sequence[Judged], look: Look) -> Section:
    """The good parts that decide where the limit lies, with the distances that decide it."""
    farthest = sorted(calibration, key=lambda part: -part.distance)[:CALM_PER_SECTION]
    section = _section("unusual", farthest, look)
    numbers = [_unseen(part, look(part.sample).verdict) for part in farthest]
    exhibits = [replace(one, numbers=words) for one, words in zip(section.exhibits, numbers, strict=True)]
    return replace(section, exhibits=exhibits)


def mistakes_of(judged: Sequence[Judged]) -> list[Judged]:
    """Escapes and overkills that have an embedding, the worst first; without any, what came nearest to it."""
    placed = [part for part in judged if part.embedding is not None]
    wrong = [part for part in placed if part.is_rejected is part.is_good]
    chosen = wrong or placed
    return sorted(chosen, key=lambda part: part.distance if not part.is_good else -part.distance)


def scale_steps() -> list[int]:
    """The numbers under the map's scale, in standard deviations."""
    return list(range(int(FLOOR_SIGMA), int(CEILING_SIGMA) + 1, SCALE_STEP_SIGMA))


def scale_bar() -> str:
    """The map's scale as a data URI, dark to light."""
    return coloured(np.arange(256, dtype=np.uint8)[np.newaxis])


def _escapes(defective: Sequence[Judged], look: Look) -> Section:
    if escaped := [part for part in defective if not part.is_rejected]:
        return _section("escapes", escaped, look)
    return _section("escapes_none", defective[:CALM_PER_SECTION], look)


def _overkills(good: Sequence[Judged], look: Look) -> Section:
    if rejected := [part for part in good if part.is_rejected]:
        return _section("overkills", rejected, look)
    return _section("overkills_none", good[:CALM_PER_SECTION], look)


def _best_caught(defective: Sequence[Judged], look: Look) -> Section:
    """The farthest part of each of a few labels."""
    best: dict[str, Judged] = {}
    for part in reversed([part for part in defective if part.is_rejected and part.verdict.distance is not None]):
        best.setdefault(part.sample.label, part)
    return _section("caught", list(best.values())[:CALM_PER_SECTION], look)


def _section(name: str, parts: Iterable[Judged], look: Look) -> Section:
    """name: of its title and words."""
    chosen, words = list(parts), told(f"section.{name}.words")
    if len(chosen) > PER_SECTION:
        words = told("section.shown", words=words, shown=PER_SECTION, count=len(chosen))
    exhibits = [_exhibit(part, look) for part in chosen[:PER_SECTION]]
    return Section(title=told(f"section.{name}"), words=words, exhibits=exhibits)


def _unseen(part: Judged, finished: Verdict) -> Told:
    if part.verdict.distance is None or finished.limit is None or finished.margin is None:
        return told("picture.no_distance")
    margin = part.verdict.distance / finished.limit
    return told("picture.unseen", margin=f"{margin:.2f}", seen=f"{finished.margin:.2f}")


def _exhibit(part: Judged, look: Look) -> Exhibit:
    seen = look(part.sample)
    verdict = seen.verdict  # with the final limit, also for the parts that it was found with
    numbers = told("picture.no_distance")
    if verdict.distance is not None and verdict.margin is not None:
        numbers = told("picture.numbers", distance=f"{verdict.distance:.4g}", margin=f"{verdict.margin:.2f}")
    return Exhibit(
        file=f"{part.sample.path.parent.name}/{part.sample.path.name}",
        label=part.sample.label,
        verdict=verdict_told(verdict.outcome, verdict.reason),
        numbers=numbers,
        detail=verdict.detail,
        picture=None if seen.working is None else jpeg(seen.working.pixels),
        cell_map=None if seen.cell_map is None else coloured(seen.cell_map),
        cell=verdict.cell,
    )
