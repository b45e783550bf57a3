"""The core's memory stays where it is, where that is allowed, and takes no more than without."""

import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from edge import memory_lock
from edge.memory_lock import stay_in_memory
from tests.conftest import ROOT

LOCKED = """
import re, sys, numpy, cv2
from pathlib import Path
from edge.memory_lock import stay_in_memory
said = lambda name: int(re.search(name + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
before = said("VmRSS")
is_locked = stay_in_memory()
later = bytearray(2**22)
print(is_locked, said("VmLck"), said("VmRSS") - before)
"""


def test_pages_are_locked_when_they_are_used_and_not_before() -> None:
    found = subprocess.run([sys.executable, "-c", LOCKED], capture_output=True, text=True, check=True, cwd=ROOT)
    is_locked, locked_kb, grown_kb = re.split(r"\s+", found.stdout.strip())
    if is_locked != "True":
        pytest.skip("this user may not lock memory")
    assert int(locked_kb) > 100_000
    assert 4096 <= int(grown_kb) < 8192


@pytest.mark.parametrize("limit", [0, 2**33])
def test_who_may_not_lock_memory_or_only_so_much_is_told_so_and_goes_on(
    limit: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = tmp_path / "status"
    status.write_text("Name:\tpython\nCapEff:\t0000000000000000\n")
    monkeypatch.setattr(memory_lock, "STATUS", status)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (limit, limit))
    assert not stay_in_memory()
    assert "VmLck:\t       0 kB" in Path("/proc/self/status").read_text()
