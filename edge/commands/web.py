"""`edge web`: the page. It reads records and pictures, and touches neither camera nor wires."""

import argparse
from pathlib import Path

from edge.config import load_config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `edge web` takes."""
    parser.add_argument("--config", type=Path, required=True, metavar="STATION.YAML")
    parser.add_argument("--new-password", metavar="NAME", help="tell a new password for this account and end")


def run(options: argparse.Namespace) -> int:
    """Serve the page until a signal comes."""
    config = load_config(options.config)
    from edge.web.desk import Desk
    from edge.web.people import tidy_name  # the page's libraries are needed by nobody else
    from edge.web.server import new_password, serve

    if options.new_password:
        password = new_password(Desk(Path(config.data)), tidy_name(options.new_password))
        print(f"{options.new_password}: {password}   (must be changed at the next sign-in)")
        return 0
    serve(config)
    return 0
