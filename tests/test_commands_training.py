"""The command `training` as people type it: exit codes, one sentence where something is wrong, nothing left behind."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from edge.drivers.connector import render
from tests.foreign_pictures import foreign_pictures
from tests.picture_folders import fill, pixels, png, write_picture
from tests.small_disks import small_disk
from tests.test_alignment_mode import turned_pills
from training.__main__ import main
from training.cells import learn_cells
from training.commands.connector import write
from training.loop import TrainingSettings

COARSE = ["--grid", "16x18"]


def run(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-W", "error", "-m", "training", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def sentence_of(done: "subprocess.CompletedProcess[str]") -> str:
    """The one sentence of a run that failed."""
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("training: ")
    return lines[0]


def nine_good(root: Path) -> Path:
    fill(root / "good", 9)
    return root / "good" / "part-0003.png"


def no_folder(root: Path) -> None:
    pass


def no_pictures(root: Path) -> None:
    (root / "good").mkdir(parents=True)


def one_picture(root: Path) -> None:
    fill(root / "good", 1)


def a_text_file_named_png(root: Path) -> None:
    nine_good(root).write_text("not a picture")


def a_truncated_jpeg(root: Path) -> None:
    nine_good(root).write_bytes(cv2.imencode(".jpg", pixels(1))[1].tobytes()[:-200])


def mixed_sizes(root: Path) -> None:
    write_picture(nine_good(root), pixels(3, side=64))


def grey_among_colour(root: Path) -> None:
    write_picture(nine_good(root), pixels(3, is_grey=True))


def an_empty_class(root: Path) -> None:
    nine_good(root)
    (root / "bent").mkdir()


def sixteen_bits(root: Path) -> None:
    write_picture(nine_good(root), pixels(3).astype(np.uint16) * 256)


def transparent(root: Path) -> None:
    nine_good(root).write_bytes(png(np.dstack([pixels(3), pixels(4, is_grey=True)])))


def capital_good(root: Path) -> None:
    fill(root / "Good", 9)


def the_same_picture_twice(root: Path) -> None:
    nine_good(root)
    write_picture(root / "bent" / "part-0100.png", pixels(3))


def the_same_part_in_train_and_test(root: Path) -> None:
    write_picture(root / "train" / "good" / "part-77__0.png", pixels(300))
    write_picture(root / "test" / "bent" / "part-77__1.png", pixels(301))


def pictures_of_anything(root: Path) -> None:
    for number, (_, picture) in enumerate(foreign_pictures(64, 64, count=15)):
        write_picture(root / "train" / "good" / f"{number}.png", picture)


def pictures_in_quite_another_light(root: Path) -> None:
    fill(root / "train" / "good", 9)
    write_picture(root / "train" / "good" / "part-0003.png", pixels(3) // 4)


WRONG: list[tuple[Callable[[Path], None], str]] = [
    (no_folder, "data: there is no such folder"),
    (no_pictures, "data/good: no pictures in this folder .*: remove the folder or fill it"),
    (one_picture, "1 good part to train on, at least 3 are needed"),
    (a_text_file_named_png, "part-0003.png: this is no picture, whatever its name says"),
    (a_truncated_jpeg, "part-0003.png: the picture is damaged or was cut off"),
    (mixed_sizes, "part-0003.png is 64x64 pixels but .*part-000.*.png is 48x48 pixels"),
    (grey_among_colour, "part-0003.png is grey but .* is colour"),
    (an_empty_class, "data/bent: no pictures in this folder"),
    (sixteen_bits, "part-0003.png: 16 bit per channel; save it as 8 bit"),
    (transparent, "part-0003.png: the picture is partly transparent; save it without transparency"),
    (capital_good, "data/Good: call the folder of good parts 'good'"),
    (the_same_picture_twice, "is the same picture as .*: remove one of the two"),
    (the_same_part_in_train_and_test, "show the same part: it may be in train or in test"),
    (pictures_in_quite_another_light, r"refuse 1 of 9 good parts \(.*part-0003\.png: too dark.*is it the same part"),
    (pictures_of_anything, r"refuse \d+ of 15 good parts \(.*png: too (dark|bright).*is it the same part"),
]


@pytest.mark.parametrize(("make", "sentence"), WRONG, ids=[make.__name__ for make, _ in WRONG])
def test_a_wrong_folder_fails_with_one_sentence_and_leaves_nothing_behind(
    tmp_path: Path, make: Callable[[Path], None], sentence: str
) -> None:
    make(tmp_path / "data")
    before = tree(tmp_path)
    assert re.search(sentence, sentence_of(run("fit", tmp_path / "data", "--out", tmp_path / "run", *COARSE)))
    assert tree(tmp_path) == before


def test_parts_that_lie_where_a_station_would_refuse_them_are_told_before_they_are_learned_from(
    tmp_path: Path,
) -> None:
    for number, frame in enumerate(turned_pills()):
        write_picture(tmp_path / "data" / "train" / "good" / f"part-{number:04}.png", frame.pixels)
    asked = ("fit", tmp_path / "data", "--out", tmp_path / "run", "--alignment", "fixture")
    words = sentence_of(run(*asked))
    assert re.search(r"refuse \d+ of 12 good parts \(.*part-\d+\.png: .*(rotated|shifted) by", words)
    assert "--alignment" in words
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "COMMAND"),
        (["polish"], "invalid choice: 'polish'"),
        (["fit"], "the following arguments are required: DATA, --out"),
        (["fit", "data"], "--out"),
        (["fit", "data", "--out", "run", "--loss", "guess"], "invalid choice: 'guess'"),
        (["fit", "data", "--out", "run", "--overkill", "2"], "2 is not a share between 0 and 1"),
        (["fit", "data", "--out", "run", "--overkill", "much"], "much"),
        (["fit", "data", "--out", "run", "--seed", "x"], "--seed"),
        (["fit", "data", "--out", "run", "--grid", "2x900"], "2x900 is no grid"),
        (["fit", "data", "--out", "run", "--variables", "smell"], "smell: choose from shift"),
        (["fit", "data", "--out", "run", "--channels", "smell"], "smell: choose from lightness"),
        (["evaluate", "run"], "DATA"),
        (["connector"], "OUT"),
    ],
)
def test_wrong_use_is_told_with_exit_code_2(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert words in capsys.readouterr().err


def test_wrong_use_ends_the_process_with_2_and_help_with_0() -> None:
    assert run("fit").returncode == 2
    assert run("fit", "--help").returncode == 0


def test_an_out_folder_that_exists_is_found_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "bundle").write_text("precious")
    words = sentence_of(run("fit", tmp_path / "no data", "--out", tmp_path / "run"))
    assert "run is already there: choose another name or remove it" in words
    assert (tmp_path / "run" / "bundle").read_text() == "precious"


def test_evaluating_what_is_no_model_is_one_sentence(tmp_path: Path) -> None:
    nine_good(tmp_path / "data")
    (tmp_path / "bundle").write_text("no bundle")
    assert "no model bundle" in sentence_of(run("evaluate", tmp_path / "bundle", tmp_path / "data"))
    assert "nowhere" in sentence_of(run("evaluate", tmp_path / "nowhere", tmp_path / "data"))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The options of a fit that takes a few seconds, in this process."""
    monkeypatch.setattr("training.batches.POOL_SIZE", 1000)
    monkeypatch.setattr("training.cell_examples.SYNTHETIC_AT_LEAST", 60)
    monkeypatch.setattr("training.cell_examples.DISTURBED_AT_LEAST", 30)
    monkeypatch.setattr("training.cells.BATCH", 256)
    monkeypatch.setattr("training.cells.STEPS", 150)
    monkeypatch.setattr("training.loop.TrainingSettings", partial(TrainingSettings, steps=40, batch=96))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield COARSE
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def connector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("connector") / "data"
    write(root, parts=12, seed=0)
    return root


@pytest.mark.slow
def test_fit_writes_a_run_and_evaluate_finds_the_same_figures(
    tmp_path: Path, connector: Path, quick: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    run_folder, out = tmp_path / "run", tmp_path / "figures.json"
    assert main(["fit", str(connector), "--out", str(run_folder), *quick]) == 0
    assert tree(tmp_path) == ["run", "run/bundle", "run/metrics.json", "run/report.html"]
    told = capsys.readouterr().out
    assert "12 good and" in told
    assert "2.0% was asked for; that takes 49 good parts" in told
    assert main(["evaluate", str(run_folder), str(connector), "--json", str(out)]) == 0
    assert "AUROC" in capsys.readouterr().out
    metrics, figures = (json.loads(path.read_text()) for path in (run_folder / "metrics.json", out))
    assert figures == metrics["test"]
    assert (run_folder / "report.html").read_text().startswith("<!doctype html>")


@pytest.mark.slow
def test_a_stopped_fit_goes_on_and_gives_the_same_bytes_and_event_files(
    tmp_path: Path,
    connector: Path,
    quick: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = ["fit", str(connector), "--distance", "mahalanobis", "--loss", "triplet-unbalanced", *quick]
    assert main([*command, "--out", str(tmp_path / "whole")]) == 0
    learned: list[str] = []

    def stopped(*arguments: object, description: str, **named: object) -> object:
        if len(learned) == 5:
            raise KeyboardInterrupt
        learned.append(description)
        return learn_cells(*arguments, description=description, **named)  # type: ignore[arg-type]

    monkeypatch.setattr("training.maps.learn_cells", stopped)
    assert main([*command, "--out", str(tmp_path / "run")]) == 1
    assert "run.unfinished keeps what was learned, --resume goes on" in capsys.readouterr().err
    assert tree(tmp_path / "run.unfinished") == [*(f"cells-{number}.npz" for number in range(1, 6)), "made_of"]
    assert main([*command, "--seed", "1", "--out", str(tmp_path / "run"), "--resume"]) == 1
    assert "is of other pictures, options or versions" in capsys.readouterr().err
    learned.extend(["that there are not five"])
    events = tmp_path / "events"
    assert main([*command, "--out", str(tmp_path / "run"), "--resume", "--tensorboard", str(events)]) == 0
    assert f"going on from {tmp_path / 'run.unfinished'}" in capsys.readouterr().out
    assert not (tmp_path / "run.unfinished").exists()
    assert learned[6].startswith("cell function 6 of ")
    assert (tmp_path / "run" / "bundle").read_bytes() == (tmp_path / "whole" / "bundle").read_bytes()
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert (metrics["metric"], metrics["training"]["loss"]) == ("mahalanobis", "triplet-unbalanced")
    read = EventAccumulator(str(events)).Reload()
    assert [event.value for event in read.Scalars("loss")] == pytest.approx(metrics["losses"])
    assert [event.value for event in read.Scalars("separation")] == pytest.approx(metrics["separations"])
    assert read.Scalars("test/auroc")[0].value == pytest.approx(metrics["test"]["auroc"])


def test_without_its_package_event_files_are_refused_before_anything_is_learned(
    tmp_path: Path, connector: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    command = ["fit", str(connector), "--out", str(tmp_path / "run"), "--tensorboard", str(tmp_path / "events")]
    assert main(command) == 1
    assert "pip install tensorboard" in capsys.readouterr().err
    assert tree(tmp_path) == []


@pytest.mark.slow
@pytest.mark.parametrize(("megabytes", "what"), [(1, "run.unfinished"), (3, "run")])
def test_a_disk_that_fills_leaves_nothing_and_says_so(
    tmp_path: Path, connector: Path, quick: list[str], capsys: pytest.CaptureFixture[str], megabytes: int, what: str
) -> None:
    with small_disk(tmp_path, megabytes=megabytes) as disk:
        assert main(["fit", str(connector), "--out", str(disk / "run"), *quick]) == 1
        assert tree(disk) == []
    told = capsys.readouterr().err.strip()
    assert told == f"training: {disk / what} could not be written: No space left on device"


def test_a_reader_that_goes_away_gets_no_traceback(tmp_path: Path, demo_bundle_path: Path) -> None:
    """As with `training evaluate … | head`."""
    for number in range(8):
        folder = tmp_path / "data" / "good"
        folder.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / f"{number}.png"), render(seed=5, part=number))
    command = [sys.executable, "-u", "-m", "training", "evaluate", str(demo_bundle_path), str(tmp_path / "data")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        told = process.stderr.read()
        assert process.wait(timeout=120) == 1
    assert told == ""
