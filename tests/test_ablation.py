"""The ablation runs from its command without `test/`, and its short cuts give what measuring anew would."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.settings import Channel, MapSettings, Variable
from tests.picture_folders import write_picture
from tests.small_model import SETTINGS, small_frame
from training import ablation
from training.ablation import Result, as_text, main, variants
from training.cells import CellShape, learn_cells
from training.dataset import open_dataset
from training.held_out_defects import KINDS
from training.held_out_trial import POOLINGS, Trial, mean_over_kinds, measure, part_of, pooled, set_up
from training.mahalanobis import learn_mahalanobis

PARTS = 16


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("small")
    for part in range(PARTS):
        write_picture(root / "train" / "good" / f"part-{part:02d}.png", small_frame(part).pixels)
    for kind in ("good", "bent"):
        (root / "test" / kind).mkdir(parents=True)
        (root / "test" / kind / "1.png").write_bytes(b"no picture: whoever opens it fails")
    return root


@pytest.fixture(scope="module")
def trial(folder: Path) -> Trial:
    return set_up(open_dataset(folder), SETTINGS, seed=0)


@pytest.fixture(autouse=True)
def _small_maps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ablation, "SETTINGS", SETTINGS)
    monkeypatch.setattr(ablation, "STEPS", 60)


@pytest.mark.slow
def test_the_command_prints_a_table_and_writes_every_figure_without_opening_test(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = ["everything", "without colour", "without disturbed good parts", "Mahalanobis distance",
            "excess without tolerance", "cells of 12 px, not 8"]  # fmt: skip
    assert main([str(folder), "--rows", *rows, "--json", str(tmp_path / "out.json")]) == 0
    results = json.loads((tmp_path / "out.json").read_text())
    assert [result["variant"] for result in results] == rows
    for result in results:
        assert (result["learned_parts"], result["held_out_parts"]) == (12, 4)
        assert set(result["aurocs"]) == {kind.name for kind in KINDS}
        found = [value for of_kind in result["aurocs"].values() for value in of_kind.values()]
        assert all(0 <= value <= 1 for value in found)
        assert result["map_ms"] > 0
    assert len({json.dumps(result["aurocs"]) for result in results}) == len(rows)  # no row does nothing
    printed = capsys.readouterr().out.splitlines()
    assert [line.split(" | ")[0].strip("| ") for line in printed[2 : 2 + len(rows)]] == rows


def test_too_few_parts_and_no_folder_are_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_picture(tmp_path / "few" / "good" / "1.png", small_frame(0).pixels)
    assert main([str(tmp_path / "few")]) == 1
    assert "few: 1 good parts to train on, at least 12 are needed here" in capsys.readouterr().err
    assert main([str(tmp_path / "none")]) == 1
    assert "there is no such folder" in capsys.readouterr().err


def test_rows_have_names_of_their_own_and_change_one_thing() -> None:
    rows = variants(MapSettings())
    assert len({row.name for row in rows}) == len(rows)
    assert all(replace(row, name="everything") != rows[0] for row in rows[1:])
    assert all(not row.settings.is_colour for row in variants(MapSettings().for_grey()))


def test_parts_are_learned_from_or_judged_and_a_defect_is_drawn_on_each_that_is_judged(trial: Trial) -> None:
    assert len(trial.learned) == 12
    assert [len(of_kind) for of_kind in trial.defective] == [len(trial.good)] * len(KINDS) == [4] * len(KINDS)
    for of_kind in trial.defective:
        for good, defective in zip(trial.good, of_kind, strict=True):
            assert good.shape == defective.shape
            assert (good != defective).any()


def test_leaving_out_columns_equals_measuring_less(trial: Trial) -> None:
    settings = SETTINGS.model_copy(
        update={"variables": (Variable.DIFFERENCE, Variable.SHIFT), "channels": (Channel.RED_GREEN,)}
    )
    less = measure(trial, settings, synthetic_per_part=1, usual_reach_px=1)
    whole = measure(trial, SETTINGS, synthetic_per_part=2, usual_reach_px=1)
    chosen = whole.only(variables=settings.variables, channels=settings.channels, synthetic_per_part=1)
    np.testing.assert_allclose(chosen.good, less.good, atol=0.1)
    np.testing.assert_allclose(chosen.examples.good, less.examples.good, atol=0.1)
    assert chosen.examples.defective.shape == less.examples.defective.shape
    assert chosen.examples.changes.shape == less.examples.changes.shape
    seen = chosen.references.variables(chosen.settings).of(trial.good[0])
    np.testing.assert_allclose(seen, less.good[0], atol=0.1)


def test_a_function_without_neighbourhood_or_unit_space_does_not_know_them(trial: Trial) -> None:
    examples = measure(trial, SETTINGS, synthetic_per_part=4, usual_reach_px=1).examples
    part = examples.good[0].astype(np.float32)
    changed = part.copy()
    changed[4, 6] += 9
    for shape, cells_changed in ((CellShape(), 9), (CellShape(sees_neighbourhood=False), 1)):
        function = learn_cells(examples, seed=0, description="", steps=30, shape=shape)
        assert np.count_nonzero(function.of(changed) != function.of(part)) == cells_changed
        assert not np.allclose(function.unit_space, function.unit_space[0])
    blind = learn_cells(examples, seed=0, description="", steps=30, shape=CellShape(knows_unit_space=False))
    np.testing.assert_array_equal(blind.unit_space, np.broadcast_to(blind.unit_space[0], blind.unit_space.shape))
    small = learn_cells(examples, seed=0, description="", steps=2, shape=CellShape(hidden_units=5))
    assert small.across.shape == (5, 5)


@pytest.mark.parametrize("sees_neighbourhood", [True, False])
def test_the_mahalanobis_distance_is_standardised_and_finds_a_cell_against_the_correlation(
    sees_neighbourhood: bool,
) -> None:
    random = np.random.default_rng(0)
    good = random.normal(0, 2, (60, 5, 6, 3))
    good[..., 1] = good[..., 0] + random.normal(0, 0.5, good.shape[:3])
    function = learn_mahalanobis(good.astype(np.float16), sees_neighbourhood=sees_neighbourhood)
    fresh = random.normal(0, 2, (40, 5, 6, 3))
    fresh[..., 1] = fresh[..., 0] + random.normal(0, 0.5, fresh.shape[:3])
    values = np.stack([function.of(part.astype(np.float32)) for part in fresh])
    assert values.mean() == pytest.approx(0, abs=0.15)
    assert values.std() == pytest.approx(1, abs=0.15)
    odd = np.zeros((5, 6, 3), np.float32)
    odd[2, 3] = (3, -3, 0)  # each variable is usual, the two together are not
    assert function.of(odd).argmax() == 2 * 6 + 3
    assert function.of(odd).max() > 2


def test_the_part_is_what_is_unlike_the_corner_and_everything_if_nothing_is() -> None:
    plain = np.full((100, 100, 3), 200, np.uint8)
    assert part_of([plain]).all()
    shown = cv2.rectangle(plain.copy(), (40, 30), (79, 89), (20, 90, 160), -1)
    expected = np.zeros((100, 100), bool)
    expected[30:90, 40:80] = True
    np.testing.assert_array_equal(part_of([shown, shown, plain]), expected)


def test_the_table_has_means_over_kinds_and_seeds() -> None:
    def result(seed: int, auroc: float) -> Result:
        level = dict.fromkeys(POOLINGS, 0.5)
        aurocs = {"crack": {**level, "5 cells": auroc}, "stain": {**level, "5 cells": 1.0}}
        return Result(data="pill", seed=seed, variant="everything", learned_parts=12, held_out_parts=4,
                      aurocs=aurocs, map_ms=7.0, learning_s=1.0)  # fmt: skip

    assert mean_over_kinds(result(0, 0.8).aurocs, "5 cells") == pytest.approx(0.9)
    lines = as_text([result(0, 0.8), result(1, 0.6)]).splitlines()
    assert lines[2].startswith("| everything | 0.850 (0.800 to 0.900) | 0.500 (0.500 to 0.500) |")
    assert "| 5 cells | 0.850 (0.800 to 0.900) |" in lines


def test_few_strong_cells_count_by_the_mean_of_few_and_by_high_powers_and_many_raised_ones_by_the_mean_of_many() -> (
    None
):
    quiet = np.random.default_rng(0).normal(0, 0.1, (2, 100))
    few, many = quiet.copy(), quiet.copy()
    few[:, :5] += 6.5
    many[:, :80] += 3.8
    for pooling in POOLINGS:
        stands_out = [pooled(maps)[pooling].min() for maps in (few, many)]
        assert np.argmax(stands_out) == (1 if pooling in {"20 cells", "4th powers"} else 0), pooling
