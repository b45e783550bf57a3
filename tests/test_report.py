"""The words of the report, and which pictures it shows."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np

from edge.inspection import Inspection, StageTimes
from edge.verdict import Outcome, Reason, Verdict, fault
from training.calibrate import cross_fitted_limit
from training.dataset import Sample
from training.evaluate import Judged
from training.report.gallery import PER_SECTION, mistakes_of, scale_bar, scale_steps, sections_of, unusual_good_parts
from training.report.sentences import promise_of


def judged(label: str, number: int, distance: float | None) -> Judged:
    verdict = fault(Reason.MISALIGNED, "fit 0.10 is below 0.50")
    if distance is not None:
        is_within = distance <= 1
        verdict = Verdict(
            outcome=Outcome.OK if is_within else Outcome.NG,
            reason=Reason.WITHIN_LIMIT if is_within else Reason.TOO_FAR,
            distance=distance,
            limit=1.0,
            cell=(0, 12),
        )
    path = Path("test") / label / f"{number}.png"
    return Judged(sample=Sample(path=path, label=label, part=path.stem), verdict=verdict, ms=1.0)


def shown(parts: list[Judged]) -> dict[str, list[str]]:
    by_path = {part.sample.path: part for part in parts}

    def look(sample: Sample) -> Inspection:
        verdict = by_path[sample.path].verdict
        cell_map = None if verdict.distance is None else np.zeros((12, 13), np.uint8)
        return Inspection(verdict=verdict, times=StageTimes(), cell_map=cell_map)

    sections = [*sections_of(parts, look), unusual_good_parts([part for part in parts if part.is_good], look)]
    return {section.title.en: [exhibit.file for exhibit in section.exhibits] for section in sections}


def test_the_promise_is_told_in_parts_of_a_thousand() -> None:
    limit = cross_fitted_limit(range(100), overkill=0.02, folds=5)
    words = promise_of(limit).en
    assert words.startswith("Of 1,000 good parts like these, about 20 are expected to be rejected (2.0 %).")
    assert "Guaranteed, on average, are at most 114 (11.4 %) (if the model of all parts places none farther" in words
    assert "asked for" not in words
    assert "margin" not in words


def test_a_promise_that_too_few_parts_allow_says_how_many_it_takes_and_what_a_margin_is() -> None:
    words = promise_of(cross_fitted_limit(range(52), [99.0], overkill=0.01, folds=5)).en
    assert "about 19 are expected" in words
    assert "1.0 % was asked for; that takes 99 good parts, and the 52 that there are allow no better" in words
    assert "widened" not in words
    words = promise_of(cross_fitted_limit(range(3), [99.0], overkill=0.01, folds=3)).en
    assert "widened so that copies of the good parts in a little worse light, place and focus pass" in words


def test_a_promise_counts_the_parts_that_cannot_be_judged() -> None:
    words = promise_of(cross_fitted_limit([*range(97), *[math.inf] * 3], overkill=0.02, folds=5)).en
    assert "about 40 are expected to be rejected" in words
    assert "3 of these 100 good parts cannot be judged (FAULT), whatever the limit" in words
    assert "asked for" not in words


def test_escapes_and_overkills_are_shown_worst_first() -> None:
    good = [judged("good", number, distance) for number, distance in enumerate([0.2, 1.5, 2.5])]
    bent = [judged("bent", number, distance) for number, distance in enumerate([0.9, 0.3, 4.0, None], start=4)]
    found = shown([*good, *bent])
    assert found["Escapes"] == ["bent/5.png", "bent/4.png"]
    assert found["Overkill"] == ["good/2.png", "good/1.png"]
    assert found["Defects caught best"] == ["bent/6.png"]
    assert found["Parts that could not be judged"] == ["bent/7.png"]
    assert found["The most unusual good parts"][0] == "good/2.png"


def test_unusual_good_parts_are_told_with_the_distance_that_sets_the_limit() -> None:
    """To a model that had not seen the part it is 1.30 of the limit, to the finished one 0.40."""

    def look(sample: Sample) -> Inspection:
        return Inspection(
            verdict=judged("good", 1, 0.4).verdict, times=StageTimes(), cell_map=np.zeros((4, 4), np.uint8)
        )

    section = unusual_good_parts([judged("good", 1, 1.3), judged("good", 2, None)], look)
    assert [exhibit.numbers.en for exhibit in section.exhibits] == [
        "no distance",
        "1.30 of the limit to a model that had not seen it, 0.40 to the finished one",
    ]


def test_where_nothing_went_wrong_the_nearest_are_shown() -> None:
    found = shown([judged("good", number, 0.1 * number) for number in range(6)] + [judged("bent", 9, 3.0)])
    assert found["Escapes: none"] == ["bent/9.png"]
    assert found["Overkill: none"][0] == "good/5.png"


def test_a_hundred_escapes_do_not_make_a_hundred_pictures() -> None:
    found = shown([judged("bent", number, 0.5) for number in range(100)])
    assert len(found["Escapes"]) == PER_SECTION
    assert "Overkill" not in found


def test_the_scale_of_the_map_is_fixed() -> None:
    assert scale_steps() == [-3, 0, 3, 6, 9, 12, 15]
    assert scale_bar().startswith("data:image/png;base64,")


def test_mistakes_come_before_what_is_right_and_the_worst_first() -> None:
    parts = [judged("good", 0, 0.2), judged("good", 1, 1.5), judged("bent", 2, 0.9), judged("bent", 3, 4.0)]
    placed = [replace(part, embedding=np.zeros(128, np.float32)) for part in parts]
    assert [part.sample.path.stem for part in mistakes_of(placed)] == ["1", "2"]
    assert [part.sample.path.stem for part in mistakes_of([placed[0], placed[3]])] == ["0", "3"]
    assert mistakes_of(parts) == []
