"""Which samples the losses get to see."""

from collections import Counter

import pytest
import torch

from training.losses import GOOD, SYNTHETIC
from training.miners import GOOD_ANCHOR_WEIGHT, AnchoredTriplets, RandomPairs, every_sample

LABELS = torch.tensor([GOOD] * 30 + [SYNTHETIC] * 30 + [1] * 10 + [2] * 10 + [3] * 2)
EMBEDDINGS = torch.zeros(len(LABELS), 128)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_every_sample_is_every_sample_once() -> None:
    assert every_sample(EMBEDDINGS, LABELS).tolist() == list(range(len(LABELS)))


def test_half_of_the_pairs_are_equal_and_no_part_is_its_own_partner() -> None:
    pairs = RandomPairs(256, generator())(EMBEDDINGS, LABELS)
    is_equal = LABELS[pairs[:, 0]] == LABELS[pairs[:, 1]]
    assert pairs.shape == (256, 2)
    assert int(is_equal.sum()) == 128
    assert (pairs[:, 0] != pairs[:, 1]).all()


def test_unequal_pairs_hold_a_good_part() -> None:
    pairs = LABELS[RandomPairs(256, generator())(EMBEDDINGS, LABELS)]
    unequal = pairs[pairs[:, 0] != pairs[:, 1]]
    assert (unequal == GOOD).any(dim=1).all()
    assert set(unequal.flatten().tolist()) == {GOOD, SYNTHETIC, 1, 2, 3}


@pytest.mark.parametrize("seed", range(5))
def test_two_synthetic_defects_are_never_called_equal(seed: int) -> None:
    pairs = LABELS[RandomPairs(256, generator(seed))(EMBEDDINGS, LABELS)]
    assert not ((pairs == SYNTHETIC).all(dim=1)).any()
    triplets = LABELS[AnchoredTriplets(256, generator(seed))(EMBEDDINGS, LABELS)]
    assert SYNTHETIC not in triplets[:, :2]
    assert SYNTHETIC in triplets[:, 2]


def test_good_anchors_are_five_times_as_frequent_as_any_defects() -> None:
    triplets = AnchoredTriplets(60_000, generator())(EMBEDDINGS, LABELS)
    anchors = Counter(LABELS[triplets[:, 0]].tolist())
    assert GOOD_ANCHOR_WEIGHT == 5.0
    assert set(anchors) == {GOOD, 1, 2, 3}
    for label in (1, 2, 3):
        assert anchors[GOOD] / anchors[label] == pytest.approx(5.0, rel=0.07)


def test_without_balance_good_anchors_are_as_frequent_as_any_defects() -> None:
    triplets = AnchoredTriplets(60_000, generator(), good_weight=1.0)(EMBEDDINGS, LABELS)
    anchors = Counter(LABELS[triplets[:, 0]].tolist())
    for label in (1, 2, 3):
        assert anchors[GOOD] / anchors[label] == pytest.approx(1.0, rel=0.05)


def test_a_triplet_is_two_different_parts_of_one_label_and_one_of_another() -> None:
    triplets = AnchoredTriplets(2_000, generator())(EMBEDDINGS, LABELS)
    anchor, positive, negative = LABELS[triplets].unbind(dim=1)
    assert (anchor == positive).all()
    assert (anchor != negative).all()
    assert (triplets[:, 0] != triplets[:, 1]).all()


@pytest.mark.parametrize(
    "labels",
    [[GOOD, 1, 2, SYNTHETIC], [GOOD] * 8, [SYNTHETIC] * 8, [GOOD] + [SYNTHETIC] * 8],
    ids=["one of each", "all good", "all synthetic", "one good part"],
)
def test_without_a_valid_triplet_there_is_none(labels: list[int]) -> None:
    found = AnchoredTriplets(50, generator())(torch.zeros(len(labels), 128), torch.tensor(labels))
    assert found.shape == (0, 3)


@pytest.mark.parametrize("labels", [[SYNTHETIC] * 8, [1]], ids=["all synthetic", "a single part"])
def test_without_partners_there_are_no_pairs(labels: list[int]) -> None:
    assert RandomPairs(50, generator())(torch.zeros(len(labels), 128), torch.tensor(labels)).shape == (0, 2)


def test_the_same_seed_draws_the_same_and_another_draws_others() -> None:
    for miner in (RandomPairs, AnchoredTriplets):
        first, again, other = (miner(64, generator(seed))(EMBEDDINGS, LABELS) for seed in (3, 3, 4))
        assert torch.equal(first, again)
        assert not torch.equal(first, other)
