"""Records as files that other programs read: one row a part as CSV or Parquet, and the pictures beside it.

Rows are read some thousand at a time, so that the core's log is never held up for long. A file gets its name when it is
whole.
"""

import csv
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from edge.corrections import Correction, last_words
from edge.database import reading
from edge.errors import RecordError
from edge.page_store import PageStore
from edge.rollups import IMAGING
from edge.whole_files import UNFINISHED

PARTS_AT_ONCE = 2000
TEXTS = (
    *("time", "outcome", "reason", "detail", "nearest_label", "model_product", "model_sha256", "stages_ms", "source"),
    *("boot_id", "picture_class", "correction", "corrected_by", "correction_note"),
)
WHOLE_NUMBERS = (
    *("sequence", "wall_ns", "triggered_ns", "exposed_ns", "judged_ns", "output_ns", "cell_row", "cell_column"),
    *("model_serial", "is_late"),
)
COLUMNS = (
    *("sequence", "time", "wall_ns", "outcome", "reason", "detail", "distance", "distance_limit", "calibrated_limit"),
    *("margin", "nearest_label", "cell_row", "cell_column", "takt_ms", "is_late", *IMAGING, "model_product"),
    *("model_serial", "model_sha256", "triggered_ns", "exposed_ns", "judged_ns", "output_ns", "stages_ms", "source"),
    *("boot_id", "picture_class", "correction", "corrected_by", "correction_note"),
)
ROWS = """
    SELECT parts.*, (output_ns - triggered_ns) / 1e6 AS takt_ms, calibrated_limit, product AS model_product,
        serial AS model_serial, sha256 AS model_sha256, boot_id, pictures.class AS picture_class
    FROM parts JOIN boots ON boots.number = parts.boot LEFT JOIN models ON models.number = parts.model
    LEFT JOIN pictures USING (sequence)
    WHERE parts.sequence BETWEEN ? AND ? ORDER BY parts.sequence LIMIT ?
"""

PICTURES = """
    SELECT 'working', jpeg FROM working_pictures WHERE sequence = ?
    UNION ALL SELECT path, NULL FROM pictures WHERE sequence = ?
"""

Row = Mapping[str, object]


class Table(Protocol):
    """A file that takes rows."""

    def write(self, rows: list[Row]) -> None:
        """Add these rows."""


def rows_between(folder: Path, *, first: int, last: int) -> Iterator[list[Row]]:
    """Every part recorded from one number to another, with the last correction of each, some thousand at a time.

    Raises RecordError if the records cannot be read.
    """
    store = PageStore(folder) if (folder / "page.sqlite").is_file() else None
    try:
        while first <= last:
            with reading(folder) as connection:
                found = connection.execute(ROWS, (first, last, PARTS_AT_ONCE)).fetchall()
            if not found:
                return
            said = last_words(store, [row["sequence"] for row in found]) if store else {}
            yield [_row(row, said.get(row["sequence"])) for row in found]
            first = int(found[-1]["sequence"]) + 1
    finally:
        if store is not None:
            store.close()


@contextmanager
def csv_table(path: Path) -> Iterator[Table]:
    """A CSV file (RFC 4180, UTF-8), complete when the block ends well and not there otherwise."""
    unfinished = path.with_name(path.name + UNFINISHED)
    try:
        with unfinished.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
            writer.writeheader()
            yield _Csv(writer)
        unfinished.replace(path)
    except OSError as error:
        raise RecordError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def parquet_table(path: Path) -> Iterator[Table]:
    """A Parquet file, likewise. Raises RecordError without pyarrow, which the device does not need otherwise."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise RecordError("Parquet needs the package pyarrow: pip install pyarrow, or export as csv") from error
    unfinished = path.with_name(path.name + UNFINISHED)
    kinds = {name: pyarrow.string() for name in TEXTS} | {name: pyarrow.int64() for name in WHOLE_NUMBERS}
    schema = pyarrow.schema([(name, kinds.get(name, pyarrow.float64())) for name in COLUMNS])
    try:
        with pyarrow.parquet.ParquetWriter(unfinished, schema) as writer:
            yield _Parquet(writer, pyarrow.Table.from_pylist, schema)
        unfinished.replace(path)
    except OSError as error:
        raise RecordError(f"{path}: cannot be written: {error}") from error
    finally:
        unfinished.unlink(missing_ok=True)


def export_pictures(folder: Path, out: Path, sequences: Iterable[int]) -> int:
    """Copy what is stored of these parts' pictures to out/working and out/whole, one file a part; how many.

    Raises RecordError if they cannot be read or written.
    """
    copied = 0
    for sequence in sequences:
        with reading(folder) as connection:
            rows = connection.execute(PICTURES, (sequence, sequence)).fetchall()
        for path, jpeg in rows:
            kind = "working" if jpeg is not None else "whole"
            try:
                content = jpeg if jpeg is not None else (folder / path).read_bytes()
            except OSError:
                continue  # removed meanwhile, as the oldest are
            _write(out / kind / f"{sequence:09d}.jpg", content)
            copied += 1
    return copied


class _Csv:
    def __init__(self, writer: "csv.DictWriter[str]") -> None:
        self._writer = writer

    def write(self, rows: list[Row]) -> None:
        self._writer.writerows(rows)


class _Parquet:
    def __init__(self, writer, from_pylist, schema) -> None:  # type: ignore[no-untyped-def]
        self._writer, self._from_pylist, self._schema = writer, from_pylist, schema

    def write(self, rows: list[Row]) -> None:
        self._writer.write_table(self._from_pylist(rows, schema=self._schema))


def _row(row: sqlite3.Row, said: Correction | None) -> Row:
    found = dict(row)
    found["time"] = datetime.fromtimestamp(row["wall_ns"] / 1e9, UTC).isoformat(timespec="milliseconds")
    is_this = said is not None and said.part.triggered_ns == row["triggered_ns"]
    found["correction"] = said.what.value if said and is_this else ""
    found["corrected_by"] = said.who if said and is_this else ""
    found["correction_note"] = said.note if said and is_this else ""
    return {name: found[name] for name in COLUMNS}


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(path.name + UNFINISHED)
        unfinished.write_bytes(content)
        unfinished.replace(path)
    except OSError as error:
        raise RecordError(f"{path}: cannot be written: {error.strerror}") from error
