"""What `edge model` and the page do to a station's models; the audit log has it first."""

import getpass
import os
import time
from contextlib import suppress
from pathlib import Path

from edge.commands.assembly import rules_of
from edge.commands.loading import arm_version, find_version, trust_of
from edge.config import INSTALLED, StationConfig
from edge.control import ask
from edge.data_folder import is_held
from edge.errors import BundleError, EdgeError
from edge.joined import Model
from edge.model_switch import ModelWish, step_for
from edge.page_store import PageStore
from edge.program_slots import program_of, slots_of
from edge.receive import Received, budget_of, check_order, installed, read_version, receive, try_in_child
from edge.slots import Version
from edge.trust import read_raw, read_vouched, vouched

CORE_S = 30.0


def check_manageable(config: StationConfig) -> None:
    """Raises BundleError where models are not managed, or files would be left that the station cannot use."""
    if config.bundle != INSTALLED:
        raise BundleError(
            f"this station runs 'bundle: {config.bundle}'; write 'bundle: {INSTALLED}' to manage its models"
        )
    data = Path(config.data)
    owner = data.stat().st_uid if data.exists() else os.geteuid()
    if owner != os.geteuid():
        raise BundleError(f"{data} belongs to another user; do this as that one, such as: sudo -u kensa edge model …")


def install(config: StationConfig, path: Path, *, may_be_older: bool = False, who: str = "") -> Received:
    """Check, try and keep a model; the audit log says who did it. Raises EdgeError, and nothing has changed then.

    Where several kinds of parts are inspected, the model's product says for which of them it is.
    """
    data, trust = Path(config.data), trust_of(config)
    budget_ms = budget_of(data, rules_of(config))
    model = vouched(read_raw(path), trust).model
    program = program_of(config, model.product)
    if not config.programs:
        _check_order(config, model)
    beside = _beside(config, program)
    kinds = len(model.kinds) + sum(beside.values())
    found = receive(
        path,
        slots=slots_of(config, program),
        trust=trust,
        product=config.programs.get(program, config.models.product),
        may_be_older=may_be_older,
        try_out=lambda staged: try_in_child(
            staged, trust=trust, budget_ms=budget_ms, kinds=kinds, beside=tuple(beside)
        ),
    )
    older = ", older ones allowed" if may_be_older else ""
    log(config, who, f"model installed{older}", new=f"{found.version}, signed by {found.signer or 'nobody'}")
    return found


def switch(config: StationConfig, wish: ModelWish, *, who: str = "") -> Version:
    """Have another model judge: the running core's next part, or the first one of the next start. Raises EdgeError."""
    data = Path(config.data)
    slots = slots_of(config, wish.program)
    older = ", older ones allowed" if wish.may_be_older else ""
    older += ", fewer NG expected" if wish.may_pass_more else ""
    what = f"model {wish.do}{f' of program {wish.program}' if wish.program else ''}{older}"
    log(
        config, who, what, old=str(slots.book.current or ""), new="" if wish.serial is None else f"serial {wish.serial}"
    )
    try:
        if wish.do == "activate" and wish.serial is not None and not config.programs:
            wanted = read_version(slots, trust_of(config), find_version(config, wish.serial))
            _check_order(config, wanted.model)
        if is_held(data):
            return _by_core(config, wish)
        if wish.do not in ("activate", "rollback"):
            raise BundleError("the core does not run; only beside a running one can another model judge")
        step = step_for(
            wish,
            slots,
            lambda serial: find_version(config, serial, program=wish.program),
            probation_parts=config.models.probation_parts,
        )
        version = step(slots.book).current
        assert version is not None
        arm_version(config, version, program=wish.program)
        slots.change(step)
    except EdgeError:
        log(config, who, f"{what}: not done")
        raise
    return version


def _check_order(config: StationConfig, model: Model) -> None:
    """Raises BundleError if program numbers would mean other kinds than now."""
    try:
        current = installed(slots_of(config), trust_of(config)).model
    except BundleError:  # where nothing runs, or nothing that can be read, no number means anything
        return
    check_order(model, current)


def _beside(config: StationConfig, program: int) -> dict[Path, int]:
    """The models of the other programs, each with the number of its kinds: of each program the one that waits, or the
    current one; none where nobody knows, or where it cannot be read."""
    found = {}
    for number in sorted(set(config.programs) - {program}):
        slots = slots_of(config, number)
        with suppress(BundleError):
            if version := slots.book.candidate or slots.book.current:
                path = slots.path_of(version)
                found[path] = len(read_vouched(path, trust_of(config)).model.kinds)
    return found


def log(config: StationConfig, who: str, what: str, *, old: str = "", new: str = "") -> None:
    """Write into the audit log what a person does to the models."""
    name = who or f"{os.environ.get('SUDO_USER') or getpass.getuser()} (command line)"
    with PageStore(Path(config.data)) as store:
        store.log(wall_ns=time.time_ns(), who=name, what=what, old=old, new=new)


def _by_core(config: StationConfig, wish: ModelWish) -> Version:
    answer = ask(config.control_path, "model", timeout_s=CORE_S, arguments=wish.model_dump(exclude_none=True))
    if not answer.pop("is_done", False):
        raise BundleError(str(answer.get("why", "it was not done")))
    return Version.model_validate(answer)
