"""Who may sign in to the page, and as what."""

import sqlite3
from dataclasses import dataclass

from edge import audit
from edge.page_store import PageStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Somebody who may sign in. secret: what a password is compared with, never itself. changed_ns: wall clock."""

    name: str
    role: str
    secret: str
    changed_ns: int


def accounts(store: PageStore) -> dict[str, Account]:
    """Everybody, by name."""
    rows = store.read("SELECT name, role, secret, changed_ns FROM accounts ORDER BY name")
    found = [
        Account(name=str(row[0]), role=str(row[1]), secret=str(row[2]), changed_ns=int(str(row[3]))) for row in rows
    ]
    return {account.name: account for account in found}


def change_account(store: PageStore, account: Account, *, who: str) -> None:
    """Add or change one; the audit log has the roles and never the secret. Raises RecordError if it cannot be kept."""

    def change(database: sqlite3.Connection) -> None:
        row = database.execute("SELECT role, secret FROM accounts WHERE name = ?", (account.name,)).fetchone()
        values = (account.name, account.role, account.secret, account.changed_ns)
        database.execute("INSERT OR REPLACE INTO accounts VALUES (?, ?, ?, ?)", values)
        old, new = row[0] if row else "", account.role
        if row and row[1] != account.secret:
            new += ", with a new password"
        audit.append(database, wall_ns=account.changed_ns, who=who, what=f"account {account.name}", old=old, new=new)

    store.write(change)


def remove_account(store: PageStore, name: str, *, who: str, wall_ns: int) -> None:
    """Let somebody sign in no more; harmless if there is none. Raises RecordError if it cannot be kept."""

    def change(database: sqlite3.Connection) -> None:
        row = database.execute("DELETE FROM accounts WHERE name = ? RETURNING role", (name,)).fetchone()
        if row is not None:
            audit.append(database, wall_ns=wall_ns, who=who, what=f"account {name}", old=row[0], new="")

    store.write(change)
