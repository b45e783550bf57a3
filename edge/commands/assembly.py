"""Puts a station together from its configuration. With the drivers themselves, only the command line knows drivers."""

import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import cast

from edge.bundle import Bundle
from edge.config import DEMO_BUNDLE, StationConfig
from edge.control import Answer, Control, PlainCommands
from edge.daemon import Daemon
from edge.drivers import open_camera, open_embedder, open_outputs, open_trigger
from edge.drivers.clock import SystemClock
from edge.errors import BundleError, EdgeError, ModelError
from edge.heartbeat import Heartbeat
from edge.inspection import Inspector
from edge.interfaces import Camera, Outputs
from edge.manifest import Manifest
from edge.model_store import arm, name_of, read_bundle
from edge.moved_limit import check_limit, read_limit
from edge.notify import Notifier
from edge.record import ModelName, Record
from edge.recorder import Recorder
from edge.remote import Fires, commands_of
from edge.set_up import Bench, Switches
from edge.station import Station
from edge.takt import StationRules
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Armed:
    """An inspector with its model's name. why_not: why it may not judge, or why there is none."""

    inspector: Inspector | None = None
    model: ModelName | None = None
    manifest: Manifest | None = None
    why_not: str = ""


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
    with ExitStack() as stack:
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
        )
        stack.callback(station.close)
        heartbeat = Heartbeat(folder, station=config.station, deadline_ms=config.deadline_ms, model=armed.model)
        stack.callback(heartbeat.close)
        daemon = Daemon(
            station=station,
            heartbeat=heartbeat,
            notifier=notifier,
            on_record=on_record,
            ends_when_halted=ends_when_halted,
        )
        fires = cast(Fires, trigger) if config.trigger.driver == "software" else None
        commands = commands_of(daemon, station, trigger=fires, deadline_ms=config.deadline_ms)
        bench = Bench(
            daemon,
            station,
            outputs=cast(Switches, outputs),
            wires=config.outputs.testable,
            data=folder,
            manifest=armed.manifest,
            model_sha256=armed.model.sha256 if armed.model else "",
            inspector=armed.inspector,
            unarmed_because=armed.why_not,
        )
        stack.enter_context(Control(config.control_path, {**_with_clock(commands, recorder), **bench.commands()}))
        yield Appliance(daemon=daemon, station=station, camera=camera, outputs=outputs, recorder=recorder)


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
    """The configured model, armed, or why it cannot be."""
    try:
        bundle, inspector = load_inspector(bundle_path(config.bundle))
    except (BundleError, ModelError) as error:
        log.error("there is no valid model: %s", error)  # noqa: TRY400 - one plain line
        return Armed(why_not=f"there is no valid model: {error}")
    why_not, limit = "", bundle.manifest.limit
    try:  # after the self-test, which is of the model as it was taught
        moved = read_limit(Path(config.data), model_sha256=bundle.sha256)
        if moved is not None:
            check_limit(moved, calibrated=limit.calibrated)
            inspector.limit = moved
    except EdgeError as error:
        why_not = f"nobody knows which limit is meant: {error}"
    return Armed(inspector=inspector, model=name_of(bundle), manifest=bundle.manifest, why_not=why_not)


def load_inspector(path: Path) -> tuple[Bundle, Inspector]:
    """A bundle's model that has proved itself here. Raises BundleError or ModelError."""
    bundle = read_bundle(path)
    return bundle, arm(bundle, open_embedder(bundle))


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
