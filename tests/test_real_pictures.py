"""The main job on real pictures, which are not part of the project: fit, evaluate, replay, and things that are no part.

Everything is done with the commands as they are, with their defaults, on the good parts of `train` alone.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.__main__ import main as edge_main
from edge.bundle import Bundle
from edge.drivers.onnx import OnnxEmbedder
from edge.frame import Frame, Pixels
from edge.inspection import Inspector
from edge.model_store import arm, read_bundle
from edge.pictures import list_pictures, read_picture
from edge.verdict import Outcome
from tests.foreign_pictures import foreign_pictures
from tests.test_same_verdicts import check_against_plain
from training.__main__ import main as training_main
from training.dataset import GOOD, digest_of, open_dataset
from training.fit import fit
from training.learn import FitSettings
from training.loop import TrainingSettings

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
SIDE_PX = 512
SMALLEST_AUROC = {"mvtec_bottle_512": 0.985, "mvtec_pill_512": 0.945}
LARGEST_DIFFERENCE = 1e-4
FOREIGN_COUNT = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A model that `training fit` made of a folder."""

    data: Path
    folder: Path
    bundle: Bundle
    inspector: Inspector


@pytest.fixture(scope="session", params=sorted(SMALLEST_AUROC))
def real_run(request: pytest.FixtureRequest, shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The real command in its own process: about a minute on two cores."""
    data = shared_data / request.param
    if not data.is_dir():
        pytest.skip(f"no real pictures: {data} is not there")
    folder = tmp_path_factory.mktemp("runs") / request.param
    command = [sys.executable, "-m", "training", "fit", str(data), "--good-only", "--out", str(folder)]
    subprocess.run(command, check=True, cwd=ROOT, timeout=850)
    bundle = read_bundle(folder / "bundle")
    return Run(data=data, folder=folder, bundle=bundle, inspector=arm(bundle, embedder_of(bundle)))


def embedder_of(bundle: Bundle) -> OnnxEmbedder:
    return OnnxEmbedder(bundle.network, cells=bundle.manifest.map.grid.cells)


def test_nothing_was_learned_from_test_pictures_or_defects(real_run: Run) -> None:
    dataset = open_dataset(real_run.data)
    training = real_run.bundle.manifest.training
    assert training.is_good_only
    assert training.data_sha256 == digest_of(dataset.train)
    assert {sample.label for sample in dataset.train} == {GOOD}
    assert not {sample.path for sample in dataset.train} & {sample.path for sample in dataset.test}
    assert training.good_parts == real_run.bundle.manifest.limit.calibration_parts == len(dataset.train)


def test_evaluate_and_replay_agree_and_the_model_knows_defects(real_run: Run, tmp_path: Path) -> None:
    figures, lines = tmp_path / "figures.json", tmp_path / "lines.jsonl"
    assert training_main(["evaluate", str(real_run.folder), str(real_run.data), "--json", str(figures)]) == 0
    bundle, test = str(real_run.folder / "bundle"), real_run.data / "test"
    assert edge_main(["replay", "--bundle", bundle, str(test), "--json", str(lines)]) == 0

    evaluated = json.loads(figures.read_text())
    print(real_run.data.name, {name: evaluated[name] for name in ("auroc", "escapes", "overkills", "faults")})
    assert evaluated["auroc"] >= SMALLEST_AUROC[real_run.data.name]
    assert evaluated["n_ok"] == len(list_pictures(test / GOOD))

    replayed = {line["file"]: line for line in map(json.loads, lines.read_text().splitlines())}
    pictures = {Path(picture["file"]).relative_to(test).as_posix(): picture for picture in evaluated["pictures"]}
    assert set(replayed) == set(pictures)
    for file, picture in pictures.items():
        line = replayed[file]
        assert (line["outcome"], line["reason"], line["label"]) == tuple(
            picture[name] for name in ("outcome", "reason", "label")
        )
        assert (line["distance"] is None) is (picture["distance"] is None)
        if line["distance"] is not None:
            assert abs(line["distance"] - picture["distance"]) <= LARGEST_DIFFERENCE * picture["distance"], file


def test_a_picture_of_something_else_is_never_ok(real_run: Run) -> None:
    def ok(pixels: Pixels) -> bool:
        return real_run.inspector.inspect(Frame(pixels=pixels)).verdict.outcome is Outcome.OK

    passed = [kind for kind, pixels in foreign_pictures(SIDE_PX, SIDE_PX, count=FOREIGN_COUNT) if ok(pixels)]
    passed += [str(path) for path, pixels in other_products(real_run) if ok(pixels)]
    assert not passed


def test_the_device_says_what_the_plain_path_says(real_run: Run) -> None:
    pictures = [path for path in list_pictures(real_run.data, is_recursive=True) if "ground_truth" not in path.parts]
    check_against_plain(real_run.bundle, real_run.inspector, [read_picture(path) for path in pictures[::4]])


def other_products(run: Run) -> Iterator[tuple[Path, Pixels]]:
    """The good parts of the other sets: the wrong part, in the same light."""
    for name in sorted(set(SMALLEST_AUROC) - {run.data.name}):
        for path in list_pictures(run.data.parent / name / "test" / GOOD):
            yield path, read_picture(path).pixels


def grey(pixels: Pixels) -> Pixels:
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY).astype(np.uint8)


def larger(pixels: Pixels) -> Pixels:
    return cv2.resize(pixels, (1024, 1024), interpolation=cv2.INTER_CUBIC).astype(np.uint8)


@pytest.mark.parametrize("change", [grey, larger])
def test_grey_and_larger_pictures_work_as_well(
    shared_data: Path, tmp_path: Path, change: Callable[[Pixels], Pixels]
) -> None:
    """A small and short fit, to see that it ends with a model that passes its own test on the device's path."""
    source = shared_data / "mvtec_bottle_512"
    chosen = {"train/good": list_pictures(source / "train" / "good")[:24], "test/good": [], "test/broken_large": []}
    for name in ("good", "broken_large"):
        chosen[f"test/{name}"] = list_pictures(source / "test" / name)[:8]
    for name, paths in chosen.items():
        (tmp_path / name).mkdir(parents=True)
        for path in paths:
            cv2.imwrite(str(tmp_path / name / f"{path.stem}.png"), change(read_picture(path).pixels))
    fitted = fit(
        open_dataset(tmp_path), FitSettings(is_good_only=True, training=TrainingSettings(steps=300, hidden=(64,)))
    )
    inspector = arm(fitted.bundle, embedder_of(fitted.bundle))
    frame = fitted.bundle.manifest.frame
    assert (frame.is_colour, frame.width) == ((False, SIDE_PX) if change is grey else (True, 1024))
    assert fitted.bundle.manifest.map.is_colour is frame.is_colour

    def distances(label: str) -> list[float]:
        found = (inspector.inspect(read_picture(path)).verdict for path in list_pictures(tmp_path / "test" / label))
        return [np.inf if verdict.distance is None else verdict.distance for verdict in found]

    assert np.median(distances("good")) < np.median(distances("broken_large"))
    with_other_format = Frame(pixels=np.full((frame.height, frame.width + 2), 90, np.uint8))
    assert inspector.inspect(with_other_format).verdict.outcome is Outcome.FAULT
