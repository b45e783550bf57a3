"""Boots the virtual machine, runs one command in it, and ends with the command's exit code.

python -m tests.vm 'gpiodetect; PYTHONPATH=/opt/vm/tests python3 -m pytest …'
"""

import argparse
import sys
from pathlib import Path

from tests.vm.image import scratch
from tests.vm.machine import Machine


def main() -> int:
    """Print what the command printed; the console's end when it could not be run."""
    parser = argparse.ArgumentParser(prog="tests.vm", description=__doc__)
    parser.add_argument("command")
    parser.add_argument("--image", type=Path, help="a disk to begin with, instead of plain Debian")
    parser.add_argument("--timeout-s", type=float, default=900)
    options = parser.parse_args()
    with scratch() as folder, Machine(Path(folder), image=options.image) as machine:
        done = machine.start().finish(options.command, timeout_s=options.timeout_s)
        print(done.output)
        return done.code


if __name__ == "__main__":
    sys.exit(main())
