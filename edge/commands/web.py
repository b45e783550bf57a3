"""`edge web`: the operator page. It reads records and pictures, and touches neither camera nor wires."""

import argparse
from pathlib import Path

from edge.config import load_config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `edge web` takes."""
    parser.add_argument("--config", type=Path, required=True, metavar="STATION.YAML")


def run(options: argparse.Namespace) -> int:
    """Serve the page until a signal comes."""
    config = load_config(options.config)
    from edge.web.server import serve  # the page's libraries are needed by nobody else

    serve(config)
    return 0
