"""Past production judged again by another model: what it would say of every part that was recorded.

From the stored map where the models make the same maps: then the limit or the network has changed, and the verdict is
the one that the station would have given. From the working picture otherwise, taken as it lay for the model of its
time, with the grain that its JPEG has lost (`grain.py`), if it shows the same part of the frame as this model's do;
from the whole picture, likewise, where there is no such one.
"""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import numpy as np

from edge.database import reading
from edge.errors import PictureError
from edge.frame import Frame
from edge.grain import Grain, grain_of, with_grain
from edge.inspection import Inspector
from edge.interfaces import EmbedsMany
from edge.kind_names import kind_product
from edge.pictures import decode_picture, read_picture
from edge.record import ModelName
from edge.truth import truths
from edge.verdict import Reason, Verdict

PARTS_AT_ONCE = 1024
PASSED = "OK"  # as the records have it
PARTS = f"""
    SELECT parts.sequence, triggered_ns, outcome, margin, models.product, models.sha256, models.map_sha256,
        models.window, map_rows, map_columns, levels
    FROM parts LEFT JOIN models ON models.number = parts.model LEFT JOIN maps USING (sequence)
    WHERE parts.sequence BETWEEN :first AND :last AND reason != '{Reason.TEST_PIECE}'
        AND (:product = '' OR models.product = :product OR substr(models.product, 1, length(:any_kind)) = :any_kind)
    ORDER BY parts.sequence LIMIT :most
"""
PICTURES = """
    SELECT jpeg, (SELECT path FROM pictures WHERE sequence = :sequence) AS path
    FROM (SELECT 1) LEFT JOIN working_pictures ON working_pictures.sequence = :sequence
"""


class Used(StrEnum):
    """What a part was judged from again."""

    MAP = "map"
    WORKING_PICTURE = "working picture"
    WHOLE_PICTURE = "whole picture"
    FRAME = "the frame itself"
    NO_KIND = "left out: judged by a model of none of these kinds"
    NOTHING = "nothing is stored that could be judged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One part, before and after. margin: distance as a share of the limit. outcome_after: "" if it was not judged.

    truth: "good" or "bad" where a person has said so, "" otherwise.
    """

    sequence: int
    used: Used
    outcome_before: str
    margin_before: float | None
    outcome_after: str
    margin_after: float | None
    label_after: str | None
    truth: str = ""

    @property
    def is_changed(self) -> bool:
        """True if the other model says something else."""
        return self.outcome_after not in ("", self.outcome_before)


@dataclass(slots=True, kw_only=True)
class Mistakes:
    """Among parts of which a person has said what they are. escapes: bad ones with OK; overkills: good ones without."""

    good: int = 0
    bad: int = 0
    escapes_before: int = 0
    escapes_after: int = 0
    overkills_before: int = 0
    overkills_after: int = 0

    def count(self, part: Judged) -> None:
        """One part more, if it was judged again and somebody knows it."""
        if not part.outcome_after or not part.truth:
            return
        was_passed, is_passed = part.outcome_before == PASSED, part.outcome_after == PASSED
        if part.truth == "bad":
            self.bad += 1
            self.escapes_before += was_passed
            self.escapes_after += is_passed
        else:
            self.good += 1
            self.overkills_before += not was_passed
            self.overkills_after += not is_passed


@dataclass(slots=True, kw_only=True)
class Summary:
    """How many parts were judged from what, what became of which outcome, and the mistakes that people know of."""

    mistakes: Mistakes = field(default_factory=Mistakes)
    used: Counter[Used] = field(default_factory=Counter)
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    changed: int = 0

    def count(self, part: Judged) -> None:
        """One part more."""
        self.used[part.used] += 1
        if part.outcome_after:
            self.outcomes[part.outcome_before, part.outcome_after] += 1
        self.changed += part.is_changed
        self.mistakes.count(part)


class Again:
    """The model of one kind, as it judges again what is stored in one data folder."""

    def __init__(self, folder: Path, *, inspector: Inspector, embedder: EmbedsMany, model: ModelName) -> None:
        """inspector, embedder, model: of one bundle."""
        self._folder, self._inspector, self._embedder, self.model = folder, inspector, embedder, model
        self._grain: Grain | None = None

    def verdicts(self, rows: Sequence[sqlite3.Row]) -> dict[int, tuple[Used, Verdict | None]]:
        """Of each part, and what it was judged from; None where it could not be."""
        verdicts: dict[int, tuple[Used, Verdict | None]] = {}
        with_map = [row for row in rows if self._is_same_map(row)]
        for cells in {(row["map_rows"], row["map_columns"]) for row in with_map}:
            chosen = [row for row in with_map if (row["map_rows"], row["map_columns"]) == cells]
            maps = np.frombuffer(b"".join(row["levels"] for row in chosen), np.uint8).reshape(len(chosen), *cells)
            found = self._inspector.judge_maps(maps, self._embedder)
            verdicts |= {row["sequence"]: (Used.MAP, one) for row, one in zip(chosen, found, strict=True)}
        left = [row for row in rows if row["sequence"] not in verdicts]
        return verdicts | self._from_pictures(left)

    def _is_same_map(self, row: sqlite3.Row) -> bool:
        is_same_model = row["sha256"] == self.model.sha256
        return row["levels"] is not None and (is_same_model or row["map_sha256"] == self.model.map_sha256 != "")

    def _from_pictures(self, rows: Sequence[sqlite3.Row]) -> dict[int, tuple[Used, Verdict | None]]:
        found: dict[int, tuple[Used, Verdict | None]] = {}
        with reading(self._folder) as connection:  # no transaction stays open between two questions
            for row in rows:
                sequence, shows_the_same = row["sequence"], row["window"] in (None, self.model.window)
                kept = connection.execute(PICTURES, {"sequence": sequence}).fetchone()
                jpeg = kept["jpeg"] if shows_the_same else None
                found[sequence] = self._from_picture(sequence, jpeg, kept["path"])
        return found

    def _from_picture(self, sequence: int, jpeg: bytes | None, path: str | None) -> tuple[Used, Verdict | None]:
        try:
            if jpeg is not None:
                pixels = decode_picture(jpeg, name=f"working picture of part {sequence}").pixels
                grained = with_grain(pixels, self._measured_grain().working, seed=sequence)
                return Used.WORKING_PICTURE, self._inspector.judge_working(grained)
            if path is not None:
                pixels = read_picture(self._folder / path).pixels
                frame = Frame(pixels=with_grain(pixels, self._measured_grain().whole, seed=sequence))
                return Used.WHOLE_PICTURE, self._inspector.inspect(frame).verdict
        except (PictureError, ValueError):  # removed meanwhile, damaged, or grey where the model wants colour
            return Used.NOTHING, None
        return Used.NOTHING, None

    def _measured_grain(self) -> Grain:
        if self._grain is None:
            self._grain = grain_of(self._inspector)
        return self._grain


class Rejudge:
    """One model over the records of one data folder, which are only read, a thousand parts at a time.

    Of a model of several kinds, each judges the parts that a kind of its name has judged: the map and the working
    picture were made for that kind, so that no other could tell from them whether it is nearer.
    """

    def __init__(self, folder: Path, kinds: Sequence[Again], *, product: str = "") -> None:
        """kinds: one, or those of a model of several. product: only parts that a model of it has judged; "": all."""
        self._folder, self._kinds, self._product = folder, kinds, product

    def parts(self, *, first: int, last: int, tick: Callable[[int], None] = lambda _: None) -> Iterator[Judged]:
        """Every part recorded from one number to another. tick: told each number that was reached.

        Raises RecordError if the records cannot be read, ModelError if the network fails.
        """
        while first <= last:
            wanted = {"first": first, "last": last, "most": PARTS_AT_ONCE}
            of = {"product": self._product, "any_kind": kind_product(self._product, "")}
            with reading(self._folder) as connection:
                rows = connection.execute(PARTS, wanted | of).fetchall()
            if not rows:
                return
            yield from self._judge(rows)
            first = int(rows[-1]["sequence"]) + 1
            tick(first)

    def _judge(self, rows: Sequence[sqlite3.Row]) -> list[Judged]:
        verdicts: dict[int, tuple[Used, Verdict | None]] = {}
        for kind in self._kinds:
            is_only = len(self._kinds) == 1
            verdicts |= kind.verdicts([row for row in rows if is_only or row["product"] == kind.model.product])
        known = truths(self._folder, [(row["sequence"], row["triggered_ns"]) for row in rows])
        none = Used.NO_KIND, None
        return [_judged(row, *verdicts.get(row["sequence"], none), known.get(row["sequence"], "")) for row in rows]


def _judged(row: sqlite3.Row, used: Used, verdict: Verdict | None, truth: str) -> Judged:
    return Judged(
        sequence=row["sequence"],
        used=used,
        outcome_before=row["outcome"],
        margin_before=row["margin"],
        outcome_after=verdict.outcome.value if verdict else "",
        margin_after=verdict.margin if verdict else None,
        label_after=verdict.nearest_label if verdict else None,
        truth=truth,
    )
