"""Threads on the line's path go first where they may, and nobody else does."""

import os
import threading
from collections.abc import Callable

import pytest

from edge.priority import PRIORITY, go_first


def in_a_thread(step: Callable[[], None]) -> None:
    thread = threading.Thread(target=step)
    thread.start()
    thread.join()


def scheduling() -> tuple[int, int]:
    policy = os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK
    return policy, os.sched_getparam(0).sched_priority


def test_thread_goes_first_and_those_that_it_starts_do_not() -> None:
    found: list[tuple[int, int]] = []

    def first() -> None:
        if not go_first():
            return
        found.append(scheduling())
        in_a_thread(lambda: found.append(scheduling()))

    in_a_thread(first)
    if not found:
        pytest.skip("this user may not set real-time priorities")
    assert found == [(os.SCHED_FIFO, PRIORITY), (os.SCHED_OTHER, 0)]
    assert scheduling()[0] == os.SCHED_OTHER


def test_machine_that_does_not_allow_it_says_so_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "sched_setscheduler", refused)
    caplog.set_level("INFO")
    assert not go_first()
    assert "on a busy machine verdicts may be late" in caplog.text
