"""A run that was stopped goes on from where it was, and gives what it would have given."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from edge.preprocess import CellFunction
from edge.settings import Grid
from training.batches import Batches
from training.checkpoint import Checkpoint
from training.errors import ExportError, TrainingError
from training.loop import LossName, Trained, TrainingSettings, embed, train
from training.synthesis import MapPool

GRID = Grid(rows=6, columns=6)


@pytest.fixture(autouse=True)
def _small_and_alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("training.batches.POOL_SIZE", 400)
    monkeypatch.setattr("training.batches.POOL_CHUNK", 200)
    monkeypatch.setattr("training.loop.CHECKPOINT_EVERY", 10)
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def learned(loss: LossName, checkpoint: Checkpoint | None = None) -> Trained:
    random = np.random.default_rng(0)
    good = random.normal(42, 6, (20, 6, 6)).astype(np.float32)
    residues = np.zeros((30, 6, 6), np.float32)
    residues[np.arange(30), random.integers(6, size=30), random.integers(6, size=30)] = 150
    batches = Batches(MapPool(good=good, disturbed=good, residues=residues), None, size=64, seed=0)
    settings = TrainingSettings(loss=loss, hidden=(16, 16), steps=45, learning_rate=2e-3, batch=64)
    return train(batches, GRID, labels=0, settings=settings, checkpoint=checkpoint)


def stopped_after(steps: int) -> "object":
    def progress(items: Iterable[int], what: str, *, total: int | None = None) -> Iterator[int]:
        for item in items:
            if item == steps and what.startswith("training"):
                raise KeyboardInterrupt
            yield item

    return progress


@pytest.mark.parametrize("loss", list(LossName))
@pytest.mark.parametrize("steps", [27, 44])
def test_a_stopped_training_goes_on_and_ends_as_if_it_had_not_been_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loss: LossName, steps: int
) -> None:
    whole = learned(loss)
    with monkeypatch.context() as patch:
        patch.setattr("training.loop.progress", stopped_after(steps))
        with pytest.raises(KeyboardInterrupt):
            learned(loss, Checkpoint(tmp_path / "run", is_resumed=False))
    kept = Checkpoint(tmp_path / "run", is_resumed=True)
    state = kept.kept()
    assert state is not None
    assert len(state["losses"]) == steps // 10 * 10
    again = learned(loss, kept)
    assert again.losses == whole.losses
    assert again.separations == whole.separations
    maps = np.random.default_rng(1).integers(0, 255, (4, 6, 6), dtype=np.uint8)
    np.testing.assert_array_equal(embed(again.network, maps), embed(whole.network, maps))


def function(value: float) -> CellFunction:
    return CellFunction(**{name: np.full(3, value, np.float32) for name in CellFunction.__slots__})


def test_a_cell_function_is_learned_once(tmp_path: Path) -> None:
    first = Checkpoint(tmp_path / "run", is_resumed=False)
    first.begin("pill, seed 0")
    first.cells(4, lambda: function(0.1))
    again = Checkpoint(tmp_path / "run", is_resumed=True)
    again.begin("pill, seed 0")
    assert again.holds_something
    found = again.cells(4, lambda: pytest.fail("learned twice"))
    np.testing.assert_array_equal(found.inwards, function(0.1).inwards)
    assert again.cells(5, lambda: function(0.2)).inwards[0] == np.float32(0.2)
    again.remove()
    assert list(tmp_path.iterdir()) == []


def test_without_resuming_everything_begins_anew(tmp_path: Path) -> None:
    Checkpoint(tmp_path / "run", is_resumed=False).begin("pill, seed 0")
    anew = Checkpoint(tmp_path / "run", is_resumed=False)
    assert not anew.folder.exists()
    assert not anew.holds_something
    assert anew.kept() is None


def test_what_was_learned_from_something_else_is_refused(tmp_path: Path) -> None:
    Checkpoint(tmp_path / "run", is_resumed=False).begin("pill, seed 0")
    with pytest.raises(TrainingError, match="is of other pictures, options or versions: leave out --resume"):
        Checkpoint(tmp_path / "run", is_resumed=True).begin("pill, seed 1")


class Trap:
    """What a pickle does when it is loaded."""

    sprung = False

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("from tests.test_checkpoint import Trap; Trap.sprung = True",)


def test_what_is_damaged_is_told_and_nothing_in_it_runs(tmp_path: Path) -> None:
    kept = Checkpoint(tmp_path / "run", is_resumed=False)
    kept.begin("pill")
    kept.cells(1, lambda: function(1))
    kept.keep({"losses": [1.0]})
    for name in ("cells-1.npz", "network.pt"):
        whole = (kept.folder / name).read_bytes()
        for content in (b"", b"x" * 300, whole[: len(whole) // 2]):
            (kept.folder / name).write_bytes(content)
            with pytest.raises(TrainingError, match=f"{name} is damaged: leave out --resume"):
                kept.kept() if name == "network.pt" else kept.cells(1, lambda: function(1))
    torch.save({"losses": Trap()}, kept.folder / "network.pt")
    with pytest.raises(TrainingError, match="is damaged"):
        kept.kept()
    assert not Trap.sprung


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match="could not be written"):
        Checkpoint(tmp_path / "file" / "run", is_resumed=False).keep({"losses": []})
