"""The documents' warm-up: idx files, the simple learner, its page; the real digits where they are."""

import gzip
import json
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.browser import CHROMIUM, Browser
from training.__main__ import main
from training.documents.idx import NAMES, read_digits, read_idx
from training.documents.mnist import learn_digits, mover
from training.documents.simple import SimpleSettings, train_simple
from training.errors import DataSetError


def idx(values: np.ndarray) -> bytes:
    head = bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
    return head + values.astype(np.uint8).tobytes()


def bars(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Ten kinds of 14x14 pictures: a bright row at one of ten heights, in noise."""
    random = np.random.default_rng(seed)
    labels = random.integers(10, size=count)
    pictures = random.integers(0, 60, size=(count, 14, 14))
    pictures[np.arange(count), labels + 2] += 180
    return pictures.astype(np.uint8), labels.astype(np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "digits"
    root.mkdir()
    for number, (part, count) in enumerate((("train", 600), ("test", 120))):
        pictures, labels = bars(count, number)
        for name, values in zip(NAMES[part], (pictures, labels), strict=True):
            if part == "train":
                (root / f"{name}.gz").write_bytes(gzip.compress(idx(values)))
            else:
                (root / name).write_bytes(idx(values))
    return root


def test_idx_files_are_read_plain_and_compressed(folder: Path) -> None:
    for number, (part, count) in enumerate((("train", 600), ("test", 120))):
        pictures, labels = bars(count, number)
        found = read_digits(folder, part)
        assert np.array_equal(found.images, pictures)
        assert np.array_equal(found.labels, labels)


DAMAGED = [
    (b"", "is no idx file"),
    (b"\x00\x00\x09\x01\x00\x00\x00\x01\x00", "is no idx file of unsigned bytes"),
    (b"\x00\x00\x08\x04" + bytes(20), "is no idx file of unsigned bytes with one to three dimensions"),
    (b"\x00\x00\x08\x03\x00\x00", "was cut off"),
    (b"\x00\x00\x08\x01\x00\x00\x00\x05abc", "holds 3 bytes, 5 are announced"),
    (b"\x00\x00\x08\x01\x00\x00\x00\x01abc", "holds 3 bytes, 1 are announced"),
    (b"\x00\x00\x08\x03" + b"\xff" * 12, "holds 0 bytes"),
]


@pytest.mark.parametrize(("raw", "words"), DAMAGED)
def test_a_damaged_idx_file_is_one_sentence(tmp_path: Path, raw: bytes, words: str) -> None:
    (tmp_path / "file").write_bytes(raw)
    with pytest.raises(DataSetError, match=words):
        read_idx(tmp_path / "file")


@pytest.mark.parametrize(
    "damage", [lambda raw: raw[:-9], lambda raw: b"no gzip", lambda raw: raw[:40] + b"x" + raw[41:]]
)
def test_a_damaged_gzip_is_one_sentence(tmp_path: Path, damage: "type[bytes]") -> None:
    path = tmp_path / "file.gz"
    path.write_bytes(damage(gzip.compress(idx(bars(50, 0)[0]))))
    with pytest.raises(DataSetError, match="damaged or was cut off"):
        read_idx(path)


def test_a_folder_without_the_files_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mnist", str(tmp_path / "nowhere")]) == 1
    assert "there is no such folder" in capsys.readouterr().err
    assert main(["mnist", str(tmp_path)]) == 1
    assert "there is no train-images-idx3-ubyte (or train-images-idx3-ubyte.gz)" in capsys.readouterr().err


def test_pictures_and_labels_must_belong_together(folder: Path) -> None:
    (folder / NAMES["test"][1]).write_bytes(idx(np.zeros(7)))
    with pytest.raises(DataSetError, match="do not belong together"):
        read_digits(folder, "test")
    (folder / NAMES["test"][1]).write_bytes(idx(np.full(120, 10)))
    with pytest.raises(DataSetError, match="10 is no digit"):
        read_digits(folder, "test")


def test_the_simple_learner_learns_and_is_repeatable() -> None:
    pictures, labels = bars(800, 0)
    values = pictures.reshape(800, -1).astype(np.float32) / np.float32(255)
    settings = SimpleSettings(hidden=(64,), embedding=8, batch=32, epochs=6)
    model, again = (train_simple(values, labels, settings) for _ in range(2))
    assert model.losses == again.losses
    assert not any(isinstance(layer, torch.nn.BatchNorm1d) for layer in model.network.layers)
    assert model.losses[-1] < 0.5 * model.losses[0]
    unseen, truths = bars(200, 1)
    assert (model.told(unseen.reshape(200, -1).astype(np.float32) / np.float32(255)) == truths).mean() > 0.9


def test_digits_are_moved_by_at_most_a_pixel_and_nothing_else() -> None:
    picture = np.zeros((1, 6, 7), np.float32)
    picture[0, 2, 3], picture[0, 0, 0] = 1.0, 0.5
    many = torch.from_numpy(np.repeat(picture.reshape(1, -1), 300, axis=0))
    found = mover(6, 7)(many, torch.Generator().manual_seed(0)).reshape(300, 6, 7).numpy()
    places = {(int(row), int(column)) for row, column in np.argwhere(found == 1.0)[:, 1:]}
    assert places == {(row, column) for row in (1, 2, 3) for column in (2, 3, 4)}
    assert ((found == 1.0).sum(axis=(1, 2)) == 1).all()
    assert np.array_equal(found[found[:, 2, 3] == 1.0][0], picture[0])


def test_the_command_prints_writes_and_shows(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page, figures = tmp_path / "digits.html", tmp_path / "digits.json"
    command = ["mnist", str(folder), "--epochs", "3", "--html", str(page), "--json", str(figures), "--language", "ja"]
    assert main(command) == 0
    told = capsys.readouterr().out
    assert "600 digits to train on, 120 to test on" in told
    found = json.loads(figures.read_text())
    assert f"right: {found['right']['events']} of 120" in told
    assert sum(found["confusion"][digit][digit] for digit in range(10)) == found["right"]["events"]
    assert len(found["accuracies"]) == 3
    text = page.read_text(encoding="utf-8")
    assert "://" not in text
    if CHROMIUM is not None:
        with Browser(tmp_path / "profile", width=390) as browser:
            browser.open(page.as_uri())
            browser.wait_for("document.readyState === 'complete' && !!document.querySelector('.digit')")
            assert browser.evaluate("document.querySelector('h1').innerText") == "手書き数字の2次元埋め込み"
            assert browser.evaluate("document.documentElement.scrollWidth") <= 390
            assert browser.complaints() == []


@pytest.mark.slow
def test_the_real_digits_are_told_apart_by_two_numbers(shared_data: Path) -> None:
    digits = shared_data / "mnist"
    if not digits.is_dir():
        pytest.skip(f"no digits: {digits} is not there")
    found = learn_digits(read_digits(digits, "train"), read_digits(digits, "test"), epochs=10, seed=0)
    assert found.right.share >= 0.975
