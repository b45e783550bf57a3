"""The log, written by a thread of its own: whoever reads it, or does not, cannot hold up a verdict.

A pipe that nobody reads and a journal that stands still let a write wait for ever. Lines wait for that in a queue; when
it is full, further lines are left out, and the next one that gets through says how many.
"""

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Full, Queue

MOST_WAITING = 1000
LAST_LINES_S = 1.0
FORMAT = "%(levelname)s %(name)s %(message)s"


class PatientHandler(logging.Handler):
    """Writes every line to a file descriptor, past all buffers and locks that the end of the process would wait for."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor, self._left_out = descriptor, 0
        self._waiting: Queue[bytes | None] = Queue(MOST_WAITING)
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Queue one line; logging's own lock is held."""
        line = self.format(record)
        if self._left_out:
            line = f"WARNING edge.logs {self._left_out} lines before this one could not be written\n{line}"
        try:
            self._waiting.put_nowait(f"{line}\n".encode(errors="backslashreplace"))
            self._left_out = 0
        except Full:
            self._left_out += 1

    def close(self) -> None:
        """Write what waits, if somebody reads it. May be called twice."""
        if self._thread.is_alive():
            try:
                self._waiting.put_nowait(None)
            except Full:
                return  # it will not be read
            self._thread.join(LAST_LINES_S)
        super().close()

    def _run(self) -> None:
        while (line := self._waiting.get()) is not None:
            left = memoryview(line)
            try:
                while left:
                    left = left[os.write(self._descriptor, left) :]
            except OSError:
                continue  # whoever read it has gone; the line goes on without a log


@contextmanager
def logging_to(descriptor: int) -> Iterator[None]:
    """Everything of importance goes to this file descriptor within the block."""
    root, handler = logging.getLogger(), PatientHandler(descriptor)
    handler.setFormatter(logging.Formatter(FORMAT))
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.removeHandler(handler)
        handler.close()
