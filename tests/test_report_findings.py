"""What the report's figures are made of: other limits, kinds of defect, checks, and what is missing."""

import json
import re
from dataclasses import replace
from importlib import resources
from itertools import pairwise
from pathlib import Path
from string import Formatter
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.covariance import ledoit_wolf
from sklearn.metrics import auc, roc_auc_score

from edge.scoring import Metric
from edge.verdict import Outcome, Reason, Verdict, fault
from tests.verdicts import verdict_at
from training.calibrate import cross_fitted_limit
from training.dataset import Sample
from training.evaluate import Judged, evaluate
from training.learn import Learned
from training.loop import LossName, TrainingSettings
from training.report import charts
from training.report.distances import distances_of
from training.report.embedding import Point, effective_rank, flat_loss, flattened, nearest_taught
from training.report.kinds import address_of, confusion_table, kind_of, row_of
from training.report.shortages import shortages
from training.report.svg import Scale
from training.report.trade import trade_of
from training.report.wording import LANGUAGES, dictionary, label_told, plain, told

LIMIT = 2.5


def sample(label: str, number: int = 0) -> Sample:
    path = Path("test") / label / f"{number}.png"
    return Sample(path=path, label=label, part=f"{label} {number}")


def judged(label: str, distance: float | None, *, is_foreign: bool = False) -> Judged:
    if distance is None:
        verdict = fault(Reason.BLURRED)
    elif is_foreign:
        verdict = Verdict(outcome=Outcome.NG, reason=Reason.UNLIKE_ANY_PART, distance=distance, limit=LIMIT)
    else:
        verdict = verdict_at(distance, limit=LIMIT)
    return Judged(sample=sample(label), verdict=verdict, ms=1.0)


distances = st.lists(st.none() | st.floats(0.01, 9), min_size=1, max_size=30)


@settings(deadline=None, max_examples=40)
@given(good=distances, defective=distances)
def test_the_trade_is_what_evaluating_at_each_limit_gives(
    good: list[float | None], defective: list[float | None]
) -> None:
    parts = [*(judged("good", distance) for distance in good), *(judged("bent", distance) for distance in defective)]
    trade = trade_of(parts)
    found = evaluate(parts)
    assert trade.at(LIMIT) == (found.escapes, found.overkills)
    for limit, escapes, overkills in zip(trade.limits, trade.escapes, trade.overkills, strict=True):
        assert escapes.events == sum(not part.is_good and part.distance <= limit for part in parts)
        assert overkills.events == sum(part.is_good and part.distance > limit for part in parts)
    assert all(low < high for low, high in pairwise(trade.limits))


def test_a_part_that_no_limit_lets_pass_never_passes() -> None:
    trade = trade_of([judged("good", 1.0), judged("bent", 1.0, is_foreign=True), judged("bent", None)])
    assert trade.at(1e9)[0].events == 0
    assert trade.at(1e9)[1].events == 0
    assert trade.at(0.0)[1].events == 1


def test_the_area_under_the_drawn_roc_is_scikit_learns_auroc() -> None:
    random = np.random.default_rng(0)
    good, defective = random.gamma(2, size=40), random.gamma(4, size=60)
    trade = trade_of([*(judged("good", float(d)) for d in good), *(judged("bent", float(d)) for d in defective)])
    across = [rate.share for rate in trade.overkills]
    up = [1 - rate.share for rate in trade.escapes]
    known = roc_auc_score([0] * 40 + [1] * 60, [*good, *defective])
    assert auc(across, up) == pytest.approx(known)
    places = charts.roc_points(trade)
    assert places[0] == (charts.ROC_ACROSS(100), charts.ROC_UP(100))
    assert places[-1] == (charts.ROC_ACROSS(0), charts.ROC_UP(0))


def test_a_label_is_a_kind_with_an_address() -> None:
    assert kind_of("pushed_in_31") == "pushed_in"
    assert address_of("pushed_in_31") == "31"
    assert row_of("pushed_in_31") == ("pushed_in", "3")
    assert row_of("bent_7") == ("bent", None)
    assert address_of("scratched") is None


def test_many_labels_are_told_by_kind_and_their_mistakes_one_by_one() -> None:
    counts: dict[str, dict[str, int]] = {"good": {"good": 50, "bent_11": 1}}
    counts |= {f"bent_{number}": {f"bent_{number}": 3} for number in range(11, 30)}
    counts["bent_11"] = {"bent_11": 2, "missing_12": 1, "good": 4}
    table = confusion_table(counts)
    assert table.by_kind
    assert table.truths == ["good", "bent"]
    assert table.said == ["good", "bent", "missing"]
    assert table.counts["bent"] == {"bent": 56, "missing": 1, "good": 4}
    assert table.mix_ups[0] == ("bent_11", "good", 4)
    assert table.addresses is not None
    assert (table.addresses.events, table.addresses.trials) == (56, 57)


def test_a_few_labels_are_told_as_they_are() -> None:
    table = confusion_table({"good": {"good": 5}, "crack": {"crack": 3, "not judged": 1}, "chip": {"crack": 1}})
    assert not table.by_kind
    assert table.said == ["good", "crack", "chip", "not judged"]
    assert table.addresses is None


def test_a_model_that_names_no_defects_has_no_columns_of_them() -> None:
    table = confusion_table({"good": {"good": 5}, "crack": {"some defect": 3, "not judged": 1}})
    assert table.said == ["good", "some defect", "not judged"]


def test_the_effective_rank_counts_directions() -> None:
    random = np.random.default_rng(0)
    assert effective_rank(random.normal(size=(4000, 5)) @ np.eye(5, 128)) == pytest.approx(5, abs=0.05)
    line = random.normal(size=(50, 1)) * np.ones((1, 128))
    assert effective_rank(line) == pytest.approx(1, abs=1e-6)
    assert effective_rank(np.ones((9, 128))) == 0.0


@pytest.mark.parametrize(
    ("loss", "labels", "expected"),
    [(LossName.CLASSIFY, 2, np.log(4)), (LossName.SIAMESE, 3, 50.0), (LossName.TRIPLET, 3, 100.0)],
)
def test_the_loss_of_a_collapsed_embedding(loss: LossName, labels: int, expected: float) -> None:
    assert flat_loss(TrainingSettings(loss=loss), labels=labels) == pytest.approx(expected)


def points(count: int, label: str = "good", *, is_judged: bool = False) -> list[Point]:
    random = np.random.default_rng(count)
    return [
        Point(
            sample=sample(label, number),
            at=random.normal(size=128).astype(np.float32),
            judged=judged(label, 1.0) if is_judged else None,
        )
        for number in range(count)
    ]


def test_the_nearest_parts_are_the_nearest() -> None:
    taught = points(30)
    found = nearest_taught(taught[7].at + np.float32(0.001), taught)
    assert found[0][0] is taught[7]
    assert [distance for _, distance in found] == sorted(distance for _, distance in found)


def test_two_parts_are_enough_for_a_scatter_and_a_hundred_kinds_do_not_break_it() -> None:
    few = points(2)
    flat = flattened(few, np.zeros(128, np.float32))
    assert "data-point" in charts.scatter_chart(few, flat, limit=3.0)
    many = [point for number in range(100) for point in points(1, f"kind{number}x", is_judged=True)]
    flat = flattened([*few, *many], np.zeros(128, np.float32))
    assert sum(flat.explained) <= 1 + 1e-9
    assert len(charts.scatter_legend([*few, *many])) == len(charts.KINDS)
    assert charts.scatter_chart([*few, *many], flat, limit=3.0).count("data-point") == 102


def test_one_part_on_one_place_is_drawn() -> None:
    same = [replace(point, at=np.zeros(128, np.float32)) for point in points(3)]
    with np.errstate(invalid="ignore"):
        flat = flattened([*same, *points(1)], np.zeros(128, np.float32))
    assert "circle" in charts.scatter_chart([*same, *points(1)], flat, limit=1.0)


def test_too_few_of_everything_is_said_with_numbers() -> None:
    learned_from = [sample("good", number) for number in range(10)]
    defective = [*(sample("bent_31", number) for number in range(2)), *(sample("crack", number) for number in range(9))]
    evaluation = evaluate([*(judged("good", 1.0) for _ in range(6)), judged("bent_31", 1.0), judged("crack", 4.0)])
    limit = cross_fitted_limit(range(10), overkill=0.02, folds=5)
    found = shortages(learned_from=learned_from, defective=defective, evaluation=evaluation, limit=limit)
    by_name = {shortage.name: shortage for shortage in found}
    assert list(by_name) == ["defects_to_test", "good_to_test", "escaped", "good_to_learn", "rare_row"]
    assert by_name["defects_to_test"].numbers[:3] == (2, 299, 0.01)
    assert by_name["escaped"].label == "bent"
    assert by_name["escaped"].numbers == (1, 1, 2)
    assert by_name["good_to_learn"].numbers == (10, 49, 0.02)
    assert (by_name["rare_row"].label, by_name["rare_row"].row, by_name["rare_row"].numbers) == ("bent", "3", (2,))


def test_without_test_pictures_these_are_missing_first() -> None:
    limit = cross_fitted_limit(range(100), overkill=0.02, folds=5)
    found = shortages(learned_from=[], defective=[], evaluation=None, limit=limit)
    assert [shortage.name for shortage in found] == ["no_test"]


def test_every_word_is_there_in_both_languages_with_the_same_places() -> None:
    for key, texts in dictionary().items():
        assert tuple(texts) == LANGUAGES, key
        assert all(texts.values()), key
        places = [{place for _, place, _, _ in Formatter().parse(text) if place is not None} for text in texts.values()]
        assert places[0] == places[1], key


def test_every_word_of_the_page_is_in_the_dictionary_and_japanese_where_it_is_japanese() -> None:
    page = resources.files("training.report").joinpath("page.html").read_text(encoding="utf-8")
    for key in re.findall(r"\bt\('([^']+)'\s*[,)]", page):
        assert key in dictionary(), key
    for key, texts in dictionary().items():
        assert re.search("[ぁ-んァ-ヶ一-龠]|{low}〜|（", texts["ja"]), key
        assert not re.search("[ぁ-んァ-ヶ一-龠]", texts["en"]), key


def test_words_are_escaped_and_marked_with_their_language() -> None:
    title = told("title", product="<b>&", serial=3)
    assert title.__html__() == (
        '<span lang="en">&lt;b&gt;&amp;, model 3</span><span lang="ja">&lt;b&gt;&amp;　モデル 3</span>'
    )
    assert str(plain("<i>").svg) == "&lt;i&gt;"
    assert label_told("bent_31").ja == "ピン曲がり 31"
    assert label_told("own-name").en == "own-name"
    assert json.dumps(label_told("crack_edge").en) == '"crack edge"'


@pytest.mark.parametrize("is_log", [False, True])
def test_ticks_lie_within_their_scale(is_log: bool) -> None:
    scale = Scale(low=0.03, high=7.7, start=0, end=100, is_log=is_log)
    ticks = scale.ticks()
    assert 3 <= len(ticks) <= 9
    assert all(scale.low <= tick <= scale.high for tick in ticks)
    assert scale(0.03) == 0
    assert scale(7.7) == scale(99) == 100


def in_space(at: np.ndarray, label: str) -> Judged:
    return replace(judged(label, 1.0), embedding=at.astype(np.float32), cell_map=np.zeros((4, 4), np.uint8))


def learned_from(good: np.ndarray, metric: Metric = Metric.EUCLIDEAN) -> Learned:
    return cast("Learned", SimpleNamespace(embeddings_good=good.astype(np.float32), metric=metric))


def test_other_distances_rank_by_what_they_see() -> None:
    """Good parts lie in two clusters of another size; what is bad lies between them, near the mean of all."""
    random = np.random.default_rng(0)
    offsets = np.zeros((2, 128))
    offsets[0, 0], offsets[1, 0] = 30.0, -30.0

    def good(count: int) -> np.ndarray:
        return 10 + offsets[np.arange(count) % 2] + random.normal(size=(count, 128))

    learned = learned_from(good(60))
    bad = 10 + 0.3 * random.normal(size=(20, 128))
    parts = [*(in_space(at, "good") for at in good(20)), *(in_space(at, "bent") for at in bad)]
    found = {(ranked.name, ranked.count): ranked.auroc for ranked in distances_of(learned, parts, 0.25)}
    assert found["euclidean", 0] == 0.25
    assert found["two_stage", 2] == 1.0
    assert found["map", 0] == 0.5
    assert found["cosine", 0] < 0.5
    spread, _ = ledoit_wolf(learned.embeddings_good.astype(float))
    away = np.stack([part.embedding for part in parts]) - learned.embeddings_good.mean(axis=0)
    by_hand = np.einsum("ni,ij,nj->n", away, np.linalg.inv(spread), away)
    assert found["mahalanobis", 0] == pytest.approx(roc_auc_score([0] * 20 + [1] * 20, by_hand))


def test_a_part_that_was_not_judged_is_farther_by_every_distance() -> None:
    random = np.random.default_rng(0)
    learned = learned_from(random.normal(size=(12, 128)), Metric.COSINE)
    parts = [in_space(random.normal(size=128), "good"), judged("bent", None)]
    found = distances_of(learned, parts, 1.0)
    assert [ranked.name for ranked in found if ranked.is_used] == ["cosine"]
    assert [ranked.name for ranked in found] == ["euclidean", "mahalanobis", "cosine", "higher", "map"]
    assert all(ranked.auroc == 1 for ranked in found)
    assert distances_of(learned, parts, None) == []
