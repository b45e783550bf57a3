"""Counting mistakes: a hand-counted example, with parts that could not be judged among them."""

import json
from pathlib import Path

import pytest

from edge.verdict import Reason, fault
from tests.verdicts import verdict_at
from training.calibrate import Rate
from training.dataset import Sample
from training.errors import DataSetError
from training.evaluate import Judged, as_json, evaluate

LIMIT = 2.5


def judged(label: str, distance: float | None) -> Judged:
    path = Path(label) / f"{distance}.png"
    if distance is None:
        verdict = fault(Reason.BLURRED, "sharpness 1.0 is below 2.0")
    else:
        verdict = verdict_at(distance, limit=LIMIT)
    return Judged(sample=Sample(path=path, label=label, part=path.stem), verdict=verdict, ms=1.0)


EXAMPLE = [
    *(judged("good", distance) for distance in (1.0, 2.0, 3.0, None)),
    *(judged("bent", distance) for distance in (2.0, 4.0)),
    *(judged("missing", distance) for distance in (5.0, None)),
]


def test_a_hand_counted_example() -> None:
    found = evaluate(EXAMPLE)
    assert found.escapes == Rate(events=1, trials=4)  # the bent part at 2.0
    assert found.overkills == Rate(events=2, trials=4)  # the one at 3.0, and the one that could not be judged
    assert found.faults == 2
    assert found.per_defect == {"bent": Rate(events=1, trials=2), "missing": Rate(events=0, trials=2)}
    # The limit would have to lie below 2.0, the nearest defect: good parts at 2.0, 3.0 and the unjudged one go.
    assert found.overkill_at_zero_escapes == Rate(events=3, trials=4)
    # Pairs in which the defect is farther, ties half: 4 for the good part at 1, 3.5 at 2, 3 at 3, 0.5 unjudged.
    assert found.auroc == pytest.approx((4 + 3.5 + 3 + 0.5) / 16)


def test_a_perfect_model_has_an_auroc_of_one_and_no_mistakes() -> None:
    found = evaluate([judged("good", 1.0), judged("good", 2.0), judged("bent", 2.6)])
    assert found.auroc == 1.0
    assert (found.escapes.events, found.overkills.events, found.faults) == (0, 0, 0)
    assert found.overkill_at_zero_escapes == Rate(events=0, trials=2)


def test_a_model_that_judges_nothing_lets_nothing_pass_and_guesses() -> None:
    found = evaluate([judged("good", None), judged("bent", None)])
    assert found.auroc == 0.5
    assert found.escapes == Rate(events=0, trials=1)
    assert found.overkills == Rate(events=1, trials=1)


@pytest.mark.parametrize("label", ["good", "bent"])
def test_with_one_kind_of_part_the_figures_that_need_both_are_missing(label: str) -> None:
    found = evaluate([judged(label, 1.0), judged(label, 3.0)])
    assert found.auroc is None
    assert found.overkill_at_zero_escapes is None
    assert str(found.escapes if label == "good" else found.overkills) == "no parts"


def test_no_test_pictures_are_said_so() -> None:
    with pytest.raises(DataSetError, match="no test pictures"):
        evaluate([])


def test_the_json_holds_every_figure_and_every_picture_and_no_infinity() -> None:
    figures = json.loads(json.dumps(as_json(evaluate(EXAMPLE)), allow_nan=False))
    assert (figures["n_ok"], figures["n_ng"], figures["faults"]) == (4, 4, 2)
    assert figures["escapes"]["events"] == 1
    assert figures["escapes"]["trials"] == 4
    assert figures["overkill_at_zero_escapes"]["events"] == 3
    assert set(figures["per_defect"]) == {"bent", "missing"}
    assert [picture["distance"] for picture in figures["pictures"]] == [1.0, 2.0, 3.0, None, 2.0, 4.0, 5.0, None]
    assert figures["pictures"][3]["outcome"] == "FAULT"
    assert figures["pictures"][3]["reason"] == "blurred"
