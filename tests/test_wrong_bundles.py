"""A bundle that is damaged, cut off or too new, given to every command that takes one: one sentence, exit code 1."""

from collections.abc import Callable
from pathlib import Path

import pytest

from edge.__main__ import main as edge_main
from edge.archive import pack, unpack
from edge.manifest import FORMAT_VERSION, JOINED_VERSION
from training.__main__ import main as training_main


def flipped(raw: bytes) -> bytes:
    return raw[: len(raw) // 2] + bytes([raw[len(raw) // 2] ^ 1]) + raw[len(raw) // 2 + 1 :]


def cut_off(raw: bytes) -> bytes:
    return raw[: len(raw) // 3]


def no_bundle(raw: bytes) -> bytes:
    return b"this is a text file" * 100


WRONG = [(flipped, "push the bundle again"), (cut_off, "push it again"), (no_bundle, "this is no model bundle")]


@pytest.mark.parametrize("command", ["replay", "bench", "evaluate"])
@pytest.mark.parametrize(("spoil", "words"), WRONG)
def test_wrong_bundle_is_one_sentence_and_exit_1(
    command: str,
    spoil: Callable[[bytes], bytes],
    words: str,
    demo_bundle_path: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    bundle = tmp_path / "bundle"
    bundle.write_bytes(spoil(demo_bundle_path.read_bytes()))
    code, message = run(command, bundle, tmp_path, capsys)
    assert code == 1
    assert words in message
    assert message.count("\n") == 1
    assert str(bundle) in message


@pytest.mark.parametrize("command", ["replay", "bench", "evaluate"])
def test_newer_bundle_says_to_update(
    command: str, demo_bundle_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = unpack(demo_bundle_path.read_bytes())
    manifest = files["manifest.json"].replace(
        b'"format_version": %d' % FORMAT_VERSION, b'"format_version": %d' % (JOINED_VERSION + 1)
    )
    assert manifest != files["manifest.json"]
    bundle = tmp_path / "bundle"
    bundle.write_bytes(pack({"manifest.json": manifest}))
    code, message = run(command, bundle, tmp_path, capsys)
    assert code == 1
    assert f"bundle format {JOINED_VERSION + 1} cannot be read" in message
    assert "update kensa" in message


def run(command: str, bundle: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    if command == "evaluate":
        code = training_main(["evaluate", str(bundle), str(folder)])
    elif command == "replay":
        code = edge_main(["replay", "--bundle", str(bundle), str(folder)])
    else:
        code = edge_main(["bench", "--bundle", str(bundle)])
    return code, capsys.readouterr().err
