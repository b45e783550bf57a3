"""The accounts of a station: name, role and the digest of a password, in the page's own database."""

import sqlite3
import time
import unicodedata
from dataclasses import dataclass

from edge.errors import EdgeError
from edge.web.guard import Role, User
from edge.web.passwords import LONGEST, hashed, is_right, random_password

TABLE = """
    CREATE TABLE accounts (
        name TEXT PRIMARY KEY,
        role INTEGER NOT NULL CHECK (role IN (1, 2)),
        secret TEXT NOT NULL,
        must_change INTEGER NOT NULL CHECK (must_change IN (0, 1)),
        changed_ns INTEGER NOT NULL
    ) STRICT;
"""
FIRST = "engineer"
LONGEST_NAME = 32
SHORTEST = {Role.OPERATOR: 6, Role.ENGINEER: 10}
MOST_ACCOUNTS = 100


class AccountError(EdgeError):
    """An account cannot be as somebody wants it. key: of the words that say so."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """must_change: whoever signs in must choose a password of their own before anything else."""

    name: str
    role: Role
    secret: str
    must_change: bool

    def matches(self, password: str) -> User | None:
        """Who this is, None if the password is wrong. Takes a processor's time, on purpose."""
        if len(password) > LONGEST or not is_right(password, self.secret) or self.role is Role.VIEWER:
            return None
        return User(name=self.name, role=self.role, must_change=self.must_change)


STRANGER = Account(name="", role=Role.VIEWER, secret=hashed(random_password()), must_change=False)
"""Stands for an account that does not exist, so that the answer takes as long."""


class Accounts:
    """Reads and writes the table. What changes something gives what was and what is, for the log."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def all(self) -> list[Account]:
        """By name."""
        rows = self._database.execute("SELECT name, role, secret, must_change FROM accounts ORDER BY name").fetchall()
        return [Account(name=row[0], role=Role(row[1]), secret=row[2], must_change=bool(row[3])) for row in rows]

    def kept(self, name: str) -> Account:
        """The account of this name, STRANGER if there is none."""
        return next((account for account in self.all() if account.name == name), STRANGER)

    def add(self, name: str, *, role: Role, password: str) -> tuple[str, str]:
        """A new account. Raises AccountError for what cannot be accepted."""
        _check_name(name)
        if self.kept(name) is not STRANGER or len(self.all()) >= MOST_ACCOUNTS:
            raise AccountError("account.taken")
        self._put(name, role=role, password=password, must_change=True)
        return "", role.name.lower()

    def set_password(self, name: str, password: str, *, must_change: bool = False) -> tuple[str, str]:
        """A new password. Raises AccountError if it is too weak for the role."""
        self._put(name, role=self._existing(name).role, password=password, must_change=must_change)
        return "", "changed"

    def set_role(self, name: str, role: Role) -> tuple[str, str]:
        """Another role; a password that was good enough for an operator must be changed by an engineer."""
        old = self._existing(name)
        self._keep_an_engineer(name, role)
        self._database.execute(
            "UPDATE accounts SET must_change = max(must_change, ? > role), role = ? WHERE name = ?",
            (int(role), int(role), name),
        )
        return old.role.name.lower(), role.name.lower()

    def remove(self, name: str) -> tuple[str, str]:
        """Raises AccountError for the last engineer."""
        old = self._existing(name)
        self._keep_an_engineer(name, Role.VIEWER)
        self._database.execute("DELETE FROM accounts WHERE name = ?", (name,))
        return old.role.name.lower(), "removed"

    def renew(self, name: str) -> str:
        """A random password, to be told once and changed at the first sign-in; makes a missing engineer."""
        _check_name(name)
        found, password = self.kept(name), random_password()
        role = Role.ENGINEER if found is STRANGER else found.role
        self._put(name, role=role, password=password, must_change=True)
        return password

    def _put(self, name: str, *, role: Role, password: str, must_change: bool) -> None:
        if not SHORTEST[role] <= len(password) <= LONGEST or len(set(password)) < 3:
            raise AccountError(f"account.password_{role.name.lower()}")
        self._database.execute(
            "INSERT OR REPLACE INTO accounts VALUES (?, ?, ?, ?, ?)",
            (name, int(role), hashed(password), int(must_change), time.time_ns()),
        )

    def _existing(self, name: str) -> Account:
        if (found := self.kept(name)) is STRANGER:
            raise AccountError("account.gone")
        return found

    def _keep_an_engineer(self, name: str, role: Role) -> None:
        engineers = [account.name for account in self.all() if account.role is Role.ENGINEER]
        if engineers == [name] and role is not Role.ENGINEER:
            raise AccountError("account.last_engineer")


def tidy_name(name: str) -> str:
    """A name as it is kept: composed characters (NFC), no spaces around it."""
    return unicodedata.normalize("NFC", name).strip()


def _check_name(name: str) -> None:
    """Raises AccountError unless the name is short, and of letters, digits, spaces and . _ -"""
    allowed = all(character.isalnum() or character in " ._-" for character in name)
    if not (0 < len(name) <= LONGEST_NAME and allowed and name == tidy_name(name)):
        raise AccountError("account.name")
