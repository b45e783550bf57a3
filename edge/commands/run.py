"""`edge run`: the core daemon of one station."""

import argparse
import logging
from pathlib import Path

from edge.commands.assembly import assemble, ended_by_signals
from edge.config import load_config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `edge run` takes."""
    parser.add_argument("--config", type=Path, required=True, metavar="STATION.YAML")


def run(options: argparse.Namespace) -> int:
    """Judge parts until a signal comes or the simulated line ends."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    config = load_config(options.config)
    with assemble(config) as appliance, ended_by_signals(appliance.daemon.stop):
        appliance.daemon.run()
    return 0
