"""The report's pictures: the parts that teach most, each with its map on a fixed scale and its strongest cell."""

import base64
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import cv2
import matplotlib as mpl
import numpy as np

from edge.frame import Pixels
from edge.inspection import Inspection
from edge.preprocess import CEILING_SIGMA, FLOOR_SIGMA
from training.dataset import Sample
from training.evaluate import Judged

PER_SECTION = 9
CALM_PER_SECTION = 3  # where nothing went wrong
PICTURE_QUALITY = 88
MAP_COLOURS = "magma"  # grows lighter from end to end, also on grey paper
SCALE_STEP_SIGMA = 3

Look = Callable[[Sample], Inspection]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhibit:
    """One part in the report. picture, cell_map: data URIs or None. cell: (row, column) to outline, or None."""

    file: str
    label: str
    verdict: str
    numbers: str
    detail: str
    picture: str | None
    cell_map: str | None
    cell: tuple[int, int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Exhibits under a title, with a sentence on what to look for."""

    title: str
    words: str
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
        words = "They count as rejected. The reason says whether the picture or the model has to change."
        sections.append(_section("Parts that could not be judged", words, unjudged, look))
    return sections


def unusual_good_parts(calibration: Sequence[Judged], look: Look) -> Section:
    """The good parts that decide where the limit lies."""
    ranked = sorted(calibration, key=lambda part: -part.distance)[:CALM_PER_SECTION]
    words = (
        "These parts from the folder of good parts were farthest from good, and the limit was set by such parts. "
        "Is each of them really good? If one is not, move it to its defect's folder and train again."
    )
    return _section("The most unusual good parts", words, ranked, look)


def scale_steps() -> list[int]:
    """The numbers under the map's scale, in standard deviations."""
    return list(range(int(FLOOR_SIGMA), int(CEILING_SIGMA) + 1, SCALE_STEP_SIGMA))


def scale_bar() -> str:
    """The map's scale as a data URI, dark to light."""
    return _coloured(np.arange(256, dtype=np.uint8)[np.newaxis])


def _escapes(defective: Sequence[Judged], look: Look) -> Section:
    escaped = [part for part in defective if not part.is_rejected]
    if escaped:
        words = (
            "Defective parts that passed, the least noticed first. Can a person see the defect in the picture shown?"
        )
        return _section("Escapes", words, escaped, look)
    words = "No defective part passed. These came nearest to passing."
    return _section("Escapes: none", words, defective[:CALM_PER_SECTION], look)


def _overkills(good: Sequence[Judged], look: Look) -> Section:
    rejected = [part for part in good if part.is_rejected]
    if rejected:
        words = "Good parts that were rejected, the farthest first. The outlined cell is where they looked least usual."
        return _section("Overkills", words, rejected, look)
    words = "No good part was rejected. These came nearest to it."
    return _section("Overkills: none", words, good[:CALM_PER_SECTION], look)


def _best_caught(defective: Sequence[Judged], look: Look) -> Section:
    """The farthest part of each of a few labels."""
    best: dict[str, Judged] = {}
    for part in reversed([part for part in defective if part.is_rejected and part.verdict.distance is not None]):
        best.setdefault(part.sample.label, part)
    words = (
        "Where a defect is plain, the outlined cell should lie on it. If it does not, the model judges something else."
    )
    return _section("Defects caught best", words, list(best.values())[:CALM_PER_SECTION], look)


def _section(title: str, words: str, parts: Iterable[Judged], look: Look) -> Section:
    chosen = list(parts)
    if len(chosen) > PER_SECTION:
        words += f" {PER_SECTION} of {len(chosen)} are shown."
    return Section(title=title, words=words, exhibits=[_exhibit(part, look) for part in chosen[:PER_SECTION]])


def _exhibit(part: Judged, look: Look) -> Exhibit:
    seen = look(part.sample)
    verdict = seen.verdict  # with the final limit, also for the parts that it was found with
    numbers = "no distance"
    if verdict.distance is not None and verdict.margin is not None:
        numbers = f"distance {verdict.distance:.4g}, {verdict.margin:.2f} of the limit"
    return Exhibit(
        file=f"{part.sample.path.parent.name}/{part.sample.path.name}",
        label=part.sample.label,
        verdict=f"{verdict.outcome}: {verdict.reason}",
        numbers=numbers,
        detail=verdict.detail,
        picture=None if seen.working is None else _jpeg(seen.working.pixels),
        cell_map=None if seen.cell_map is None else _coloured(seen.cell_map),
        cell=verdict.cell,
    )


def _jpeg(pixels: Pixels) -> str:
    encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, PICTURE_QUALITY])[1]
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode()


def _coloured(levels: Pixels) -> str:
    """Map levels of 0 to 255 in the colours of the fixed scale: a good part never glows."""
    colours = mpl.colormaps[MAP_COLOURS](levels, bytes=True)[:, :, 2::-1]  # blue, green, red
    return "data:image/png;base64," + base64.b64encode(cv2.imencode(".png", colours)[1].tobytes()).decode()
