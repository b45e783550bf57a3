"""Threads on the line's path go first where they may, and nobody else does."""

import os
import threading
from collections.abc import Callable

import pytest

from edge.priority import LINE, OTHERS, before_other_programs, go_first


def in_a_thread(step: Callable[[], None]) -> None:
    thread = threading.Thread(target=step)
    thread.start()
    thread.join()


def scheduling() -> tuple[int, int]:
    return os.sched_getscheduler(0), os.sched_getparam(0).sched_priority


def test_thread_goes_before_others_with_those_that_it_starts_and_one_of_these_first() -> None:
    found: list[tuple[int, int]] = []

    def first() -> None:
        assert go_first()
        found.append(scheduling())

    def step() -> None:
        with before_other_programs() as is_allowed:
            if is_allowed:
                in_a_thread(lambda: found.append(scheduling()))
                in_a_thread(first)
                found.append(scheduling())
        assert scheduling() == (os.SCHED_OTHER, 0)

    in_a_thread(step)
    if not found:
        pytest.skip("this user may not set real-time priorities")
    assert found == [(os.SCHED_FIFO, OTHERS), (os.SCHED_FIFO, LINE), (os.SCHED_FIFO, OTHERS)]


def test_thread_of_a_program_that_does_not_go_before_others_does_not_go_first_either() -> None:
    assert not go_first()
    assert scheduling() == (os.SCHED_OTHER, 0)


def test_machine_that_does_not_allow_it_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "sched_setscheduler", refused)
    with before_other_programs() as is_allowed:
        assert not is_allowed
        assert scheduling() == (os.SCHED_OTHER, 0)
