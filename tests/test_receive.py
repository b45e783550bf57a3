"""What comes in is checked, tried and kept, or refused with its sentence and nothing has changed."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge.__main__ import main
from edge.archive import pack_arrays, unpack
from edge.bundle import ARRAYS, NETWORK, decode
from edge.commands.assembly import rules_of
from edge.commands.loading import load_model, trust_of
from edge.commands.managing import install
from edge.config import StationConfig
from edge.errors import BundleError
from edge.page_store import PageStore
from edge.receive import Tried, budget_of, receive, try_in_child
from edge.slots import KEPT_VERSIONS, Slots
from tests.sealing import attacks, changed, needs_root, network_attacks, sealed
from tests.small_model import Small
from tests.stationed import model_of, send, snapshot, station_in

pytestmark = needs_root
TRIED = Tried(p99_ms=1.0, budget_ms=100.0)


@pytest.fixture
def config(tmp_path: Path, small_model: Small) -> StationConfig:
    """A station that runs serial 7, signed by anna."""
    config = station_in(tmp_path, small_model)
    take(config, sealed(small_model.raw))
    assert main(["model", "--config", str(tmp_path / "station.yaml"), "activate", "7"]) == 0
    return config


def take(config: StationConfig, raw: bytes, *, may_be_older: bool = False) -> None:
    """As an installation, but for the process in which the model is tried."""
    data = Path(config.data)
    receive(
        send(data.parent, raw),
        slots=Slots(data),
        trust=trust_of(config),
        product=config.models.product,
        may_be_older=may_be_older,
        try_out=lambda _: TRIED,
    )


def refused(config: StationConfig, action: Callable[[], object]) -> str:
    """The sentence; nothing may have changed."""
    data = Path(config.data)
    before = snapshot(data)
    with pytest.raises(BundleError) as error:
        action()
    assert snapshot(data) == before
    assert "\n" not in str(error.value)
    return str(error.value)


def test_every_attack_leaves_the_station_as_it_was(config: StationConfig, small_model: Small) -> None:
    for attack in attacks(small_model.raw):
        sentence = refused(config, lambda raw=attack.raw: take(config, raw))  # type: ignore[misc]
        assert attack.words in sentence, attack.name
        print(f"{attack.name:40} {sentence}")
    assert load_model(config).why_not == ""


def test_what_must_not_come_from_one_who_may_sign(config: StationConfig, small_model: Small) -> None:
    take(config, model_of(small_model, 9))
    for raw, words in (
        (model_of(small_model, 6), "serial 6 is not above 7, which this station has run"),
        (model_of(small_model, 9, labels=["x", "y"]), "serial 9 is here already with other content"),
        (
            model_of(small_model, 10, product="pills"),
            "a model for 'pills', and this station inspects 'small connector'",
        ),
    ):
        assert words in refused(config, lambda raw=raw: take(config, raw))  # type: ignore[misc]


def test_an_older_model_comes_only_if_a_person_says_so_and_the_log_knows_it(
    config: StationConfig, small_model: Small, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, station = send(tmp_path, model_of(small_model, 6), "older"), str(tmp_path / "station.yaml")
    assert main(["model", "--config", station, "install", str(path)]) == 1
    assert "only if an engineer says so" in capsys.readouterr().err
    assert main(["model", "--config", station, "install", str(path), "--older"]) == 0
    assert main(["model", "--config", station, "activate", "6"]) == 1
    assert "say --older if that is meant" in capsys.readouterr().err
    assert main(["model", "--config", station, "activate", "6", "--older"]) == 0
    assert Slots(Path(config.data)).book.floor == 7
    with PageStore(Path(config.data)) as store:
        entries = [entry.what for entry in store.audit_log()]
        assert store.check_audit() is not None
    assert "model installed, older ones allowed" in entries
    assert "model activate, older ones allowed" in entries


def test_the_same_model_again_is_no_trouble_and_may_be_signed_anew(config: StationConfig, small_model: Small) -> None:
    take(config, sealed(small_model.raw, "ben"))
    book = Slots(Path(config.data)).book
    assert book.current == book.candidate
    (Path(config.models.keys) / "anna.pub").rename(Path(config.models.keys) / "anna.revoked")
    assert load_model(config).why_not == ""  # ben vouches for it now


def test_a_revoked_key_is_refused_at_the_next_start_too(config: StationConfig) -> None:
    (Path(config.models.keys) / "anna.pub").rename(Path(config.models.keys) / "anna.revoked")
    assert "'anna'" in load_model(config).why_not
    assert "revoked" in load_model(config).why_not


def test_a_model_that_was_changed_on_the_disk_is_refused_at_the_next_start(config: StationConfig) -> None:
    slots = Slots(Path(config.data))
    current = slots.book.current
    assert current
    path = slots.path_of(current)
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(bytes(raw))
    assert "damaged" in load_model(config).why_not
    path.unlink()
    assert "cannot be read" in load_model(config).why_not


def test_damaged_slots_are_told_and_mended_by_a_person(
    config: StationConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    book = Slots(Path(config.data)).folder / "slots.json"
    book.write_text("{")
    assert "move it away and say" in load_model(config).why_not
    book.unlink()
    assert main(["model", "--config", str(tmp_path / "station.yaml"), "activate", "7"]) == 0
    assert load_model(config).why_not == ""


def test_at_least_three_models_stay_and_never_one_that_has_a_slot(config: StationConfig, small_model: Small) -> None:
    slots = Slots(Path(config.data))
    for serial in range(8, 20):
        take(config, model_of(small_model, serial))
    assert KEPT_VERSIONS >= 3
    assert sorted(slots.serials().values()) == [7, *range(20 - KEPT_VERSIONS, 20)]


def test_a_full_disk_is_refused_before_anything_is_written(
    config: StationConfig, small_model: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.receive.SPARE_BYTES", 2**60)
    assert "MB free" in refused(config, lambda: take(config, model_of(small_model, 9)))


# In a process of its own.


def in_child(config: StationConfig, raw: bytes, *, budget_ms: float = 5000) -> Tried:
    path = send(Path(config.data).parent, raw)
    return try_in_child(path, trust=trust_of(config), budget_ms=budget_ms)


def test_a_good_model_is_tried_and_timed(config: StationConfig, small_model: Small) -> None:
    tried = in_child(config, sealed(small_model.raw))
    assert 0 < tried.p99_ms < tried.budget_ms == 5000


def test_a_model_that_is_too_slow_for_the_takt_is_refused(config: StationConfig, small_model: Small) -> None:
    with pytest.raises(BundleError, match=r"self-test: it takes \d+ ms a part \(p99\), and 0 ms are left of the takt"):
        in_child(config, sealed(small_model.raw), budget_ms=0.01)


def spoilt_golden(raw: bytes, **change: np.ndarray) -> bytes:
    bundle = decode(raw)
    arrays = {
        **{name: getattr(bundle.references, name) for name in bundle.references.__slots__},
        **{name: getattr(bundle.cells, name) for name in bundle.cells.__slots__},
        "good_centroid": bundle.centroids.good,
        "defect_centroids": bundle.centroids.defects,
        "golden_maps": np.stack([part.cell_map for part in bundle.golden]),
        "golden_embeddings": np.stack([part.embedding for part in bundle.golden]),
    }
    return changed(raw, {ARRAYS: pack_arrays({**arrays, **change})})


def test_a_right_signature_does_not_help_a_model_that_sees_something_else_here(
    config: StationConfig, small_model: Small
) -> None:
    bundle = small_model.bundle
    embeddings = np.stack([part.embedding for part in bundle.golden]) * np.float32(1.01)
    maps = np.stack([part.cell_map for part in bundle.golden])[::-1].copy()
    golden = json.loads(unpack(small_model.raw)["manifest.json"])["golden"]
    for raw, words in (
        (spoilt_golden(small_model.raw, golden_embeddings=embeddings), "the embedding of golden/0.png is not"),
        (spoilt_golden(small_model.raw, golden_maps=maps), "self-test"),
        (changed(small_model.raw, golden=[{**golden[0], "distance": 1e6}, *golden[1:]]), "was taught"),
    ):
        with pytest.raises(BundleError, match=words):
            in_child(config, sealed(raw))


def test_a_network_that_must_not_run_is_refused(config: StationConfig, small_model: Small) -> None:
    name, network, words = next(network_attacks(small_model.bundle.network))
    assert name == "weights elsewhere"
    with pytest.raises(BundleError, match=words):
        in_child(config, sealed(changed(small_model.raw, {NETWORK: network})))


def test_what_only_its_own_process_finds_leaves_the_station_as_it_was_too(
    config: StationConfig, small_model: Small, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The whole installation, with its process: other golden results, networks that must not run, too slow."""
    embeddings = np.stack([part.embedding for part in small_model.bundle.golden]) * np.float32(1.01)
    sent = {"golden mismatch": spoilt_golden(changed(small_model.raw, serial=9), golden_embeddings=embeddings)}
    for name, network, _ in network_attacks(small_model.bundle.network):
        sent[name] = changed(small_model.raw, {NETWORK: network}, serial=9)
    sent["too slow"] = changed(small_model.raw, serial=9)
    for name, raw in sent.items():
        monkeypatch.setattr(
            "edge.commands.managing.budget_of", lambda *_, name=name: 0.01 if name == "too slow" else 1e9
        )
        path = send(tmp_path, sealed(raw), "attack")
        sentence = refused(config, lambda path=path: install(config, path))  # type: ignore[misc]
        print(f"{name:40} {sentence}")
        assert sentence.startswith("self-test: ")
    assert load_model(config).why_not == ""


def test_a_process_that_dies_or_hangs_takes_nothing_with_it(
    config: StationConfig, small_model: Small, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "python"
    monkeypatch.setattr(sys, "executable", str(program))
    for text, words in (
        ("kill -SEGV $$", r"its process died \(-11\)"),
        ("kill -XCPU $$", "all the processor time"),
        ("sleep 20", "within 0 s: the station may be busy"),
    ):
        program.write_text(f"#!/bin/sh\n{'exec ' if 'sleep' in text else ''}{text}\n")
        program.chmod(0o755)
        monkeypatch.setattr("edge.receive.TRY_TIMEOUT_S", 0.3 if "sleep" in text else 60)
        with pytest.raises(BundleError, match=words):
            in_child(config, sealed(small_model.raw))


def test_the_whole_installation_keeps_the_candidate(config: StationConfig, small_model: Small, tmp_path: Path) -> None:
    found = install(config, send(tmp_path, model_of(small_model, 8)))
    assert found.signer == "anna"
    book = Slots(Path(config.data)).book
    assert book.candidate == found.version
    assert book.current
    assert book.current.serial == 7
    assert found.tried.budget_ms == budget_of(Path(config.data), rules_of(config))


# The commands.


def test_commands_say_what_is_here_and_switch(
    tmp_path: Path, small_model: Small, capsys: pytest.CaptureFixture[str]
) -> None:
    station_in(tmp_path, small_model)
    command = ["model", "--config", str(tmp_path / "station.yaml")]
    assert main([*command, "list"]) == 0
    assert capsys.readouterr().out == "no model is installed yet\n"
    for serial in (7, 8):
        assert main([*command, "install", str(send(tmp_path, model_of(small_model, serial)))]) == 0
        assert main([*command, "activate", str(serial)]) == 0
    assert main([*command, "rollback"]) == 0
    capsys.readouterr()
    assert main([*command, "--json", "show"]) == 0
    book = json.loads(capsys.readouterr().out)
    assert (book["current"]["serial"], book["previous"]["serial"], book["floor"]) == (7, 8, 8)
    assert [event["what"] for event in book["events"]] == ["installed", "activated"] * 2 + ["returned"]
    assert main([*command, "list"]) == 0
    assert [line.split()[::2] for line in capsys.readouterr().out.splitlines()] == [["7", "current"], ["8", "previous"]]
    assert main([*command, "activate", "12"]) == 1
    assert "there is no model with serial 12 on this station; there are: 7, 8" in capsys.readouterr().err


def test_a_station_with_a_model_of_its_own_is_not_managed(
    tmp_path: Path, small_model: Small, capsys: pytest.CaptureFixture[str]
) -> None:
    station_in(tmp_path, small_model)
    path = tmp_path / "station.yaml"
    path.write_text(path.read_text().replace("bundle: installed", "bundle: demo"))
    assert main(["model", "--config", str(path), "install", "x"]) == 1
    assert "write 'bundle: installed' to manage its models" in capsys.readouterr().err


def test_a_station_without_a_model_says_how_to_get_one(tmp_path: Path, small_model: Small) -> None:
    assert "edge model install FILE" in load_model(station_in(tmp_path, small_model)).why_not
