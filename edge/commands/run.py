"""`edge run`: the core daemon of one station."""

import argparse
import logging
import os
from pathlib import Path

from edge.commands.assembly import Appliance, assemble, ended_by_signals
from edge.config import StationConfig, load_config
from edge.errors import ConfigError, DeviceTimeout, EdgeError
from edge.logs import logging_to
from edge.memory_lock import stay_in_memory
from edge.notify import Notifier
from edge.priority import before_other_programs, go_first

FAILED = 1
STANDARD_ERROR = 2

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `edge run` takes."""
    parser.add_argument("--config", type=Path, required=True, metavar="STATION.YAML")


def run(options: argparse.Namespace) -> int:
    """Judge parts until a signal comes or the simulated line ends."""
    with before_other_programs() as may_go_before, logging_to(STANDARD_ERROR):
        if not may_go_before:
            log.warning("no real-time priority: on a busy machine verdicts may be late")
        if not stay_in_memory():
            log.warning("memory is not locked: when it is scarce verdicts may be late")
        config, notifier = load_config(options.config), Notifier()
        _check_watchdog(config, notifier)
        with assemble(config, notifier=notifier) as appliance, ended_by_signals(appliance.daemon.stop):
            go_first()
            try:
                appliance.daemon.run()
            except DeviceTimeout as error:
                _end_at_once(appliance, error)
    return 0


def _check_watchdog(config: StationConfig, notifier: Notifier) -> None:
    """A part may take its whole deadline, and systemd must not take that for a hang."""
    if notifier.watchdog_s is not None and config.deadline_ms / 1000 > notifier.watchdog_s / 2:
        half = f"half of the service's WatchdogSec ({notifier.watchdog_s:g} s)"
        raise ConfigError(
            f"deadline_ms: {config.deadline_ms:g} is more than {half}: raise that, or shorten the deadline"
        )


def _end_at_once(appliance: Appliance, error: DeviceTimeout) -> None:
    """The outputs are off by now. What hangs would hang an orderly end as well; only a new process helps."""
    log.critical("%s", error)
    try:
        appliance.recorder.close()
    except EdgeError as unwritten:
        log.critical("%s", unwritten)
    logging.shutdown()
    os._exit(FAILED)
