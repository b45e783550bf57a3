"""Who may sign in to the page: what an account must be like, and how it changes."""

import threading
import time
import unicodedata
from dataclasses import dataclass

from edge.accounts import Account, accounts, change_account, remove_account
from edge.errors import EdgeError
from edge.page_store import PageStore
from edge.web.guard import Role, User
from edge.web.passwords import LONGEST, hashed, is_right, of_nobody, random_password

FIRST = "engineer"
LONGEST_NAME = 32
SHORTEST = {Role.OPERATOR: 6, Role.ENGINEER: 10}
MOST_ACCOUNTS = 100
GIVEN = "given$"
"""Stands before the digest of a password that its owner must change before anything else."""


class AccountError(EdgeError):
    """An account cannot be as somebody wants it. key: of the words that say so."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """An account as the page sees it. must_change: the password, before anything else."""

    name: str
    role: Role
    secret: str
    must_change: bool

    def matches(self, password: str) -> User | None:
        """Who this is, None if the password is wrong. Takes a processor's time, on purpose."""
        if len(password) > LONGEST or not is_right(password, self.secret) or self.role is Role.VIEWER:
            return None
        return User(name=self.name, role=self.role, must_change=self.must_change)


STRANGER = Person(name="", role=Role.VIEWER, secret=of_nobody(), must_change=False)
"""Stands for an account that does not exist, so that the answer takes as long."""


class People:
    """The accounts in a store; `who` changes them, and the audit log says so."""

    _lock = threading.Lock()  # between a look and the change that rests on it

    def __init__(self, store: PageStore, *, who: str = "") -> None:
        self._store, self._who = store, who

    def all(self) -> list[Person]:
        """By name."""
        return [_person(account) for account in accounts(self._store).values()]

    def kept(self, name: str) -> Person:
        """The person of this name, STRANGER if there is none."""
        return next((person for person in self.all() if person.name == name), STRANGER)

    def add(self, name: str, *, role: Role, password: str) -> None:
        """Somebody new, whose password must be changed. Raises AccountError for what cannot be accepted."""
        with self._lock:
            _check_name(name)
            if self.kept(name) is not STRANGER or len(self.all()) >= MOST_ACCOUNTS:
                raise AccountError("account.taken")
            self._put(name, role=role, password=password, must_change=True)

    def set_password(self, name: str, password: str, *, must_change: bool = False) -> None:
        """A new password. Raises AccountError if it is too weak for the role."""
        with self._lock:
            self._put(name, role=self._existing(name).role, password=password, must_change=must_change)

    def set_role(self, name: str, role: Role) -> None:
        """Another role; a password that was good enough for an operator must be changed by an engineer."""
        with self._lock:
            person = self._existing(name)
            self._keep_an_engineer(name, role)
            self._change(name, role, person.secret, must_change=person.must_change or role > person.role)

    def remove(self, name: str) -> None:
        """Raises AccountError for the last engineer."""
        with self._lock:
            self._existing(name)
            self._keep_an_engineer(name, Role.VIEWER)
            remove_account(self._store, name, who=self._who, wall_ns=time.time_ns())

    def renew(self, name: str) -> str:
        """A random password, to be told once and changed at the first sign-in; makes a missing engineer."""
        with self._lock:
            _check_name(name)
            person, password = self.kept(name), random_password()
            role = Role.ENGINEER if person is STRANGER else person.role
            self._put(name, role=role, password=password, must_change=True)
        return password

    def _put(self, name: str, *, role: Role, password: str, must_change: bool) -> None:
        if not SHORTEST[role] <= len(password) <= LONGEST or len(set(password)) < 3:
            raise AccountError(f"account.password_{role.name.lower()}")
        self._change(name, role, hashed(password), must_change=must_change)

    def _change(self, name: str, role: Role, secret: str, *, must_change: bool) -> None:
        kept = (GIVEN if must_change else "") + secret
        account = Account(name=name, role=role.name.lower(), secret=kept, changed_ns=time.time_ns())
        change_account(self._store, account, who=self._who)

    def _existing(self, name: str) -> Person:
        if (found := self.kept(name)) is STRANGER:
            raise AccountError("account.gone")
        return found

    def _keep_an_engineer(self, name: str, role: Role) -> None:
        engineers = [person.name for person in self.all() if person.role is Role.ENGINEER]
        if engineers == [name] and role is not Role.ENGINEER:
            raise AccountError("account.last_engineer")


def tidy_name(name: str) -> str:
    """A name as it is kept: composed characters (NFC), no spaces around it."""
    return unicodedata.normalize("NFC", name).strip()


def _person(account: Account) -> Person:
    """Somebody whose role this version does not know may do nothing."""
    role = next((role for role in Role if role.name.lower() == account.role), Role.VIEWER)
    secret = account.secret.removeprefix(GIVEN)
    return Person(name=account.name, role=role, secret=secret, must_change=secret != account.secret)


def _check_name(name: str) -> None:
    """Raises AccountError unless the name is short, and of letters, digits, spaces and . _ -"""
    allowed = all(character.isalnum() or character in " ._-" for character in name)
    if not (0 < len(name) <= LONGEST_NAME and allowed and name == tidy_name(name)):
        raise AccountError("account.name")
