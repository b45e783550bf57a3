"""A run is written whole or not at all."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.small_disks import small_disk
from training.errors import ExportError
from training.run_folder import RunFolder

FILES = {"bundle": os.urandom(3 * 2**20), "metrics.json": b"{}\n", "report.html": b"<!doctype html>\n"}


@pytest.fixture
def full_soon(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path, megabytes=1) as disk:
        yield disk


def refusal(path: Path) -> str:
    with pytest.raises(ExportError) as caught:
        RunFolder(path).write(FILES)
    return str(caught.value)


@pytest.mark.parametrize("name", ["run", "new/and/deep/run"])
def test_a_run_holds_what_was_written_and_nothing_lies_beside_it(tmp_path: Path, name: str) -> None:
    run = tmp_path / name
    RunFolder(run).write(FILES)
    assert {path.name: path.read_bytes() for path in run.iterdir()} == FILES
    assert [path.name for path in run.parent.iterdir()] == ["run"]


def test_an_empty_folder_may_be_there_already(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    RunFolder(tmp_path / "run").write(FILES)
    assert (tmp_path / "run" / "bundle").read_bytes() == FILES["bundle"]


@pytest.mark.parametrize("is_folder", [True, False])
def test_what_is_there_already_is_not_overwritten(tmp_path: Path, is_folder: bool) -> None:
    existing = tmp_path / "run" / "bundle" if is_folder else tmp_path / "run"
    existing.parent.mkdir(exist_ok=True)
    existing.write_text("precious")
    assert refusal(tmp_path / "run") == f"{tmp_path / 'run'} is already there: choose another name or remove it"
    assert existing.read_text() == "precious"


def test_a_full_disk_leaves_nothing_half_written(full_soon: Path) -> None:
    assert refusal(full_soon / "run") == f"{full_soon / 'run'} could not be written: No space left on device"
    assert list(full_soon.iterdir()) == []


def test_a_disk_that_fills_at_any_file_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same on every system: the file system says that it is full when asked to keep the n-th file."""
    for last in range(len(FILES)):
        kept: list[int] = []

        def full(descriptor: int, kept: list[int] = kept, last: int = last) -> None:
            kept.append(descriptor)
            if len(kept) > last:
                raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr("os.fsync", full)
        assert "could not be written: No space left on device" in refusal(tmp_path / "run")
        assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_way_is_found_before_training(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match="is no folder"):
        RunFolder(tmp_path / "file" / "run")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_place_that_may_not_be_written_is_found_before_training(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ExportError, match="nothing may be written"):
        RunFolder(tmp_path / "run")
    tmp_path.chmod(0o700)
