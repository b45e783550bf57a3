"""One thread that does one job at a time, for work that may hang: whoever asked goes on without it."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Generic, TypeVar

Result = TypeVar("Result")


class Worker(Generic[Result]):
    """A daemon thread, so that a job that hangs does not keep the process alive."""

    def __init__(self, *, name: str, begin: Callable[[], object]) -> None:
        """begin: done by the thread before its first job: how urgent they are (`priority.py`)."""
        self._begin = begin
        self._jobs: SimpleQueue[tuple[Callable[[], Result], Future[Result]] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, job: Callable[[], Result]) -> Future[Result]:
        """Start a job; what it returns or raises arrives in the future. Ask only when the last one is done."""
        future: Future[Result] = Future()
        self._jobs.put((job, future))
        return future

    def close(self) -> None:
        """End the thread after its job; does not wait for it."""
        self._jobs.put(None)

    def _run(self) -> None:
        self._begin()
        while (item := self._jobs.get()) is not None:
            job, future = item
            try:
                future.set_result(job())
            except BaseException as error:
                future.set_exception(error)
            del item, job, future  # what a part left behind must not live until the next one comes
