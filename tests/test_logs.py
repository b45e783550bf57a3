"""The log holds up nobody: not when it is not read, not when its reader has gone."""

import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge import logs
from edge.logs import logging_to

log = logging.getLogger("test")


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            continue


def test_lines_come_in_order_and_the_last_ones_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # pytest cannot hand on text that is no Unicode
    with (tmp_path / "log").open("wb") as file, logging_to(file.fileno()):
        for number in range(100):
            log.info("line %d", number)
        log.debug("not this one")
        log.error("ö and \udcff")
    lines = (tmp_path / "log").read_text().splitlines()
    assert lines == [*(f"INFO test line {number}" for number in range(100)), "ERROR test ö and \\udcff"]


def test_log_that_nobody_reads_holds_up_nobody_and_says_what_was_left_out(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "LAST_LINES_S", 0.1)
    reading, writing = pipe
    began = time.monotonic()
    with logging_to(writing):
        for number in range(5000):
            log.info("%s line %d", "x" * 100, number)
        assert time.monotonic() - began < 5
        read = b""
        while b"line 0\n" not in read:
            read += os.read(reading, 4096)
        os.set_blocking(reading, False)
        deadline = time.monotonic() + 10
        while b"the end" not in read and time.monotonic() < deadline:
            log.info("the end")
            time.sleep(0.01)
            try:
                read += os.read(reading, 2**20)
            except BlockingIOError:
                continue
    said = read.decode()
    assert "lines before this one could not be written\nINFO test the end" in said
    assert said.count(" line ") < 5000


def test_core_ends_although_nobody_reads_its_log(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "LAST_LINES_S", 0.1)
    began = time.monotonic()
    with logging_to(pipe[1]):
        for _ in range(5000):
            log.info("x" * 100)
    assert time.monotonic() - began < 5


def test_reader_that_has_gone_is_no_trouble(pipe: tuple[int, int]) -> None:
    os.close(pipe[0])
    with logging_to(pipe[1]):
        log.info("nobody hears")
        log.info("and again")
