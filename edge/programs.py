"""Several kinds of parts on one station, by program number: each with a model of its own, or the kinds of one model.

One is chosen at a time. Number 0 restricts to none: then the part's kind is found first (`kinds.py`). What was chosen
holds over a restart.
"""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from pydantic import Field

from edge.armed import ANY, Armed, any_of
from edge.control import Answer, SetUpCommand, SetUpCommands
from edge.daemon import Daemon
from edge.errors import BundleError, DeviceUnavailable, EdgeError, NotJudged
from edge.record import ModelName
from edge.settings import Strict
from edge.state import NO_CHOICE, Chosen
from edge.verdict import Reason
from edge.whole_files import write_whole

FILE_NAME = "program.json"
PATIENCE_S = 6.0


class ProgramWish(Strict):
    """number: of the program to choose; None asks which it is."""

    number: int | None = Field(default=None, ge=0, le=255)


class Programs:
    """The armed models of one station, and which of them judges; of a single model of several kinds, which kind."""

    def __init__(
        self, armed: Mapping[int, Armed], *, number: int, why_not: str = "", is_by_wires: bool = False
    ) -> None:
        """armed: by number; {0: …} for a station with a single model. why_not: nobody knows which was chosen.

        is_by_wires: each part's own wires choose again.
        """
        self._armed, self.number, self._why_not = dict(armed), number, why_not
        self._is_by_wires = is_by_wires

    @property
    def numbers(self) -> list[int]:
        """What can be chosen."""
        if ANY in self._armed:
            return list(range(len(self._armed[ANY].kinds) + 1))
        return sorted({*self._armed, ANY} if len(self._armed) > 1 else self._armed)

    @property
    def chosen(self) -> Chosen:
        """What the page shows of it; a number that a single model does not have must be chosen anew."""
        if ANY not in self._armed:
            return Chosen(number=self.number)
        kinds = tuple(kind.model.product.rpartition("/")[2] for kind in self._armed[ANY].kinds if kind.model)
        return Chosen(number=self.number, kinds=kinds) if self.numbers != [self.number] else NO_CHOICE

    @property
    def current(self) -> Armed:
        """What judges now, or why nothing does."""
        try:
            return Armed(why_not=self._why_not) if self._why_not else self.of(self.number)
        except BundleError as error:  # another model has come, without the kind that was chosen
            return Armed(why_not=f"{error}: choose one")

    def choose(self, number: int) -> Armed:
        """Have another one judge. Raises BundleError if there is none of this number."""
        armed = self.of(number)
        self.number, self._why_not = number, ""
        return armed

    def replace(self, number: int, armed: Armed) -> bool:
        """Another model for a number; whether that changes what judges now."""
        self._armed[number] = armed
        if self._is_by_wires and self.number not in self.numbers:
            self.number = ANY
        return number == ANY or self.number in (number, ANY)

    def check(self, number: int) -> None:
        """Raises BundleError if there is no program of this number."""
        if number not in self.numbers:
            there = ", ".join(map(str, self.numbers))
            raise BundleError(f"there is no program {number} on this station; there are: {there}")

    def of(self, number: int) -> Armed:
        """The one of a number. Raises BundleError if there is none."""
        if ANY in self._armed:
            single = self._armed[ANY]
            return single if single.model is None else single.of(number)  # without a model, its own reason
        self.check(number)
        return self._armed[number] if number in self._armed else self._any()

    def _any(self) -> Armed:
        for number, armed in sorted(self._armed.items()):
            if armed.why_not or armed.inspector is None or armed.model is None:
                return Armed(why_not=f"program {number}: {armed.why_not or 'there is no model'}")
        kinds = [kind for _, armed in sorted(self._armed.items()) for kind in armed.kinds or (armed,)]
        names = [armed.model for _, armed in sorted(self._armed.items()) if armed.model]
        digest = hashlib.sha256("".join(name.sha256 for name in names).encode()).hexdigest()
        product = " or ".join(name.product for name in names)[:64]
        return any_of(kinds, ModelName(product=product, serial=0, sha256=digest))


class ProgramSwitch:
    """Chooses the program of a running core, between two parts or by the wires at each trigger."""

    def __init__(
        self,
        daemon: Daemon,
        programs: Programs,
        *,
        use: Callable[[Armed], None],
        data: Path,
        read_lines: Callable[[], int] | None = None,
    ) -> None:
        """use: called in the line's thread. read_lines: the number that the wires show; then nobody else chooses."""
        self._daemon, self._programs, self._use, self._data = daemon, programs, use, data
        self._read_lines = read_lines

    def commands(self) -> SetUpCommands:
        """By name, for the control socket."""
        return {"program": SetUpCommand(arguments=ProgramWish, run=self.run)}

    def run(self, wish: ProgramWish) -> Answer:
        """Which program judges, after choosing one if that was asked for: on the disk first, then for the next part."""
        if wish.number is not None:
            if self._read_lines is not None:
                raise DeviceUnavailable("the wires choose the program of each part")
            self._programs.check(wish.number)
            number, before = wish.number, self._programs.number
            write_number(self._data, number)
            try:
                self._daemon.ask(lambda: self._use(self._programs.choose(number)), timeout_s=PATIENCE_S)
            except EdgeError:  # whoever asked is told that nothing has changed: nor may it after a restart
                write_number(self._data, before)
                raise
        return {"program": self._programs.number, "programs": ", ".join(map(str, self._programs.numbers))}

    def at_trigger(self) -> None:
        """As the wires show it, for this very part. Raises NotJudged for a number that there is not."""
        assert self._read_lines is not None
        number = self._read_lines()
        if number == self._programs.number:
            return
        try:
            armed = self._programs.of(number)
        except BundleError as error:
            raise NotJudged(Reason.NOT_READY, str(error)) from error
        if armed.why_not:  # the one before stays, so that the next part may have another number
            raise NotJudged(Reason.NOT_READY, f"program {number}: {armed.why_not}")
        self._use(self._programs.choose(number))


def write_number(data: Path, number: int) -> None:
    """Keep which program was chosen. Raises BundleError if that cannot be done."""
    path = data / FILE_NAME
    try:
        write_whole(path, json.dumps({"program": number}).encode())
    except OSError as error:
        raise BundleError(f"{path}: cannot be written: {os.strerror(error.errno or 0)}") from error


def read_number(data: Path, *, otherwise: int) -> int:
    """Which program was chosen last; `otherwise` if none ever was. Raises BundleError if nobody can know."""
    path = data / FILE_NAME
    try:
        number = json.loads(path.read_bytes())["program"]
    except FileNotFoundError:
        return otherwise
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BundleError(f"{path}: cannot be read; choose the program again: `edge tell program NUMBER`") from error
    if not isinstance(number, int):
        raise BundleError(f"{path}: cannot be read; choose the program again: `edge tell program NUMBER`")
    return number
