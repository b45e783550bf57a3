"""Other programs on the machine, while it is measured: one that computes for each processor, one that writes and syncs.

    python -m edge.commands.bench_load compute
    python -m edge.commands.bench_load write FOLDER

Each ends when its standard input does, so also when whoever started it has died in whatever way. The one that writes
does so as a recorder of pictures would without mercy: files of 300 kB, each synced, again and again.
"""

import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from edge.child_process import environment, python
from edge.errors import EdgeError

PICTURE_BYTES = 300_000
KEPT_FILES = 20
STEPS = 100_000
END_S = 10.0


@contextmanager
def load(folder: Path) -> Iterator[str]:
    """The programs run within the block, and are gone after it; what they are, in words. folder: is written to.

    Raises EdgeError if they cannot be started, or one ended by itself.
    """
    check_folder(folder)
    processors = len(os.sched_getaffinity(0))
    with ExitStack() as stack:
        children = [stack.enter_context(_child("compute")) for _ in range(processors)]
        children.append(stack.enter_context(_child("write", str(folder))))
        yield f"{processors} processes that compute, one that writes and syncs"
        if any(child.poll() is not None for child in children):
            raise EdgeError(f"--load {folder}: a process that should load the machine has ended: is the disk full?")


def check_folder(folder: Path) -> None:
    """Raises EdgeError unless files can be written there."""
    if not os.access(folder, os.W_OK | os.X_OK) or not folder.is_dir():
        raise EdgeError(f"--load {folder}: name a folder that can be written to, on the disk of the records")


@contextmanager
def _child(*arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    command = python("edge.commands.bench_load", *arguments)
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment())
    try:
        yield child
    finally:
        try:
            child.communicate(timeout=END_S)  # closes its standard input
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def main(arguments: list[str]) -> None:
    """The child."""
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))  # not the priority that it may have inherited
    if arguments[0] == "compute":
        while not _is_over():
            sum(range(STEPS))
        return
    picture = os.urandom(PICTURE_BYTES)
    with tempfile.TemporaryDirectory(dir=arguments[1], prefix="bench-") as folder:
        number = 0
        while not _is_over():
            _write(Path(folder) / str(number % KEPT_FILES), picture)
            number += 1


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _is_over() -> bool:
    return bool(select.select([0], [], [], 0)[0])


if __name__ == "__main__":
    main(sys.argv[1:])
