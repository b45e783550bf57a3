"""`training keygen` and `training sign`, as people use them."""

import stat
from pathlib import Path

import pytest

from edge.model_store import read_bundle
from edge.seal import is_sealed
from edge.trust import Trust, read_vouched
from tests.sealing import needs_root
from tests.small_model import Small
from training.__main__ import main


@pytest.fixture
def model(tmp_path: Path, small_model: Small) -> Path:
    (tmp_path / "run").mkdir()
    path = tmp_path / "run" / "bundle"
    path.write_bytes(small_model.raw)
    return path


def typed(monkeypatch: pytest.MonkeyPatch, *answers: str) -> None:
    given = iter(answers)
    monkeypatch.setattr("getpass.getpass", lambda _: next(given))


@needs_root
def test_key_is_made_and_signs_and_the_station_accepts(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed(monkeypatch, "correct horse", "correct horse", "correct horse")
    assert main(["keygen", str(tmp_path / "keys" / "anna")]) == 0
    key = tmp_path / "keys" / "anna.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert b"ENCRYPTED" in key.read_bytes()
    assert main(["sign", str(model.parent), "--key", str(key)]) == 0
    assert "serial 7" in capsys.readouterr().out
    found = read_vouched(tmp_path / "run" / "bundle.signed", Trust(keys=tmp_path / "keys"))
    assert found.signer == "anna"
    assert found.model.sha256 == read_bundle(model).sha256


def test_wrong_password_signs_nothing(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed(monkeypatch, "correct horse", "correct horse", "wrong")
    main(["keygen", str(tmp_path / "anna")])
    assert main(["sign", str(model), "--key", str(tmp_path / "anna.key")]) == 1
    assert "the password is wrong" in capsys.readouterr().err
    assert [path.name for path in model.parent.iterdir()] == ["bundle"]


def test_no_key_is_made_without_a_password_by_accident_or_over_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed(monkeypatch, "", "one password", "another")
    assert main(["keygen", str(tmp_path / "a")]) == 1
    assert main(["keygen", str(tmp_path / "a")]) == 1
    assert not list(tmp_path.iterdir())
    assert main(["keygen", "--no-password", str(tmp_path / "a")]) == 0
    before = (tmp_path / "a.key").read_bytes()
    capsys.readouterr()
    assert main(["keygen", "--no-password", str(tmp_path / "a")]) == 1
    assert "no keys were made" in capsys.readouterr().err
    assert (tmp_path / "a.key").read_bytes() == before
    assert (tmp_path / "a.pub").is_file()


def test_another_serial_is_the_same_model_with_another_name(tmp_path: Path, model: Path) -> None:
    main(["keygen", "--no-password", str(tmp_path / "a")])
    key, out = str(tmp_path / "a.key"), tmp_path / "new"
    assert main(["sign", str(model), "--key", key, "--serial", "12", "--out", str(out)]) == 0
    found, before = read_bundle(out), read_bundle(model)
    assert (found.manifest.serial, before.manifest.serial) == (12, 7)
    assert found.sha256 != before.sha256
    assert found.network == before.network
    assert is_sealed(out.read_bytes())
    assert main(["sign", str(model), "--key", key, "--serial", "-1", "--out", str(out)]) == 1


@pytest.mark.parametrize("name", ["key", "model"])
def test_what_cannot_be_read_is_one_sentence(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    main(["keygen", "--no-password", str(tmp_path / "a")])
    key = tmp_path / "a.key"
    (key if name == "key" else model).write_bytes(b"nonsense")
    capsys.readouterr()
    assert main(["sign", str(model), "--key", str(key)]) == 1
    assert capsys.readouterr().err.count("\n") == 1
