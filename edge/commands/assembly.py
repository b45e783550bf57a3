"""Puts a station together from its configuration. With the drivers themselves, only the command line knows drivers."""

import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import cast

from edge.armed import Armed, with_limit
from edge.bundle import Bundle
from edge.config import DEMO_BUNDLE, INSTALLED, StationConfig
from edge.control import Answer, Control, PlainCommands, SetUpCommands
from edge.daemon import Daemon
from edge.drivers import open_camera, open_embedder, open_outputs, open_trigger
from edge.drivers.clock import SystemClock
from edge.errors import BundleError, ModelError
from edge.heartbeat import Heartbeat
from edge.inspection import Inspector
from edge.interfaces import Camera, Clock, Outputs
from edge.model_start import begin, ended_in_order
from edge.model_store import arm, read_bundle
from edge.model_switch import ModelSwitch
from edge.model_trial import TrialKeeper
from edge.notify import Notifier
from edge.receive import installed, read_version, version_of
from edge.record import Record
from edge.recorder import Recorder
from edge.remote import Fires, commands_of
from edge.set_up import Bench, Switches
from edge.shift_check import Gate, rounds_before
from edge.slots import Slots, Version
from edge.station import Station
from edge.takt import StationRules
from edge.trust import Trust, Vouched, read_vouched
from edge.watchers import watchers_of

log = logging.getLogger(__name__)

PACKAGE = Path(__file__).parents[1]


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
    armed = load_model(config)
    slots = Slots(folder)
    trials = TrialKeeper(slots, folder, arm=lambda version: arm_version(config, version))
    with ExitStack() as stack:
        stack.callback(trials.close)
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
        )
        stack.callback(station.close)
        heartbeat = Heartbeat(folder, station=config.station, deadline_ms=config.deadline_ms, model=armed.model)
        stack.callback(heartbeat.close)
        daemon = Daemon(
            station=station,
            heartbeat=heartbeat,
            notifier=notifier,
            on_record=trials.before(on_record),
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
        models = _models(config, slots, trials, daemon, bench, heartbeat) if config.bundle == INSTALLED else {}
        commands = _with_clock(commands, recorder)
        stack.enter_context(Control(config.control_path, {**commands, **bench.commands(), **models}))
        yield Appliance(daemon=daemon, station=station, camera=camera, outputs=outputs, recorder=recorder)
    if config.bundle == INSTALLED:
        with suppress(BundleError):  # then this start counts, and one too many only costs a new model its place
            ended_in_order(slots)


def _models(
    config: StationConfig, slots: Slots, trials: TrialKeeper, daemon: Daemon, bench: Bench, heartbeat: Heartbeat
) -> SetUpCommands:
    """What changes the model while the station runs; a probation that a restart has interrupted begins anew."""

    def use(armed: Armed) -> None:
        bench.use(armed)
        heartbeat.use(armed.model)

    switch = ModelSwitch(
        daemon,
        slots,
        find=lambda serial: find_version(config, serial),
        arm=lambda version: arm_version(config, version),
        use=use,
        trials=trials,
        probation_parts=config.models.probation_parts,
    )
    with suppress(BundleError):  # unreadable slots: the station is not READY and says so
        trials.begin(switch.change)
    return switch.commands()


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


def load_model(config: StationConfig) -> Armed:
    """The model to start with, armed, or why it cannot be."""
    try:
        if config.bundle == INSTALLED:
            return begin(Slots(Path(config.data)), lambda version: arm_version(config, version))
        return _armed(config, station_model(config))
    except (BundleError, ModelError) as error:
        log.error("there is no valid model: %s", error)  # noqa: TRY400 - one plain line
        return Armed(why_not=f"there is no valid model: {error}")


def arm_version(config: StationConfig, version: Version) -> Armed:
    """One of the installed models, looked at as if it had just come, and armed. Raises BundleError or ModelError."""
    return _armed(config, read_version(Slots(Path(config.data)), trust_of(config), version))


def find_version(config: StationConfig, serial: int) -> Version:
    """The installed model of a serial. Raises BundleError if there is none."""
    slots = Slots(Path(config.data))
    version = slots.of_serial(serial)
    if version is None:
        there = ", ".join(str(kept) for kept in sorted(slots.serials().values())) or "none"
        raise BundleError(f"there is no model with serial {serial} on this station; there are: {there}")
    return version_of(read_vouched(slots.path_of(version), trust_of(config)).bundle)


def _armed(config: StationConfig, found: Vouched) -> Armed:
    inspector = arm(found.bundle, open_embedder(found.bundle))
    return with_limit(found.bundle, inspector, data=Path(config.data))


def load_inspector(path: Path) -> tuple[Bundle, Inspector]:
    """A bundle's model that has proved itself here. Raises BundleError or ModelError."""
    bundle = read_bundle(path)
    return bundle, arm(bundle, open_embedder(bundle))


def station_model(config: StationConfig) -> Vouched:
    """The model that a station is configured with, and who vouches for it. Raises BundleError.

    The one that ships came with the program itself, and is trusted as the program is.
    """
    if config.bundle == DEMO_BUNDLE:
        return Vouched(bundle=read_bundle(demo_bundle_path()), signer="")
    if config.bundle == INSTALLED:
        return installed(Slots(Path(config.data)), trust_of(config))
    return read_vouched(Path(config.bundle), trust_of(config))


def trust_of(config: StationConfig) -> Trust:
    """Whose models a station accepts."""
    return Trust(keys=Path(config.models.keys), accepts_unsigned=config.models.unsigned == "accept")


def rules_of(config: StationConfig) -> StationRules:
    """What the station needs to know of its configuration."""
    return StationRules(
        deadline_ms=config.deadline_ms,
        faults_until_halt=config.faults_until_halt,
        hang_deadlines=config.hang_deadlines,
        may_repeat=config.camera.may_repeat,
    )


def bundle_path(text: str) -> Path:
    """Where a bundle lies; the word "demo" stands for the one that ships."""
    return demo_bundle_path() if text == DEMO_BUNDLE else Path(text)


def demo_bundle_path() -> Path:
    """The shipped model: inside the package when installed, in models/ in a checkout. Raises BundleError else."""
    places = (PACKAGE / "demo" / "bundle", PACKAGE.parent / "models" / "demo" / "bundle")
    for place in places:
        if place.is_file():
            return place
    raise BundleError(f"the demo model is not there, neither {places[0]} nor {places[1]}")
