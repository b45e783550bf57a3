"""`edge model`: the models of a station: what is here, what comes in, which one judges."""

import argparse
import json
from datetime import datetime
from pathlib import Path

from edge.beside import shadow_file
from edge.commands import receiving
from edge.commands.managing import CORE_S, check_manageable, install, switch
from edge.config import StationConfig, load_config
from edge.control import ask
from edge.errors import DeviceUnavailable
from edge.model_switch import ModelWish
from edge.program_slots import slots_of
from edge.receive import Received
from edge.slots import Slots


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `edge model` takes."""
    parser.add_argument("--config", type=Path, required=True, metavar="STATION.YAML")
    parser.add_argument("--json", action="store_true", help="the answer as JSON")
    parser.add_argument(
        "--program", type=int, default=0, metavar="N", help="whose models, on a station with several kinds of parts"
    )
    kinds = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    kinds.add_parser("list", help="the models on this station")
    kinds.add_parser("show", help="which is current, which waits, and what became of them")
    install = kinds.add_parser("install", help="check and try a model, and keep it as the candidate")
    install.add_argument("file", type=Path, metavar="FILE")
    activate = kinds.add_parser("activate", help="have a model judge from the next part on")
    activate.add_argument("serial", type=int, metavar="SERIAL")
    for parser_of_one in (install, activate):
        parser_of_one.add_argument(
            "--older", action="store_true", help="also below the highest serial that ran here; the audit log says so"
        )
    activate.add_argument(
        "--fewer-ng", action="store_true", help="it is meant to reject fewer parts: no reason for probation to return"
    )
    kinds.add_parser("rollback", help="back to the model before")
    shadow = kinds.add_parser("shadow", help="have the candidate judge beside the current model, deciding nothing")
    shadow.add_argument("is_on", choices=("on", "off"))
    receiving.add_arguments(kinds.add_parser("receive", help="the station's end of `training push`"))


def run(options: argparse.Namespace) -> int:
    """Do it; 1 if it failed."""
    config = load_config(options.config)
    is_routed = options.what in ("install", "receive")  # by the model's own product
    slots = Slots(Path(config.data)) if is_routed else slots_of(config, options.program)
    if options.what not in ("list", "show"):
        check_manageable(config)
    match options.what:
        case "list":
            answer, lines = _listed(slots)
        case "show":
            answer, lines = _shown(config, slots, program=options.program)
        case "install":
            answer, lines = _installed(install(config, options.file, may_be_older=options.older))
        case "receive":
            answer, lines = _installed(receiving.from_standard_input(config, options))
        case "activate":
            wish = ModelWish(
                do="activate",
                serial=options.serial,
                may_be_older=options.older,
                may_pass_more=options.fewer_ng,
                program=options.program,
            )
            answer, lines = _switched(config, wish)
        case "shadow":
            answer, lines = _shadowed(config, slots, is_on=options.is_on == "on", program=options.program)
        case _:
            answer, lines = _switched(config, ModelWish(do="rollback", program=options.program))
    print(json.dumps(answer, ensure_ascii=False) if options.json else "\n".join(lines))
    return 0


Told = tuple[dict[str, object], list[str]]
"""What to print: as JSON, and as lines for people."""


def _listed(slots: Slots) -> Told:
    book = slots.book
    rows = []
    for sha256, serial in sorted(slots.serials().items(), key=lambda item: item[1]):
        rows.append({"serial": serial, "sha256": sha256, "slot": book.slot_of(sha256)})
    lines = [f"{row['serial']:>8}  {str(row['sha256'])[:12]}  {row['slot']}" for row in rows]
    return {"models": rows}, lines or ["no model is installed yet"]


def _shown(config: StationConfig, slots: Slots, *, program: int) -> Told:
    book = slots.book
    lines = [f"{name + ':':11}{version or 'none'}" for name, version in book.by_slot().items()]
    if book.probation:
        lines.append(
            f"probation: {_trial_words(config, program) or f'{book.probation.parts} parts, when the core runs'}"
        )
    for event in book.events[-10:]:
        when = datetime.fromtimestamp(event.wall_ns / 1e9).isoformat(sep=" ", timespec="seconds")
        lines.append(f"{when}  serial {event.serial} {event.what}{f': {event.why}' if event.why else ''}")
    return book.model_dump(), lines


def _trial_words(config: StationConfig, program: int) -> str:
    """How the current model does, of the running core; "" if there is none."""
    try:
        answer = ask(config.control_path, "model", timeout_s=CORE_S, arguments={"do": "status", "program": program})
    except DeviceUnavailable:
        return ""
    found = answer.get("probation")
    if not isinstance(found, dict):
        return ""
    return (
        f"{found['parts']} of {found['wanted']} parts: {found['ng']} NG, {found['faults']} FAULT, {found['late']} too "
        f"late; of {found['compared']} that the model before judged too, it alone rejects {found['only_new_ng']}, "
        f"that one alone {found['only_old_ng']}"
    )


def _installed(found: Received) -> Told:
    tried, version = found.tried, found.version
    signer = f"signed by {found.signer}" if found.signer else "NOT SIGNED"
    lines = [
        f"{version}: {signer}",
        f"golden results found again; {tried.p99_ms:.0f} ms a part (p99), the takt leaves {tried.budget_ms:.0f} ms",
        f"it waits as the candidate: edge model activate {version.serial}",
    ]
    if found.kinds:
        lines.insert(1, "kinds: " + ", ".join(f"{number} {name}" for number, name in enumerate(found.kinds, start=1)))
    if tried.together_ms is not None:
        lines.insert(-1, f"with the models of the other programs: {tried.together_ms:.0f} ms a part (p99)")
    times = {"p99_ms": tried.p99_ms, "together_ms": tried.together_ms, "budget_ms": tried.budget_ms}
    told = {**version.model_dump(), "signer": found.signer, "kinds": found.kinds, **times}
    return told, lines


def _switched(config: StationConfig, wish: ModelWish) -> Told:
    version = switch(config, wish)
    return version.model_dump(), [f"{version} judges from the next part on"]


def _shadowed(config: StationConfig, slots: Slots, *, is_on: bool, program: int) -> Told:
    version = switch(config, ModelWish(do="shadow" if is_on else "shadow_off", program=program))
    where = shadow_file(slots, version)
    words = f"{version} judges beside the current model; where they differ is in {where}, and on the page"
    return version.model_dump(), [words if is_on else f"{version} no longer judges beside; see {where}"]
