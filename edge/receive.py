"""From a file that somebody sent to a model that waits to be released: checked, tried in a process of its own, kept.

Whichever way it came, it goes this way and no other. Nothing of what is running is touched.
"""

import json
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.child_process import python, run_to_end, trouble_of
from edge.database import reading
from edge.errors import BundleError, RecordError
from edge.joined import Model
from edge.slots import Slots, Version
from edge.takt import StationRules
from edge.trust import Trust, Vouched, read_raw, vouched

TRY_TIMEOUT_S = 180.0  # of each kind that is tried
SPARE_BYTES = 64 * 2**20  # beyond what the model itself takes
CAPTURES = "SELECT json_extract(stages_ms, '$.capture') AS ms FROM parts ORDER BY sequence DESC LIMIT 1000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What the model did in its own process. p99_ms: of whole inspections, against budget_ms.

    together_ms: likewise, of a part that every program's model looks at; None on a station with one kind of parts.
    """

    p99_ms: float
    budget_ms: float
    together_ms: float | None = None


TryOut = Callable[[Path], Tried]
"""Runs a model once in a process of its own. Raises BundleError if it is not fit for this station."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A model that may be released. kinds: the names of several, in the order of their numbers; none for one."""

    version: Version
    signer: str
    tried: Tried
    kinds: tuple[str, ...] = ()


def receive(
    path: Path, *, slots: Slots, trust: Trust, product: str | None, may_be_older: bool, try_out: TryOut
) -> Received:
    """Check, try and keep the model in a file; it is the candidate then.

    product: None for the one of the current model. Raises BundleError with the reason, and nothing has changed then.
    """
    with slots.locked("receive.lock"):
        raw = read_raw(path)
        found = vouched(raw, trust)
        version = version_of(found.model)
        check_fits(version, slots, product=product, may_be_older=may_be_older)
        _check_room(slots.folder, len(raw))
        staged = slots.stage(f"{version.serial}-{version.sha256}", raw)
        try:
            tried = try_out(staged)
            slots.keep(version, raw)
            slots.change(lambda book: book.offered(version, wall_ns=time.time_ns()))
        finally:
            staged.unlink(missing_ok=True)
    return Received(version=version, signer=found.signer, tried=tried, kinds=found.model.names)


def version_of(model: Model) -> Version:
    """What the slots say of a model."""
    return Version(product=model.product, serial=model.serial, sha256=model.sha256)


def check_fits(version: Version, slots: Slots, *, product: str | None, may_be_older: bool) -> None:
    """Raises BundleError for a model of another product, or whose serial would lead back."""
    book = slots.book
    wanted = product or (book.current.product if book.current else version.product)
    if version.product != wanted:
        raise BundleError(f"this is a model for '{version.product}', and this station inspects '{wanted}'")
    known = slots.serials()
    if version.sha256 in known:
        return  # it is here, signed anew perhaps
    if version.serial in known.values():
        raise BundleError(
            f"serial {version.serial} is here already with other content: give the new model a higher one "
            "(`training sign --serial`)"
        )
    if version.serial <= book.floor and not may_be_older:
        raise BundleError(
            f"serial {version.serial} is not above {book.floor}, which this station has run: an older model comes back "
            "only if an engineer says so on the station (`edge model install --older`)"
        )


def check_order(model: Model, current: Model) -> None:
    """Raises BundleError where a program number of the current model would mean another kind: nobody would notice."""
    for number, (old, new) in enumerate(zip(current.names, model.names, strict=False), start=1):
        if old != new:
            raise BundleError(
                f"program {number} is '{old}' on this station and would be '{new}': join the kinds in the same order, "
                "new ones last"
            )


def try_in_child(staged: Path, *, trust: Trust, budget_ms: float, kinds: int = 1, beside: Sequence[Path] = ()) -> Tried:
    """Have a process of its own read, arm and time the model. Raises BundleError if it fails, hangs or dies of it.

    kinds: how many look at a part. beside: the models of the other programs, which look at each part as well while no
    program is chosen; their kinds count as well.
    """
    command = python("edge.commands.try_out", str(staged), str(trust.keys), f"{budget_ms:.3f}")
    command += ["--accept-unsigned"] if trust.accepts_unsigned else []
    command += ["--beside", *map(str, beside)] if beside else []
    command += ["--kinds", str(kinds)]
    timeout_s = TRY_TIMEOUT_S * kinds
    try:
        done = run_to_end(command, timeout_s=timeout_s)
    except subprocess.TimeoutExpired as error:
        raise BundleError(
            f"self-test: the model did not come to an end within {timeout_s:.0f} s: the station may be busy with other "
            "work, so try again when it is calm; if it is so again, the model hangs or is far too slow for this device"
        ) from error
    except OSError as error:
        raise BundleError(f"self-test: it could not be started: {error.strerror}") from error
    if why := trouble_of(done):
        if done.returncode == -signal.SIGXCPU:
            why = "the model took all the processor time that a self-test may take: it hangs or is far too slow"
        raise BundleError(why if why.startswith("self-test") else f"self-test: {why}")
    told = json.loads(done.stdout.strip().splitlines()[-1])
    return Tried(p99_ms=told["p99_ms"], together_ms=told["together_ms"], budget_ms=budget_ms)


def budget_of(data: Path, rules: StationRules) -> float:
    """Milliseconds that an inspection may take here: what the camera leaves of the deadline, as it was lately (p99)."""
    try:
        with reading(data) as connection:
            captures = sorted(float(row["ms"]) for row in connection.execute(CAPTURES) if row["ms"] is not None)
    except (RecordError, sqlite3.Error):
        captures = []
    usual_ms = captures[int(0.99 * (len(captures) - 1))] if captures else 0.0
    return rules.judge_by_ms - usual_ms


def installed(slots: Slots, trust: Trust) -> Vouched:
    """The current model, looked at as if it had just come. Raises BundleError if there is none, or it is not whole."""
    return read_version(slots, trust, slots.book.running())


def read_version(slots: Slots, trust: Trust, version: Version) -> Vouched:
    """One of the models here. Raises BundleError if it is not, or not whole, or not what its name says."""
    path = slots.path_of(version)
    try:
        found = vouched(read_raw(path), trust)
    except BundleError as error:
        raise BundleError(f"{version}: {error}") from error
    if version_of(found.model) != version:
        raise BundleError(f"{path}: this is not {version}")
    return found


def _check_room(folder: Path, size: int) -> None:
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    free = shutil.disk_usage(existing).free
    if free < 2 * size + SPARE_BYTES:
        raise BundleError(
            f"the disk has only {free / 1e6:.0f} MB free, and the model needs more; make room and try again"
        )
