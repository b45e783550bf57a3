"""Which of a station's models is current, which was before it, and which waits: one small file, written whole.

The models lie beside it, each a file of its own that is never changed. Whatever is switched is one rename of the small
file, so a power cut leaves the old state or the new one, and both name a model that is whole on the disk.
"""

import fcntl
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pydantic import Field, ValidationError

from edge.errors import BundleError
from edge.kind_names import is_kind_of
from edge.manifest import Digest
from edge.record import ModelName
from edge.settings import Strict
from edge.whole_files import UNFINISHED, sync_folder, write_whole

FOLDER, BOOK, LOCK = "models", "slots.json", "slots.lock"
INCOMING, VERIFIED, VERSIONS = "incoming", "verified", "versions"
NAME = re.compile(r"([0-9]{1,16})-([0-9a-f]{64})\.model")
KEPT_VERSIONS = 5  # the newest, beside those that have a slot
MOST_EVENTS = 100


class Version(Strict):
    """A model on this station. sha256: digest of its archive."""

    product: str
    serial: int = Field(ge=0)
    sha256: Digest

    def made(self, model: ModelName) -> bool:
        """True for what this model is called where it has judged: of several kinds, each has a name of its own."""
        is_kind = model.serial == self.serial and is_kind_of(model.product, self.product)
        return model.sha256 == self.sha256 or is_kind

    def __str__(self) -> str:
        return f"{self.product}, serial {self.serial}, {self.sha256[:12]}"


class Event(Strict):
    """What became of a model. wall_ns: since 1970, UTC."""

    wall_ns: int
    what: str
    serial: int
    why: str = ""


class Probation(Strict):
    """The current model must prove itself over so many parts. starts: of the core, that did not end in order.

    may_pass_more: a person has said that it may reject fewer parts than the model before it. began_ns: since 1970, UTC;
    tells this probation from another one of the same model.
    """

    parts: int = Field(ge=1)
    began_ns: int = 0
    starts: int = Field(default=0, ge=0)
    may_pass_more: bool = False


class Book(Strict):
    """The slots. floor: the highest serial that was ever current; below it, a model comes back only by a person."""

    current: Version | None = None
    previous: Version | None = None
    candidate: Version | None = None
    floor: int = -1
    probation: Probation | None = None
    is_shadowing: bool = Field(default=False, description="the candidate judges beside the current one")
    events: tuple[Event, ...] = ()

    def running(self) -> Version:
        """The current model. Raises BundleError if there is none."""
        if self.current is None:
            raise BundleError("no model is installed yet: `edge model install FILE`, then `edge model activate SERIAL`")
        return self.current

    def by_slot(self) -> dict[str, Version | None]:
        """The slots by their names for people."""
        return {"current": self.current, "candidate": self.candidate, "previous": self.previous}

    def slot_of(self, sha256: str) -> str:
        """Which slot a model has; "" for one that only lies here."""
        return next((name for name, version in self.by_slot().items() if version and version.sha256 == sha256), "")

    def noted(self, what: str, version: Version, *, wall_ns: int, why: str = "") -> "Book":
        """With one event more; the oldest go."""
        event = Event(wall_ns=wall_ns, what=what, serial=version.serial, why=why)
        return self.model_copy(update={"events": (*self.events, event)[-MOST_EVENTS:]})

    def offered(self, version: Version, *, wall_ns: int) -> "Book":
        """With a model that has passed every test and waits to be released."""
        kept = self.model_copy(update={"candidate": version, "is_shadowing": False})
        return kept.noted("installed", version, wall_ns=wall_ns)

    def shadowing(self, *, is_on: bool) -> "Book":
        """With the candidate judging beside the current one, or no longer. Raises BundleError if there is none."""
        if self.candidate is None:
            raise BundleError("no model waits as the candidate; install one first")
        if is_on and self.probation is not None:
            raise BundleError("the current model is on probation, with the one before it beside it: wait for its end")
        return self.model_copy(update={"is_shadowing": is_on})

    def activated(
        self, version: Version, *, wall_ns: int, probation_parts: int = 0, may_pass_more: bool = False, why: str = ""
    ) -> "Book":
        """With another current model, which the one before it can be followed by again."""
        is_first = self.current is None
        is_tried = bool(probation_parts) and not is_first
        trial = Probation(parts=probation_parts, may_pass_more=may_pass_more, began_ns=wall_ns) if is_tried else None
        slots = {
            "current": version,
            "previous": self.previous if self.current == version else self.current,
            "candidate": None if self.candidate == version else self.candidate,
            "floor": max(self.floor, version.serial),
            "probation": trial,
            "is_shadowing": False,
        }
        return self.model_copy(update=slots).noted("activated", version, wall_ns=wall_ns, why=why)

    def returned(self, *, wall_ns: int, why: str) -> "Book":
        """With the previous model current again, and this one kept beside. Raises BundleError if there is none."""
        if self.current is None or self.previous is None:
            raise BundleError("there is no previous model to return to")
        slots = {"current": self.previous, "previous": self.current, "probation": None}
        return self.model_copy(update=slots).noted("returned", self.previous, wall_ns=wall_ns, why=why)


class Slots:
    """The models of one station, in its data folder."""

    def __init__(self, data: Path) -> None:
        self.folder = data / FOLDER

    @property
    def book(self) -> Book:
        """What is in which slot. Raises BundleError if nobody can know."""
        path = self.folder / BOOK
        try:
            return Book.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return Book()
        except (OSError, ValidationError) as error:
            raise BundleError(f"{path}: cannot be read; move it away and say `edge model activate SERIAL`") from error

    def path_of(self, version: Version) -> Path:
        """Where a model lies."""
        return self.folder / VERSIONS / f"{version.serial}-{version.sha256}.model"

    def change(self, step: Callable[[Book], Book]) -> Book:
        """Change the slots, durably or not at all. Raises BundleError, also if another program is at it."""
        with self.locked():
            book = step(self.book)
            self._write(self.folder / BOOK, book.model_dump_json(indent=1).encode())
        return book

    def serials(self) -> dict[str, int]:
        """The serials of the models that are here, by digest."""
        found = (NAME.fullmatch(path.name) for path in self._files(VERSIONS))
        return {match[2]: int(match[1]) for match in found if match}

    def of_serial(self, serial: int) -> Version | None:
        """The model with this serial, without its product, which only the file says; None if it is not here."""
        sha256 = next((found for found, kept in self.serials().items() if kept == serial), None)
        return None if sha256 is None else Version(product="", serial=serial, sha256=sha256)

    def keep(self, version: Version, raw: bytes) -> None:
        """Put a model beside the others, whole; the oldest go, but none that has a slot. Raises BundleError."""
        self._write(self.path_of(version), raw)
        book = self.book
        slots = {found.sha256 for found in (version, book.current, book.previous, book.candidate) if found}
        by_age = sorted(self.serials().items(), key=lambda item: -item[1])
        for sha256, serial in by_age[KEPT_VERSIONS:]:
            if sha256 not in slots:
                with suppress(OSError):
                    (self.folder / VERSIONS / f"{serial}-{sha256}.model").unlink()

    def stage(self, name: str, raw: bytes) -> Path:
        """A whole, verified model where a test can read it; what an interrupted test left behind goes."""
        for path in self._files(VERIFIED):
            with suppress(OSError):
                path.unlink()
        for path in self._files(VERSIONS):
            if path.suffix == UNFINISHED:
                with suppress(OSError):
                    path.unlink()
        staged = self.folder / VERIFIED / name
        self._write(staged, raw)
        return staged

    @contextmanager
    def locked(self, name: str = LOCK) -> Iterator[None]:
        """Nobody else changes the slots meanwhile. Raises BundleError if somebody does."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with (self.folder / name).open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                yield
        except BlockingIOError as error:
            raise BundleError("another model is being installed or switched on this station; try again") from error
        except OSError as error:
            raise BundleError(f"{self.folder}: models cannot be kept here: {error.strerror}") from error

    def _files(self, name: str) -> list[Path]:
        folder = self.folder / name
        return sorted(folder.iterdir()) if folder.is_dir() else []

    def _write(self, path: Path, content: bytes) -> None:
        try:
            if not path.parent.is_dir():
                path.parent.mkdir(parents=True)
                sync_folder(path.parent.parent)
            write_whole(path, content)
        except OSError as error:
            raise BundleError(f"{path}: cannot be written: {error.strerror}") from error
