"""The wires to a real line. One thread owns them, times the pulses, and lets the heartbeat stop with the core."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import TypeVar

from edge.drivers.closable import Closable
from edge.drivers.gpio_lines import OutputLines
from edge.errors import DeviceError, DeviceFault, DeviceTimeout
from edge.priority import go_first
from edge.verdict import Outcome
from edge.wiring import GpioOutputs as Wiring
from edge.wiring import Pulse

ANSWER_S = 1.0
CLOSE_S = 2.0
OUTCOMES = frozenset(outcome.value.lower() for outcome in Outcome)

Answer = TypeVar("Answer")


class GpioOutputs(Closable):
    """READY, BUSY, one outcome at a time as a pulse or until the next trigger, and a heartbeat.

    Every change is read back. Pulses may be longer than asked for by what the machine's load takes, never shorter.
    """

    def __init__(self, wiring: Wiring, *, longest_silence_ms: float) -> None:
        """longest_silence_ms: the heartbeat stands still when nobody has called for so long.

        Raises DeviceUnavailable if the lines cannot be had, DeviceFault if one of them is stuck.
        """
        self._wiring, self._silence_ns = wiring, int(longest_silence_ms * 1e6)
        self._rest_ns = int(wiring.rest_ms * 1e6)
        self._on: frozenset[str] = frozenset()
        self._pulse_ends_ns: int | None = None
        self._shown_at_ns = 0
        self._called_ns = self._beat_ns = time.monotonic_ns()
        self._failed: DeviceError | None = None
        self.is_ready = False
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        opened: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(opened,), name="gpio outputs", daemon=True)
        self._thread.start()
        opened.result()

    def set_ready(self, *, is_ready: bool) -> None:
        """Switch READY."""
        self._do(lambda: self._switch(on={"ready"} if is_ready else set(), off={"ready"}))
        self.is_ready = is_ready

    def set_busy(self, *, is_busy: bool) -> None:
        """Switch BUSY; on clears the last outcome in the same stroke."""
        if is_busy:
            self._do(lambda: self._switch(on={"busy"}, off=OUTCOMES))
        else:
            self._do(lambda: self._switch(on=set(), off={"busy"}))

    def apply(self, outcome: Outcome) -> None:
        """One outcome on and the others off in one stroke; its pulse begins."""
        self._do(lambda: self._show(outcome.value.lower()))

    def wait_until_shown(self, *, timeout_ms: float) -> bool:
        """True once the pulse is over and the wires have rested; also the sign of life that the heartbeat needs."""
        self._check_alive()
        self._called_ns = time.monotonic_ns()
        left_ns = self._shown_at_ns - self._called_ns
        if left_ns > 0:
            time.sleep(min(left_ns / 1e9, timeout_ms / 1e3))
        return time.monotonic_ns() >= self._shown_at_ns

    def switch(self, wire: str, *, is_on: bool) -> bool:
        """One wire by name; whether its pin says that it is on now."""
        self._do(lambda: self._switch(on={wire} if is_on else set(), off={wire}))
        return wire in self.read()

    def read(self) -> frozenset[str]:
        """Which wires are on, as the pins say: ok, ng, fault, busy, ready, heartbeat."""
        return self._do(lambda: self._lines.read())

    def close(self) -> None:
        """All wires off and the lines free. Raises DeviceTimeout if the lines do not answer any more."""
        if self.is_closed:
            return
        super().close()
        self.is_ready = False
        self._jobs.put(None)
        self._thread.join(CLOSE_S)
        if self._thread.is_alive():
            raise DeviceTimeout("the output lines do not answer and cannot be made safe: cut the power of the outputs")

    # Whoever calls.

    def _do(self, job: Callable[[], Answer]) -> Answer:
        """Have the owning thread do something, and wait for it."""
        self._check_alive()
        answer: Future[Answer] = Future()

        def answered() -> None:
            if answer.set_running_or_notify_cancel():  # whoever asked may have gone: then it must not happen any more
                try:
                    answer.set_result(job())
                except Exception as error:
                    answer.set_exception(error)

        self._called_ns = time.monotonic_ns()
        self._jobs.put(answered)
        try:
            return answer.result(ANSWER_S)
        except TimeoutError as error:
            answer.cancel()
            raise DeviceTimeout(f"the output lines have not answered for {ANSWER_S:g} s") from error

    def _check_alive(self) -> None:
        self._check_open()
        if self._failed is not None:
            raise self._failed
        if not self._thread.is_alive():
            raise DeviceFault("nobody holds the output lines any more; restart the station")

    # The thread that owns the lines.

    def _run(self, opened: "Future[None]") -> None:
        go_first()
        try:
            self._lines = OutputLines(self._wiring)
        except BaseException as error:
            opened.set_exception(error)
            return
        opened.set_result(None)
        try:
            while True:
                try:
                    job = self._jobs.get(timeout=self._idle_s())
                    if job is None:
                        return
                    job()
                except Empty:
                    pass
                self._keep_time()
        finally:
            self._lines.close()

    def _idle_s(self) -> float | None:
        due = [] if self._pulse_ends_ns is None else [self._pulse_ends_ns]
        if self._wiring.heartbeat is not None:
            due.append(self._beat_ns)
        return max(min(due) - time.monotonic_ns(), 0) / 1e9 if due else None

    def _keep_time(self) -> None:
        """What is due without being asked for: the end of a pulse, a beat of the heart."""
        now = time.monotonic_ns()
        try:
            if self._pulse_ends_ns is not None and now >= self._pulse_ends_ns:
                self._switch(on=set(), off=OUTCOMES)
            if self._wiring.heartbeat is not None and now >= self._beat_ns:
                self._beat_ns = now + int(self._wiring.heartbeat.period_ms / 2 * 1e6)
                if now - self._called_ns <= self._silence_ns:
                    is_on = "heartbeat" in self._on
                    self._switch(on=set() if is_on else {"heartbeat"}, off={"heartbeat"})
        except DeviceError as error:
            self._failed = error  # told to whoever calls next; the lines stay ours, and are made safe at the end
            self._pulse_ends_ns = None

    def _show(self, name: str) -> None:
        self._switch(on={name}, off=OUTCOMES)
        wire = self._wiring.wires.get(name)
        now = time.monotonic_ns()
        self._shown_at_ns = now + self._rest_ns
        if isinstance(wire, Pulse) and wire.hold_ms is not None:
            self._pulse_ends_ns = now + int(wire.hold_ms * 1e6)
            self._shown_at_ns = self._pulse_ends_ns + self._rest_ns

    def _switch(self, *, on: set[str] | frozenset[str], off: set[str] | frozenset[str]) -> None:
        if off & OUTCOMES:
            self._pulse_ends_ns = None
        self._on = (self._on - off) | on
        self._lines.show(self._on)
