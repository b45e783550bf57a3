"""Puts a station together from its configuration. With the drivers themselves, only the command line knows drivers."""

import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import cast

from edge.armed import Armed
from edge.commands.programs import keepers_of, load_programs, model_commands
from edge.config import INSTALLED, StationConfig
from edge.control import Answer, Control, PlainCommands
from edge.daemon import Daemon
from edge.drivers import open_camera, open_outputs, open_program_lines, open_trigger
from edge.drivers.clock import SystemClock
from edge.errors import BundleError
from edge.heartbeat import Heartbeat
from edge.interfaces import Camera, Clock, Outputs
from edge.model_start import ended_in_order
from edge.notify import Notifier
from edge.program_slots import slots_of
from edge.programs import ProgramSwitch
from edge.record import Record
from edge.recorder import Recorder
from edge.remote import Fires, commands_of
from edge.set_up import Bench, Switches
from edge.shift_check import Gate, rounds_before
from edge.station import Station
from edge.takt import StationRules
from edge.watchers import watchers_of

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Appliance:
    """A station, put together and not yet running."""

    daemon: Daemon
    station: Station
    camera: Camera
    outputs: Outputs
    recorder: Recorder


@contextmanager
def assemble(
    config: StationConfig,
    *,
    on_record: Callable[[Record], None] | None = None,
    ends_when_halted: bool = False,
    notifier: Notifier | None = None,
) -> Iterator[Appliance]:
    """A whole station; everything is closed at the end, the outputs first.

    Raises DeviceError, PictureError or RecordError if a part of it cannot be opened. A model that is not valid is no
    error: the station stays up without READY and says why.
    """
    clock, folder = SystemClock(), Path(config.data)
    programs = load_programs(config)
    keepers = keepers_of(config, programs)
    armed = programs.current
    with ExitStack() as stack:
        for keeper in keepers.values():
            stack.callback(keeper.close)
            on_record = keeper.before(on_record)
        recorder = stack.enter_context(
            Recorder(
                folder,
                clock=clock,
                pictures=config.records.pictures,
                most_unwritten_parts=config.records.most_unwritten_parts,
            )
        )
        camera = stack.enter_context(open_camera(config, clock))
        outputs = stack.enter_context(open_outputs(config, clock))
        trigger = stack.enter_context(open_trigger(config, clock, camera=camera, outputs=outputs))
        watchers = stack.enter_context(watchers_of(folder, config.watch))
        station = Station(
            trigger=trigger,
            camera=camera,
            inspector=None if armed.why_not else armed.inspector,
            outputs=outputs,
            sink=recorder,
            clock=clock,
            rules=rules_of(config),
            model=armed.model,
            first_sequence=recorder.next_sequence,
            unarmed_because=armed.why_not,
            watchers=watchers,
            gate=_gate(config, recorder, clock),
            choose=(lambda: chooser.at_trigger()) if config.program_lines else None,
        )
        stack.callback(station.close)
        heartbeat = Heartbeat(
            folder,
            station=config.station,
            deadline_ms=config.deadline_ms,
            model=armed.model,
            programs=programs.chosen,
        )
        stack.callback(heartbeat.close)
        daemon = Daemon(
            station=station,
            heartbeat=heartbeat,
            notifier=notifier,
            on_record=on_record,
            ends_when_halted=ends_when_halted,
        )
        bench = Bench(
            daemon,
            station,
            outputs=cast(Switches, outputs),
            wires=config.outputs.testable,
            data=folder,
            armed=armed,
        )
        fires = cast(Fires, trigger) if config.trigger.driver == "software" else None
        commands = commands_of(
            daemon,
            station,
            trigger=fires,
            deadline_ms=config.deadline_ms,
            is_teaching=lambda: bench.is_teaching,
        )

        def use(armed: Armed) -> None:
            bench.use(armed)
            heartbeat.use(armed.model, programs=programs.chosen)

        lines = stack.enter_context(open_program_lines(config.program_lines)) if config.program_lines else None
        chooser = ProgramSwitch(daemon, programs, use=use, data=folder, read_lines=lines.read if lines else None)
        models = model_commands(config, keepers, daemon, programs, use) if config.bundle == INSTALLED else {}
        commands = _with_clock(commands, recorder)
        rest = {**bench.commands(), **models, **chooser.commands()}
        stack.enter_context(Control(config.control_path, {**commands, **rest}))
        yield Appliance(daemon=daemon, station=station, camera=camera, outputs=outputs, recorder=recorder)
    if config.bundle == INSTALLED:
        for number in keepers:
            with suppress(BundleError):  # then this start counts, and one too many only costs a new model its place
                ended_in_order(slots_of(config, number))


def _gate(config: StationConfig, recorder: Recorder, clock: Clock) -> Gate | None:
    """Of the shift check, where one is wanted."""
    if config.shift_check is None:
        return None
    return Gate(config.shift_check, clock=clock, journal=recorder.note, passed=rounds_before(Path(config.data)))


def _with_clock(commands: PlainCommands, recorder: Recorder) -> PlainCommands:
    """Whoever resets has looked at the clock as well."""

    def reset() -> Answer:
        recorder.accept_clock()
        return commands["reset"]()

    return {**commands, "reset": reset}


@contextmanager
def ended_by_signals(stop: Callable[[int, FrameType | None], object]) -> Iterator[None]:
    """SIGTERM, SIGHUP and Ctrl-C call `stop` within this block, and what they called before after it."""
    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def rules_of(config: StationConfig) -> StationRules:
    """What the station needs to know of its configuration."""
    return StationRules(
        deadline_ms=config.deadline_ms,
        faults_until_halt=config.faults_until_halt,
        hang_deadlines=config.hang_deadlines,
        may_repeat=config.camera.may_repeat,
    )
