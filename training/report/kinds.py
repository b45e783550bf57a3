"""Labels such as `bent_31` are kinds of defect with an address on the part; many labels are told by their kind."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from training.calibrate import Rate
from training.dataset import GOOD

ADDRESSED = re.compile(r"(.+?)_(\d+)")
MOST_LABELS_IN_A_TABLE = 16
MIX_UPS_SHOWN = 12


def kind_of(label: str) -> str:
    """The label without its address."""
    found = ADDRESSED.fullmatch(label)
    return label if found is None else found[1]


def address_of(label: str) -> str | None:
    """The address at the end of a label, None without one."""
    found = ADDRESSED.fullmatch(label)
    return None if found is None else found[2]


def row_of(label: str) -> tuple[str, str | None]:
    """Kind, and the address but for its last digit: a row of pins, if the address has two digits."""
    address = address_of(label)
    return kind_of(label), address[:-1] if address is not None and len(address) == 2 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusion:
    """Counts by truth (rows) and what was said (columns). good is first in both.

    by_kind: whether labels with an address are told together. addresses: of the defective parts with an address that
    were rejected with a label, how many were given their own address; None where there are none. mix_ups: labels that
    were told for others, the most frequent first: (truth, said, how often).
    """

    truths: list[str]
    said: list[str]
    counts: dict[str, dict[str, int]]
    by_kind: bool
    addresses: Rate | None
    mix_ups: list[tuple[str, str, int]]


def confusion_table(counts: Mapping[str, Mapping[str, int]]) -> Confusion:
    """What `confusion_of` counted, in an order and length that people can read."""
    by_kind = len(_words(counts)) > MOST_LABELS_IN_A_TABLE
    told: dict[str, Counter[str]] = {}
    for truth, row in counts.items():
        for said, count in row.items():
            named = (kind_of(truth), kind_of(said)) if by_kind else (truth, said)
            told.setdefault(named[0], Counter())[named[1]] += count
    truths, words = _good_first(told), _words(told)
    names_defects = any(word in truths and word != GOOD for word in words)
    return Confusion(
        truths=truths,
        said=_good_first([*(truths if names_defects else ()), GOOD, *words]),
        counts={truth: dict(told[truth]) for truth in truths},
        by_kind=by_kind,
        addresses=_addresses(counts),
        mix_ups=_mix_ups(counts),
    )


def _words(counts: Mapping[str, Mapping[str, int]]) -> list[str]:
    return list(dict.fromkeys(word for row in counts.values() for word in row))


def _good_first(labels: Iterable[str]) -> list[str]:
    return sorted(dict.fromkeys(labels), key=lambda label: label != GOOD)


def _addresses(counts: Mapping[str, Mapping[str, int]]) -> Rate | None:
    pairs: Sequence[tuple[bool, int]] = [
        (address_of(truth) == address_of(said), count)
        for truth, row in counts.items()
        for said, count in row.items()
        if address_of(truth) is not None and address_of(said) is not None
    ]
    if not pairs:
        return None
    return Rate(events=sum(count for is_right, count in pairs if is_right), trials=sum(count for _, count in pairs))


def _mix_ups(counts: Mapping[str, Mapping[str, int]]) -> list[tuple[str, str, int]]:
    wrong = [(truth, said, count) for truth, row in counts.items() for said, count in row.items() if truth != said]
    return sorted(wrong, key=lambda mix_up: -mix_up[2])[:MIX_UPS_SHOWN]
