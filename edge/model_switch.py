"""Changes the model of a running station between two parts, and keeps what runs and what the slots say the same."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Literal

from pydantic import Field

from edge.armed import Armed
from edge.control import Answer, SetUpCommand, SetUpCommands
from edge.daemon import Daemon
from edge.errors import BundleError, DeviceUnavailable
from edge.model_trial import TrialKeeper
from edge.priority import go_last
from edge.settings import Strict
from edge.slots import Book, Slots, Version

log = logging.getLogger(__name__)

PATIENCE_S = 6.0


class ModelWish(Strict):
    """serial: of the model to activate. may_be_older: a person has said that it may be below what ran here.

    may_pass_more: a person expects it to reject fewer parts than the one before. program: whose models are meant, on a
    station with several.
    """

    do: Literal["activate", "rollback", "shadow", "shadow_off", "status"]
    serial: int | None = Field(default=None, ge=0)
    may_be_older: bool = False
    may_pass_more: bool = False
    program: int = Field(default=0, ge=0, le=255)


class ModelSwitch:
    """The models of one running core."""

    def __init__(
        self,
        daemon: Daemon,
        slots: Slots,
        *,
        find: Callable[[int], Version],
        arm: Callable[[Version], Armed],
        use: Callable[[Armed], None],
        trials: TrialKeeper,
        probation_parts: int = 0,
    ) -> None:
        """find: the model of a serial. arm: a model that proves itself now. use: called between two parts."""
        self._trials = trials
        self._daemon, self._slots, self._find, self._arm, self._use = daemon, slots, find, arm, use
        self._probation_parts = probation_parts
        self._one_at_a_time = threading.Lock()

    def commands(self) -> SetUpCommands:
        """By name, for the control socket."""
        return {"model": SetUpCommand(arguments=ModelWish, run=self.run)}

    def run(self, wish: ModelWish) -> Answer:
        """Do it; the answer names the model of the next part. Raises EdgeError, and nothing has changed then."""
        if wish.do == "status":
            return {"probation": self._trials.told()}
        if wish.do in ("shadow", "shadow_off"):
            book = self._slots.change(lambda book: book.shadowing(is_on=wish.do == "shadow"))
            self._trials.begin(self.change)
            assert book.candidate is not None  # or there would have been no change
            return book.candidate.model_dump()
        step = step_for(wish, self._slots, self._find, probation_parts=self._probation_parts)
        return self.change(step).model_dump()

    def change(self, step: Callable[[Book], Book]) -> Version:
        """Make another model current: armed first, then on the disk, then for the next part."""
        if not self._one_at_a_time.acquire(blocking=False):
            raise BundleError("another model is just being switched; try again")
        try:
            before = self._slots.book
            version = step(before).current
            assert version is not None
            go_last()  # this thread serves one request; the line's threads need not wait for it
            armed = self._arm(version)
            self._slots.change(step)
            try:
                self._daemon.ask(lambda: self._use(armed), timeout_s=PATIENCE_S)
            except DeviceUnavailable:
                self._slots.change(lambda _: before)
                raise
            log.warning("model from=%s to=%s", before.current, version)
            self._trials.begin(self.change)
            return version
        finally:
            self._one_at_a_time.release()


def step_for(
    wish: ModelWish, slots: Slots, find: Callable[[int], Version], *, probation_parts: int
) -> Callable[[Book], Book]:
    """What a wish does to the slots. Raises BundleError for one that cannot be done."""
    now_ns = time.time_ns()
    if wish.do == "rollback":
        return lambda book: book.returned(wall_ns=now_ns, why="by a person")
    if wish.serial is None:
        raise BundleError("say which model: its serial")
    version = find(wish.serial)
    floor = slots.book.floor
    if version.serial < floor and not wish.may_be_older:
        raise BundleError(
            f"serial {version.serial} is below {floor}, which this station has run: say --older if that is meant"
        )
    return lambda book: book.activated(
        version, wall_ns=now_ns, probation_parts=probation_parts, may_pass_more=wish.may_pass_more
    )
