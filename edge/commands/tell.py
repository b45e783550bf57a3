"""`edge tell`: a command to a running core, such as `pause`; `check` and `piece` are for the shift check."""

import argparse
from pathlib import Path
from typing import get_args

from edge.config import load_config
from edge.control import CommandName, ask
from edge.errors import EdgeError

LOOP_S = 5.0
PROGRAM = "program"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `edge tell` takes."""
    parser.add_argument("what", choices=[*get_args(CommandName), PROGRAM])
    parser.add_argument("number", type=int, nargs="?", help="of the program to choose, after 'program'; 0: any kind")
    parser.add_argument("--config", type=Path, required=True, metavar="STATION.YAML")


def run(options: argparse.Namespace) -> int:
    """Say it and print the answer, one line each; 1 if it was not done."""
    config = load_config(options.config)
    arguments = {} if options.number is None or options.what != PROGRAM else {"number": options.number}
    timeout_s = LOOP_S + config.deadline_ms / 1000
    answer = ask(config.control_path, options.what, timeout_s=timeout_s, arguments=arguments)
    if not answer.pop("is_done", False):
        raise EdgeError(str(answer.get("why", "it was not done")))
    for key, value in answer.items():
        if value not in ("", None):
            print(f"{key}: {value}")
    return 0
