"""Schemas grow step by step: each step is done whole or not at all, and a database of a newer version is refused.

The version is SQLite's user_version: how many steps have been done.
"""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.errors import RecordError


def nothing_more(_: sqlite3.Connection) -> None:
    """For steps that are done with their script."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """script: SQL. then: what SQL alone cannot do, in the same transaction."""

    script: str
    then: Callable[[sqlite3.Connection], None] = nothing_more


def migrate(connection: sqlite3.Connection, steps: Sequence[Step]) -> None:
    """Do the steps that this database has not seen, each in a transaction of its own."""
    for number, step in enumerate(steps[_version(connection) :], start=_version(connection) + 1):
        try:
            connection.executescript(f"BEGIN IMMEDIATE; {step.script}")
            step.then(connection)
            connection.execute(f"PRAGMA user_version = {number}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def refuse_newer(connection: sqlite3.Connection, path: Path, *, known: int) -> None:
    """Raises RecordError for a database that a newer version has written."""
    found = _version(connection)
    if found > known:
        raise RecordError(f"{path}: written by a newer version (schema {found}, this one knows {known}): update kensa")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
