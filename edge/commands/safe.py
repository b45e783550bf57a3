"""`edge safe`: every output off, and nothing else. For after a core that died; harmless at any time, and twice."""

import argparse
from pathlib import Path

from edge.config import load_config
from edge.drivers import OUTPUT_LINES, driver_class
from edge.wiring import GpioOutputs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `edge safe` takes."""
    parser.add_argument("--config", type=Path, required=True, metavar="STATION.YAML")


def run(options: argparse.Namespace) -> int:
    """Drive every output to its safe value and let go of it."""
    config = load_config(options.config)
    if not isinstance(config.outputs, GpioOutputs):
        print(f"the outputs of {config.station} are simulated: there is nothing to switch off")
        return 0
    driver_class(OUTPUT_LINES, config.outputs.driver)(config.outputs).close()
    print(f"off: {', '.join(f'{name} ({wire.line})' for name, wire in config.outputs.wires.items())}")
    return 0
