"""The audit log: who changed what, as a chain in which each entry carries the digest of the one before.

Whoever changes, adds or leaves out an entry breaks the chain from there on. Entries that are cut off at the end are
missed by their numbers, which SQLite remembers; whoever can rewrite the whole file can make a new chain, so the digest
of the newest entry is worth writing down elsewhere now and then.
"""

import hashlib
import json
import sqlite3
from dataclasses import dataclass

from edge.errors import RecordError

BEGINNING = "0" * 64
LONGEST_TEXT = 2000
TABLE = """
    CREATE TABLE audit (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        wall_ns INTEGER NOT NULL,
        who TEXT NOT NULL,
        what TEXT NOT NULL,
        old TEXT NOT NULL,
        new TEXT NOT NULL,
        digest TEXT NOT NULL
    ) STRICT;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One change. wall_ns: since 1970, UTC. digest: SHA-256 over this entry and the digest before it."""

    number: int
    wall_ns: int
    who: str
    what: str
    old: str
    new: str
    digest: str


def append(database: sqlite3.Connection, *, wall_ns: int, who: str, what: str, old: str, new: str) -> Entry:
    """Add an entry, within the caller's transaction; texts are cut where they are very long."""
    row = database.execute("SELECT digest FROM audit ORDER BY number DESC LIMIT 1").fetchone()
    number = _last_number(database) + 1
    texts = [text[:LONGEST_TEXT] for text in (who, what, old, new)]
    digest = _digest(row[0] if row else BEGINNING, (number, wall_ns, *texts))
    values = (number, wall_ns, *texts, digest)
    database.execute("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?)", values)
    return _entry(values)


def entries(database: sqlite3.Connection, *, before: int | None, most: int) -> list[Entry]:
    """The newest entries, those first; before: only smaller numbers."""
    query = "SELECT * FROM audit WHERE number < ? ORDER BY number DESC LIMIT ?"
    return [_entry(row) for row in database.execute(query, (2**62 if before is None else before, most)).fetchall()]


def check(database: sqlite3.Connection) -> Entry | None:
    """The newest entry if the whole chain holds, None for an empty log. Raises RecordError where it is broken."""
    before, last, number = BEGINNING, None, 0
    for row in database.execute("SELECT * FROM audit ORDER BY number"):
        number += 1
        last = _entry(row)
        if last.number != number:
            raise RecordError(f"the audit log was tampered with: entry {number} is missing")
        if last.digest != _digest(before, row[:-1]):
            raise RecordError(f"the audit log was tampered with: entry {number} or the one before it was changed")
        before = last.digest
    if _last_number(database) != number:
        raise RecordError(f"the audit log was tampered with: entries after {number} were cut off")
    return last


def _last_number(database: sqlite3.Connection) -> int:
    """The largest number that was ever given, also when its entry is gone."""
    row = database.execute("SELECT seq FROM sqlite_sequence WHERE name = 'audit'").fetchone()
    return int(row[0]) if row else 0


def _digest(before: str, values: tuple[object, ...]) -> str:
    return hashlib.sha256(json.dumps([before, *values], ensure_ascii=False).encode()).hexdigest()


def _entry(row: tuple[object, ...]) -> Entry:
    names = ("number", "wall_ns", "who", "what", "old", "new", "digest")
    return Entry(**dict(zip(names, row, strict=True)))  # type: ignore[arg-type]
