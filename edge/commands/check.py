"""`edge check`: looks at every part of a station, one line each, and changes nothing that matters.

While the core runs it holds camera, trigger and wires; then these are not touched, and what it says of itself stands
in their place.
"""

import argparse
import shutil
import ssl
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import edge
from edge.cameras import CameraEventTrigger
from edge.commands.loading import station_model
from edge.config import DEMO_BUNDLE, IntervalTrigger, StationConfig, load_config
from edge.data_folder import is_held
from edge.database import check_database
from edge.drivers import open_camera, open_embedder, open_outputs, open_trigger
from edge.drivers.clock import SystemClock
from edge.errors import ConfigError, DeviceFault, EdgeError, RecordError
from edge.heartbeat import read_beat
from edge.machine import check_clock, check_power, check_wires_fall
from edge.model_store import arm_kinds
from edge.state import Phase
from edge.trust import read_keys
from edge.verdict import Outcome
from edge.wiring import GpioTrigger

SILENT_MS = 3000.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `edge check` takes."""
    parser.add_argument("--config", type=Path, required=True, metavar="STATION.YAML")


def run(options: argparse.Namespace) -> int:
    """Print one line for each part; 0 only if all is well."""
    try:
        config = load_config(options.config)
    except EdgeError as error:
        _report("config", is_well=False, words=str(error))
        return 1
    _report("config", is_well=True, words=f"station {config.station}, {options.config}")
    devices: dict[str, Callable[[StationConfig], str]] = {"camera": _camera, "trigger": _trigger, "outputs": _outputs}
    checks: dict[str, Callable[[StationConfig], str]] = {
        "keys": _keys,
        "bundle": _bundle,
        **({"core": _core} if is_held(Path(config.data)) else devices),
        "page": _page,
        "wires": _wires,
        "power": lambda _: check_power(),
        "clock": lambda _: check_clock(Path(edge.__file__).stat().st_mtime),
        "data": _data_folder,
        "database": _database,
    }
    results = [_passes(name, check, config) for name, check in checks.items()]  # all of them, whatever the first says
    return 0 if all(results) else 1


def _passes(name: str, check: Callable[[StationConfig], str], config: StationConfig) -> bool:
    try:
        words = check(config)
    except EdgeError as error:
        _report(name, is_well=False, words=str(error))
        return False
    _report(name, is_well=True, words=words)
    return True


def _report(name: str, *, is_well: bool, words: str) -> None:
    print(f"{'ok  ' if is_well else 'FAIL'} {name:9} {words}")


def _keys(config: StationConfig) -> str:
    """Whose models are accepted; a station that accepts anybody's says so in a way that nobody overlooks."""
    keys = read_keys(Path(config.models.keys))
    if config.models.unsigned == "accept":
        return "!!! UNSIGNED MODELS ARE ACCEPTED, whoever made them (models: unsigned): not for production"
    revoked = f"; revoked: {', '.join(sorted(keys.revoked))}" if keys.revoked else ""
    return f"models are accepted from: {', '.join(sorted(keys.trusted)) or 'nobody'}{revoked}"


def _bundle(config: StationConfig) -> str:
    if not config.programs:
        return _model(config)
    return "; ".join(f"program {number}: {_model(config, number)}" for number in sorted(config.programs))


def _model(config: StationConfig, program: int = 0) -> str:
    found = station_model(config, program)
    model = found.model
    arm_kinds(model, open_embedder)
    signer = f"signed by {found.signer}" if found.signer else "!!! NOT SIGNED"
    vouches = "came with the program" if config.bundle == DEMO_BUNDLE else signer
    golden = f"{sum(len(bundle.golden) for bundle in model.kinds)} golden pictures found again"
    kinds = f", kinds: {', '.join(model.names)}" if model.names else ""
    return f"{model.product}, serial {model.serial}, {model.sha256[:12]}{kinds}, {vouches}, {golden}"


def _camera(config: StationConfig) -> str:
    clock = SystemClock()
    with open_camera(config, clock) as camera:
        frame = camera.capture(not_before_ns=clock.monotonic_ns(), timeout_ms=max(config.deadline_ms, 2000))
    kind = "colour" if frame.is_colour else "grey"
    return f"{config.camera.driver}, {frame.width}x{frame.height} {kind}, {frame.source}"


def _trigger(config: StationConfig) -> str:
    clock = SystemClock()
    with (
        open_camera(config, clock) as camera,
        open_outputs(config, clock) as outputs,
        open_trigger(config, clock, camera=camera, outputs=outputs),
    ):
        return _trigger_words(config)


def _trigger_words(config: StationConfig) -> str:
    match config.trigger:
        case IntervalTrigger() as trigger:
            return f"interval, every {trigger.interval_ms:g} ms"
        case GpioTrigger() as trigger:
            return f"gpio, {trigger.line} of {trigger.chip}, {trigger.edge} edge"
        case CameraEventTrigger() as trigger:
            return f"camera_event, at rest for {trigger.rest_ms:g} ms; the region must be empty at the start"
    return f"{config.trigger.driver}, by command"


def _outputs(config: StationConfig) -> str:
    with open_outputs(config, SystemClock()) as outputs:
        outputs.set_busy(is_busy=True)
        outputs.apply(Outcome.FAULT)
        outputs.set_busy(is_busy=False)
    return f"{config.outputs.driver}, FAULT shown and switched off again"


def _core(config: StationConfig) -> str:
    """What a running core says of itself."""
    beat = read_beat(Path(config.data))
    stop = "to look at camera, trigger and wires themselves, stop it first (sudo systemctl stop kensa)"
    if beat is None or not beat.is_alive(now_ns=time.monotonic_ns(), stale_ms=SILENT_MS):
        raise DeviceFault(f"it holds the station, and its loop does not come round; {stop}")
    if beat.phase not in (Phase.READY, Phase.EXECUTING):
        raise DeviceFault(f"it runs and is not READY: {beat.why or beat.phase}; {stop}")
    return f"it runs and is {beat.phase}, part {beat.sequence}; {stop}"


def _page(config: StationConfig) -> str:
    """Whether its certificate can be used, and who could listen."""
    web = config.web
    if web.tls_certificate is None:
        is_local = web.host in ("localhost", "::1") or web.host.startswith("127.")
        return f"http, {web.host} port {web.port}{'' if is_local else ': passwords cross the network in the clear'}"
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(web.tls_certificate, web.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"{web.tls_certificate}, {web.tls_key}: no certificate with its key: {error}") from error
    return f"https, {web.host} port {web.port}"


def _wires(config: StationConfig) -> str:
    """Whether they fall with the core; nobody needs to know where they are only remembered."""
    return "simulated" if config.outputs.is_simulated else check_wires_fall()


def _data_folder(config: StationConfig) -> str:
    folder = Path(config.data)
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    try:
        with tempfile.NamedTemporaryFile(dir=existing) as file:
            file.write(bytes(4096))
            file.flush()
        free_mb = shutil.disk_usage(existing).free / 1e6
    except OSError as error:
        raise RecordError(f"{folder}: cannot be written: {error.strerror}") from error
    if free_mb < config.watch.least_free_mb:
        raise RecordError(f"{folder}: {free_mb:.0f} MB free, at least {config.watch.least_free_mb:g} are needed")
    return f"{folder}, {free_mb / 1000:.1f} GB free"


def _database(config: StationConfig) -> str:
    parts = check_database(Path(config.data))
    return f"sound, {parts} parts" if parts else "no parts yet"
