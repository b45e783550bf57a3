"""The station's end of `training push`: says how much is here, takes the rest, and installs it."""

import argparse
import sys
from pathlib import Path
from typing import BinaryIO

from edge.commands.managing import check_manageable, install, switch
from edge.config import StationConfig
from edge.errors import BundleError
from edge.model_switch import ModelWish
from edge.program_slots import program_of
from edge.receive import Received
from edge.slots import Slots
from edge.spool import Spool

PIECE_BYTES = 2**18


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `edge model receive` takes."""
    parser.add_argument("--sha256", required=True, help="of the file that comes")
    parser.add_argument("--size", type=int, required=True, help="of the file, in bytes")
    parser.add_argument("--activate", action="store_true", help="have it judge from the next part on")


def run(config: StationConfig, options: argparse.Namespace, stdin: BinaryIO) -> Received:
    """Take a model from the standard input. Raises EdgeError; what has arrived stays, so that the rest is enough."""
    check_manageable(config)
    spool = Spool(Slots(Path(config.data)))
    here = spool.begin(options.sha256, options.size)
    print(f"here {here}", flush=True)
    while here < options.size:
        piece = stdin.read(min(PIECE_BYTES, options.size - here))
        if not piece:
            raise BundleError(f"interrupted after {here} of {options.size} bytes: push it again, only the rest is sent")
        here = spool.add(options.sha256, here, piece)
    path = spool.finish(options.sha256)
    try:
        found = install(config, path)
    finally:
        spool.forget(options.sha256)
    if options.activate:
        program = program_of(config, found.version.product)
        switch(config, ModelWish(do="activate", serial=found.version.serial, program=program))
    return found


def from_standard_input(config: StationConfig, options: argparse.Namespace) -> Received:
    """`run` with the process's own input."""
    return run(config, options, sys.stdin.buffer)
