"""The machine that counts instructions: its root file system, and how counts become milliseconds of a Pi."""

import io
import os
import re
from pathlib import Path

from tests.vm.initramfs import write
from tests.vm.instructions import INSTRUCTIONS_A_CYCLE, PI4_GHZ, against_the_first, as_markdown


def entries(raw: bytes) -> dict[str, tuple[int, bytes]]:
    """Name → mode and content, read as the kernel does."""
    found, at = {}, 0
    while True:
        assert raw[at : at + 6] == b"070701"
        numbers = [int(raw[at + 6 + 8 * field : at + 14 + 8 * field], 16) for field in range(13)]
        mode, size, name_size = numbers[1], numbers[6], numbers[11]
        name = raw[at + 110 : at + 110 + name_size - 1].decode()
        begin = (at + 110 + name_size + 3) // 4 * 4
        if name == "TRAILER!!!":
            return found
        found[name] = (mode, raw[begin : begin + size])
        at = (begin + size + 3) // 4 * 4


def test_the_root_in_memory_holds_folders_files_and_links(tmp_path: Path) -> None:
    (tmp_path / "usr" / "lib").mkdir(parents=True)
    (tmp_path / "usr" / "lib" / "module.py").write_bytes(b"x = 1\n")
    (tmp_path / "usr" / "lib" / "__pycache__").mkdir()
    (tmp_path / "usr" / "lib" / "__pycache__" / "module.pyc").write_bytes(b"host's")
    (tmp_path / "lib").symlink_to("usr/lib")
    file = io.BytesIO()
    write(file, {"": tmp_path, "project/edge": tmp_path / "usr"}, {"init": b"#!/usr/bin/python3\n"})
    found = entries(file.getvalue())
    assert found["usr/lib/module.py"][1] == found["project/edge/lib/module.py"][1] == b"x = 1\n"
    assert found["lib"][1] == os.fsencode("usr/lib")
    assert found["init"][0] & 0o111
    assert not [name for name in found if "__pycache__" in name]
    names = list(found)
    assert all(names.index(parent) < names.index(name) for name in names if (parent := name.rpartition("/")[0]))


def test_a_million_instructions_take_their_time_on_a_pi() -> None:
    slow, fast = INSTRUCTIONS_A_CYCLE
    row = as_markdown({"map": [30.0, 90.0, 45.0]}, parts=3, frame="640x480").splitlines()[-1]
    median, most, least_ms, most_ms = (float(text) for text in re.findall(r"[\d.]+", row))
    assert (median, most) == (45.0, 90.0)
    assert least_ms == round(45e6 / (PI4_GHZ * 1e9 * fast) * 1000, 1)
    assert most_ms == round(45e6 / (PI4_GHZ * 1e9 * slow) * 1000, 1)


def test_judges_are_compared_with_the_first_by_their_medians() -> None:
    rows = against_the_first({"ours": [2.0, 4.0, 90.0], "other": [30.0, 10.0, 20.0]}).splitlines()[2:]
    assert rows == ["| ours | 4.0 | 1.00 |", "| other | 20.0 | 5.00 |"]
