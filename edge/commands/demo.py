"""`edge demo`: the whole appliance on this computer, over a rendered line whose truth is known."""

import argparse
import ctypes
import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import yaml

from edge.child_process import environment, python
from edge.commands.assembly import assemble, ended_by_signals
from edge.commands.loading import PACKAGE, demo_bundle_path, load_inspector
from edge.commands.tally import Tally
from edge.config import IntervalTrigger, StationConfig, load_config
from edge.drivers.line import LineCamera
from edge.errors import EdgeError
from edge.record import Record
from edge.state import Phase

PR_SET_PDEATHSIG = 1  # of <sys/prctl.h>


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `edge demo` takes."""
    parser.add_argument("--parts", type=int, metavar="N", help="end after N parts; without it Ctrl-C ends")
    parser.add_argument(
        "--no-web", action="store_true", help="without the page; with --parts the line runs as fast as it can"
    )
    parser.add_argument("--port", type=int, metavar="P", help="of the page")
    parser.add_argument("--data", type=Path, metavar="DIR", help="keep the records here; otherwise they are temporary")


def run(options: argparse.Namespace) -> int:
    """Run the line, print each verdict, and count against the truth."""
    logging.basicConfig(level=logging.ERROR, format="%(levelname)s %(message)s")
    if options.parts is not None and options.parts < 1:
        raise EdgeError(f"--parts {options.parts}: at least one part is needed")
    load_inspector(demo_bundle_path())  # says what is wrong now, instead of a line that is never READY
    tally = Tally()
    with ended_by_signals(signal.default_int_handler), ExitStack() as stack:
        config = _config(options, stack)
        if not options.no_web:
            stack.enter_context(_page(config))
        return _run_line(config, tally)


def _run_line(config: StationConfig, tally: Tally) -> int:
    def on_record(record: Record) -> None:
        truth = camera.truth.pop(record.source, None) if isinstance(camera, LineCamera) else None
        print(tally.count(record, truth), flush=True)

    with assemble(config, on_record=on_record, ends_when_halted=True) as appliance:
        camera = appliance.camera
        for notice in appliance.recorder.notices:
            print(f"note: {notice}")
        with ended_by_signals(appliance.daemon.stop):
            appliance.daemon.run()
        state = appliance.station.state
    print(tally.summary())
    if state.phase is Phase.HALTED or getattr(config.trigger, "parts", None) not in (None, tally.parts):
        print(f"edge demo: the station stopped: {state.why}", file=sys.stderr)
        return 1
    return 0


def _config(options: argparse.Namespace, stack: ExitStack) -> StationConfig:
    """The shipped example, with what the command line says, written to the data folder for the page."""
    shipped = load_config(PACKAGE / "station.yaml")
    data = options.data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kensa-demo-")))
    is_fast = options.no_web and options.parts is not None
    trigger = IntervalTrigger(driver="interval", parts=options.parts)  # the pace of the example
    if is_fast:
        trigger = trigger.model_copy(update={"interval_ms": 0.0})
    web = shipped.web.model_copy(update={"port": options.port} if options.port else {})
    watch = shipped.watch.model_copy(update={"least_free_mb": 0.0})  # a small disk is no reason to show nothing
    changes = {"data": str(data.resolve()), "trigger": trigger, "watch": watch, "web": web}
    config = shipped.model_copy(update=changes)
    try:
        data.mkdir(parents=True, exist_ok=True)
        (data / "station.yaml").write_text(yaml.safe_dump(config.model_dump(mode="json", exclude_none=True)))
    except OSError as error:
        raise EdgeError(f"{data}: cannot be written: {error.strerror}") from error
    pace = "as fast as it can" if is_fast else f"{1000 / trigger.interval_ms:g} parts a second"
    print(f"rendered line, {pace}; records in {data}{'' if options.data else ', removed at the end'}")
    return config


@contextmanager
def _page(config: StationConfig) -> Iterator[None]:
    """The operator page in a process of its own, as on the device."""
    _check_port(config.web.host, config.web.port)
    command = python("edge", "web", "--config", str(Path(config.data) / "station.yaml"))
    page = subprocess.Popen(command, env=environment(), start_new_session=True, preexec_fn=_end_with_parent())
    print(f"the page: http://{config.web.host}:{config.web.port}/   (Ctrl-C ends)", flush=True)
    try:
        yield
    finally:
        page.terminate()
        try:
            page.wait(timeout=5)
        except subprocess.TimeoutExpired:
            page.kill()
            page.wait()


def _end_with_parent() -> Callable[[], None]:
    """What a child does first so that the kernel ends it with its parent, even one that is killed (Linux)."""
    if not sys.platform.startswith("linux"):
        return lambda: None
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def before_exec() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:  # it went in between
            os._exit(1)

    return before_exec


def _check_port(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            raise EdgeError(f"port {port} of {host} cannot be used ({error}): choose another with --port") from error
