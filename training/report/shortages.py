"""What to collect next: where there are too few parts to learn from, or to say anything."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from training.calibrate import Limit, parts_for
from training.dataset import GOOD, Sample
from training.evaluate import Evaluation
from training.report.kinds import kind_of, row_of
from training.sample_size import parts_to_say, upper_bound

ENOUGH_EXAMPLES = 5  # of a kind of defect in one row: fewer teach little
SHOWN = 8
WANTED_ESCAPE = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortage:
    """One thing that is missing. name: of its words. label, row, numbers: what fills their places."""

    name: str
    label: str = ""
    row: str = ""
    numbers: tuple[float, ...] = ()


def shortages(
    *, learned_from: Sequence[Sample], defective: Sequence[Sample], evaluation: Evaluation | None, limit: Limit
) -> list[Shortage]:
    """The most pressing first."""
    found = [*_escaped(defective, evaluation), *_limit(learned_from, limit), *_rare(defective)]
    return [*_untested(evaluation, limit), *found]


def _limit(learned_from: Sequence[Sample], limit: Limit) -> list[Shortage]:
    if not limit.is_short:
        return []
    there, wanted = len({sample.part for sample in learned_from}), parts_for(limit.target)
    return [Shortage(name="good_to_learn", numbers=(there, wanted, limit.target))]


def _untested(evaluation: Evaluation | None, limit: Limit) -> list[Shortage]:
    """Test parts: none at all of one kind, or too few to say what is wanted of the model."""
    if evaluation is None:
        return [Shortage(name="no_test")]
    found = []
    for name, rate, wanted in (
        ("defects_to_test", evaluation.escapes, WANTED_ESCAPE),
        ("good_to_test", evaluation.overkills, limit.target),
    ):
        if upper_bound(0, rate.trials) > wanted:
            needed = parts_to_say(wanted, events=0)
            found.append(Shortage(name=name, numbers=(rate.trials, needed, wanted, upper_bound(0, rate.trials))))
    return found


def _escaped(defective: Sequence[Sample], evaluation: Evaluation | None) -> list[Shortage]:
    """Kinds of defect of which parts passed, the most first, with how many the model was shown."""
    if evaluation is None:
        return []
    missed: Counter[str] = Counter()
    tested: Counter[str] = Counter()
    for label, rate in evaluation.per_defect.items():
        missed[kind_of(label)] += rate.events
        tested[kind_of(label)] += rate.trials
    shown = Counter(kind_of(sample.label) for sample in defective)
    ranked = [kind for kind, count in missed.most_common(SHOWN) if count]
    return [Shortage(name="escaped", label=kind, numbers=(missed[kind], tested[kind], shown[kind])) for kind in ranked]


def _rare(defective: Sequence[Sample]) -> list[Shortage]:
    """Kinds of defect, by row of the part, with few examples to learn from; the fewest first."""
    counts = Counter(row_of(sample.label) for sample in defective if sample.label != GOOD)
    few = sorted((count, kind, row or "") for (kind, row), count in counts.items() if count < ENOUGH_EXAMPLES)
    return [
        Shortage(name="rare_row" if row else "rare", label=kind, row=row, numbers=(count,))
        for count, kind, row in few[:SHOWN]
    ]
