"""From distances to a limit, with what the number of parts allows to promise; and rates with exact intervals."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import beta, betabinom

from edge.manifest import LimitRule
from training.sample_size import CONFIDENCE, upper_bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """distance: larger is NG. target: overkill asked for. parts: good parts that set it. rule: how.

    unjudged: how many of the parts could not be judged, and are rejected at any limit.
    expected: overkill of new good parts on average over draws of the parts, if the model of all of them is like those
    that had not seen some. guarantee: the most it can be on average if it is only no worse than they are.
    """

    distance: float
    target: float
    expected: float
    guarantee: float
    parts: int
    unjudged: int
    rule: LimitRule

    def __str__(self) -> str:
        words = (
            f"limit {self.distance:.3f} from {self.parts} good parts, each judged by a model that had not seen it: "
            f"{self.expected:.1%} overkill expected, at most {self.guarantee:.1%} guaranteed{CONDITION}"
        )
        if self.is_short:
            words += f"\n  {self.target:.1%} was asked for; that takes {parts_for(self.target)} good parts"
        if self.unjudged:
            words += f"\n  {self.unjudged} of these parts cannot be judged, whatever the limit: the report shows why"
        if self.rule == "with_margin":
            words += f"\n  the limit was widened {MARGIN}: a margin, no guarantee"
        return words

    @property
    def is_short(self) -> bool:
        """True where there are too few parts for the overkill asked for."""
        return self.parts < parts_for(self.target)

    def likely_overkills(self, trials: int) -> tuple[int, int]:
        """How many of so many new good parts 95 of 100 such limits reject, at least and at most, if `expected` holds.

        It is a limit's own luck as well as the new parts': ranks of draws from one distribution, so beta-binomial.
        """
        beyond = round(self.expected * (self.parts + 1))
        likely = betabinom(trials, beyond, self.parts + 1 - beyond)
        low, high = likely.ppf([(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
        return int(low), int(high)


CONDITION = " (if the model of all parts places none farther off than they do)"
MARGIN_BELOW = 5  # parts: of more, the farthest alone is far enough out (70 unseen pills, none rejected by ten)
WIDER = 1.2  # times, for so few: of bottles and pills that models of three had not seen, see training/README.md
MARGIN = "so that copies of the good parts in a little worse light, place and focus pass as well, with a fifth to spare"


def parts_for(overkill: float) -> int:
    """How many good parts it takes to rank them for this overkill."""
    return math.ceil(round(1 / overkill, 9)) - 1


def cross_fitted_limit(
    good_distances: Sequence[float], disturbed_distances: Sequence[float] = (), *, overkill: float, folds: int
) -> Limit:
    """The ⌈(n+1)(1-α)⌉-th smallest of n good parts' distances, each from a model that had not seen the part.

    With too few parts for α the largest. With fewer than MARGIN_BELOW the largest, or what lets 1-α of the disturbed
    copies of good parts pass, each likewise from a model that had not seen the part, where that is larger; and WIDER
    times that: what so few parts show of one day is not all there is.
    folds: how many models there were, each without one fold. An infinite distance (a good part that could not be
    judged) counts as rejected; where there are more of these than α allows, the limit lets all others pass. Raises
    ValueError where no part could be judged.
    """
    distances = np.sort(np.asarray(good_distances, dtype=float))
    parts = len(distances)
    if parts == 0:
        raise ValueError("no good parts to calibrate with")
    unjudged = int(np.isinf(distances).sum())
    if unjudged == parts:
        raise ValueError(f"none of {parts} good parts could be judged")
    rank = _rank(parts, overkill)
    distance = ranked = float(distances[min(rank, parts - unjudged) - 1])
    has_margin = rank > parts and parts < MARGIN_BELOW and len(disturbed_distances) > 0
    if has_margin:
        disturbed = np.sort(np.asarray(disturbed_distances, dtype=float))
        distance = WIDER * max(ranked, float(disturbed[min(_rank(len(disturbed), overkill), len(disturbed)) - 1]))
    rank = min(rank, parts - unjudged)
    return Limit(
        distance=distance,
        target=overkill,
        expected=1 - rank / (parts + 1),
        guarantee=worst_overkill(parts, rank, folds=min(folds, parts)),
        parts=parts,
        unjudged=unjudged,
        rule="with_margin" if has_margin else "ranked",
    )


def _rank(count: int, overkill: float) -> int:
    """Of the smallest of so many distances that a further one exceeds with a probability of at most α; more than the
    count where they are too few."""
    exact = round((count + 1) * (1 - overkill), 9)  # 25 · (1 - 0.44) is 14.000000000000002 to a computer
    return math.ceil(exact)


def worst_overkill(parts: int, rank: int, *, folds: int) -> float:
    """The most overkill, on average over draws of the parts, of a limit at a rank of cross-fitted distances.

    Holds without any assumption for a part that is rejected when the models of the folds reject it together (CV+), and
    therefore for a model that finds no new part farther off than they do. The smaller of two bounds: twice the mean of
    the folds' p-values (Vovk and Wang, 2020), and for equal folds that of Barber, Candès, Ramdas and Tibshirani (2021,
    theorem 4, second term).
    """
    worst = 2 * (folds + parts - rank) / (folds + parts)
    if parts % folds == 0:
        worst = min(worst, 2 * (1 - rank / (parts + 1)) + (1 - folds / parts) / (folds + 1))
    return min(worst, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """events of trials, with the exact 95 % interval (Clopper and Pearson, 1934); all shares from 0 to 1."""

    events: int
    trials: int

    @property
    def share(self) -> float:
        """The observed rate; not a number without trials."""
        return self.events / self.trials if self.trials else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Lower and upper end; without trials nothing is known, 0 to 1."""
        tail = (1 - CONFIDENCE) / 2
        low = float(beta.ppf(tail, self.events, self.trials - self.events + 1)) if self.events else 0.0
        is_all = self.events == self.trials
        high = 1.0 if is_all else float(beta.ppf(1 - tail, self.events + 1, self.trials - self.events))
        return low, high

    def __str__(self) -> str:
        if not self.trials:
            return "no parts"
        low, high = self.interval
        interval = f"95 % interval {100 * low:.1f} to {100 * high:.1f} %"
        words = f"{self.events} of {self.trials} ({100 * self.share:.1f} %, {interval})"
        if self.events == 0:
            words += f"; the true rate is below {100 * upper_bound(0, self.trials):.1f} % (95 %)"
        return words
