"""A model goes over a real ssh, breaks off half-way, goes on from there; many stations, some of them not there."""

import argparse
import hashlib
import io
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge.commands import receiving
from edge.commands.managing import install
from edge.config import StationConfig
from edge.errors import BundleError
from edge.receive import Received, Tried
from edge.slots import Slots, Version
from edge.spool import MOST_PARTS, Spool
from tests.sealing import needs_root, sealed
from tests.small_model import Small
from tests.ssh import cut_connections, needs_sshd, sshd
from tests.stationed import model_of, send, station_in
from tests.test_receive import take
from training.__main__ import main
from training.pushing import PIECE_BYTES, Line, push, read_signed

ROOT = Path(__file__).parents[1]


def digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


# The spool.


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(Slots(tmp_path))


def test_pieces_become_the_file_and_what_is_here_is_known(spool: Spool) -> None:
    raw = os.urandom(3000)
    assert spool.begin(digest(raw), len(raw)) == 0
    assert spool.add(digest(raw), 0, raw[:1000]) == 1000
    assert spool.begin(digest(raw), len(raw)) == 1000
    assert spool.add(digest(raw), 1000, raw[1000:]) == 3000
    assert spool.finish(digest(raw)).read_bytes() == raw


def test_a_piece_from_elsewhere_is_refused(spool: Spool) -> None:
    raw = os.urandom(3000)
    spool.begin(digest(raw), len(raw))
    spool.add(digest(raw), 0, raw[:1000])
    for offset in (0, 999, 1001):
        with pytest.raises(BundleError, match="1000 bytes are here"):
            spool.add(digest(raw), offset, raw[offset:])


def test_what_arrived_wrongly_is_forgotten(spool: Spool) -> None:
    raw = os.urandom(3000)
    spool.begin(digest(raw), len(raw))
    spool.add(digest(raw), 0, raw[::-1])
    with pytest.raises(BundleError, match="from the beginning"):
        spool.finish(digest(raw))
    assert spool.begin(digest(raw), len(raw)) == 0


@pytest.mark.parametrize("name", ["", "x", "../../etc/passwd", "a" * 63, "A" * 64, f"{'a' * 64}/"])
def test_names_that_are_no_digest_are_refused(spool: Spool, name: str) -> None:
    for action in (lambda: spool.begin(name, 10), lambda: spool.add(name, 0, b"x"), lambda: spool.finish(name)):
        with pytest.raises(BundleError, match="named by its SHA-256"):
            action()


@pytest.mark.parametrize("size", [0, -1, 2**40])
def test_sizes_that_no_model_has_are_refused(spool: Spool, size: int) -> None:
    with pytest.raises(BundleError, match="are no model"):
        spool.begin("a" * 64, size)


def test_half_sent_models_do_not_fill_the_disk(spool: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(10):
        spool.begin(f"{number:064x}", 100)
        spool.add(f"{number:064x}", 0, b"x")
    assert len(list((tmp_path / "models" / "incoming").iterdir())) <= MOST_PARTS
    monkeypatch.setattr("edge.spool.SPARE_BYTES", 2**60)
    with pytest.raises(BundleError, match="MB free"):
        spool.begin("f" * 64, 100)


# The station's end.


class Taken:
    """What was installed instead of a model."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.files: list[bytes] = []
        monkeypatch.setattr(receiving, "install", self.install)

    def install(self, _: StationConfig, path: Path) -> Received:
        self.files.append(path.read_bytes())
        version = Version(product="p", serial=1, sha256="ab" * 32)
        return Received(version=version, signer="anna", tried=Tried(p99_ms=1, budget_ms=2))


def received(config: StationConfig, raw: bytes, sent: bytes) -> Received:
    options = argparse.Namespace(sha256=digest(raw), size=len(raw), activate=False)
    return receiving.run(config, options, io.BytesIO(sent))


def test_what_breaks_off_stays_and_the_rest_is_enough(
    tmp_path: Path, small_model: Small, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config, taken, raw = station_in(tmp_path, small_model), Taken(monkeypatch), os.urandom(700_000)
    with pytest.raises(BundleError, match="interrupted after 500000 of 700000 bytes"):
        received(config, raw, raw[:500_000])
    assert taken.files == []
    assert received(config, raw, raw[500_000:]).signer == "anna"
    assert capsys.readouterr().out.split() == ["here", "0", "here", "500000"]
    assert taken.files == [raw]
    assert not list((tmp_path / "data" / "models" / "incoming").iterdir())


@needs_root
def test_a_model_that_is_here_need_not_be_sent(tmp_path: Path, small_model: Small) -> None:
    config, raw = station_in(tmp_path, small_model), sealed(small_model.raw)
    take(config, raw)
    assert received(config, raw, b"").version.serial == 7


# Over ssh.


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    with sshd(tmp_path / "ssh") as (_, command):
        yield command


def line(server: str, tmp_path: Path, **options: object) -> Line:
    remote = f"cd {ROOT} && {sys.executable} -m edge"
    return Line(ssh=server.split(), remote=remote, station=str(tmp_path / "station.yaml"), pause_s=0.1, **options)  # type: ignore[arg-type]


@needs_sshd
@needs_root
def test_push_installs_and_says_what_the_station_measured(tmp_path: Path, small_model: Small, server: str) -> None:
    config, raw = station_in(tmp_path, small_model), sealed(small_model.raw)
    found = push(raw, "127.0.0.1", line(server, tmp_path, is_activated=True))
    assert found.is_done, found.words
    assert found.words == "small connector, serial 7, activated"
    assert found.sent == len(raw)
    assert found.p99_ms
    assert found.p99_ms > 0
    book = Slots(Path(config.data)).book
    assert book.current
    assert book.current.serial == 7
    again = push(raw, "127.0.0.1", line(server, tmp_path))
    assert (again.is_done, again.sent) == (True, 0)


@needs_sshd
@needs_root
def test_several_kinds_come_with_one_push(tmp_path: Path, small_model: Small, joined_model: bytes, server: str) -> None:
    config = station_in(tmp_path, small_model)
    found = push(sealed(joined_model), "127.0.0.1", line(server, tmp_path, is_activated=True))
    assert found.is_done, found.words
    assert found.words == "both connectors, serial 7, activated"
    assert [path.name for path in Path(config.data).glob("models/versions/*")] == [f"7-{digest(joined_model)}.model"]


@needs_sshd
@needs_root
def test_push_that_breaks_off_half_way_goes_on_from_there(tmp_path: Path, small_model: Small) -> None:
    station_in(tmp_path, small_model)
    raw = sealed(small_model.raw) + os.urandom(40 * PIECE_BYTES)  # no model, and large enough to break
    heard: list[int] = []
    with sshd(tmp_path / "ssh") as (process, server):

        def tell(_: str, here: int) -> None:
            heard.append(here)
            if len(heard) == 20:
                cut_connections(process)

        patient = replace(line(server, tmp_path), pause_s=1.0)  # the station's end notices when it is its turn to run
        found = push(raw, "127.0.0.1", patient, tell=tell)
    assert found.tries > 1
    assert "not in the form" in found.words  # it arrived whole, and was looked at
    assert min(heard[20:]) > PIECE_BYTES  # not from the beginning: what was on its way may have arrived untold
    assert heard[-1] == len(raw)
    assert len(raw) <= found.sent < 2 * len(raw)
    print(f"of {len(raw)} bytes {found.sent} were sent in {found.tries} tries")


@needs_sshd
@needs_root
def test_many_stations_some_not_there_give_a_table_and_the_rest_follows(
    tmp_path: Path, small_model: Small, server: str, capsys: pytest.CaptureFixture[str]
) -> None:
    station_in(tmp_path, small_model)
    signed = send(tmp_path, sealed(small_model.raw), "bundle.signed")
    (tmp_path / "stations").write_text("127.0.0.1   # the one beside the press\nnobody.invalid\n# none\n")
    command = ["push", str(signed), "--list", str(tmp_path / "stations"), "--ssh", server]
    command += ["--remote", f"cd {ROOT} && {sys.executable} -m edge", "--station", str(tmp_path / "station.yaml")]
    assert main([*command, "--json", str(tmp_path / "results")]) == 1
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].split()[:2] == ["127.0.0.1", "done"]
    assert printed[1].split()[:2] == ["nobody.invalid", "FAILED"]
    assert "not reached" in printed[1]
    assert "1 of 2 stations have not got it" in printed[2]
    assert [found["is_done"] for found in json.loads((tmp_path / "results").read_text())] == [True, False]


@needs_sshd
@needs_root
def test_a_station_that_refuses_says_so_in_its_own_words(tmp_path: Path, small_model: Small, server: str) -> None:
    config = station_in(tmp_path, small_model)
    take(config, model_of(small_model, 9))
    for raw, words in (
        (sealed(small_model.raw, "mallory"), "does not trust; it trusts anna, ben"),
        (sealed(small_model.raw, "carl"), "was revoked"),
    ):
        found = push(raw, "127.0.0.1", line(server, tmp_path))
        assert not found.is_done
        assert words in found.words
    assert not list((tmp_path / "data" / "models" / "incoming").iterdir())


def test_what_is_not_signed_is_not_even_sent(tmp_path: Path, small_model: Small) -> None:
    with pytest.raises(BundleError, match="training sign"):
        read_signed(send(tmp_path, small_model.raw))


@pytest.mark.parametrize("hosts", [[], ["a", "a"], ["-oProxyCommand=x"]])
def test_hosts_that_cannot_be_meant_are_refused(
    tmp_path: Path, small_model: Small, hosts: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    signed = send(tmp_path, sealed(small_model.raw))
    assert main(["push", str(signed), "--", *hosts]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_the_page_and_ssh_end_in_the_same_checks() -> None:
    assert receiving.install is install
