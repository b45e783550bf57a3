"""Which samples of a batch a loss looks at: `miner(embeddings, labels) -> indices`, always.

Synthetic defects (label SYNTHETIC) have nothing in common but that they are not good: they are never a pair of equals.
"""

import torch

from training.losses import GOOD, SYNTHETIC

GOOD_ANCHOR_WEIGHT = 5.0  # the client's diagnosis: good-part anchors are to be drawn about five times as often


def every_sample(embeddings: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """(N, D), (N,) → (N,): all of them."""
    return torch.arange(len(labels))


class RandomPairs:
    """As many equal as unequal pairs, drawn at random; unequal pairs always hold one good part while there are any."""

    def __init__(self, pairs: int, generator: torch.Generator) -> None:
        self._half = pairs // 2
        self._generator = generator

    def __call__(self, embeddings: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """(N, D), (N,) → (P, 2); fewer than asked for where the batch lacks partners."""
        first = torch.randint(len(labels), (8 * self._half,), generator=self._generator)
        second = torch.randint(len(labels), (8 * self._half,), generator=self._generator)
        is_equal = labels[first] == labels[second]
        holds_good = (labels[first] == GOOD) | (labels[second] == GOOD)
        equal = torch.nonzero(is_equal & (first != second) & (labels[first] != SYNTHETIC))[: self._half, 0]
        unequal = torch.nonzero(~is_equal & holds_good)[: self._half, 0]
        chosen = torch.cat([equal, unequal])
        return torch.stack([first[chosen], second[chosen]], dim=1)


class AnchoredTriplets:
    """Random triplets whose anchor is a good part `good_weight` times as often as any one defect's label."""

    def __init__(self, triplets: int, generator: torch.Generator, *, good_weight: float = GOOD_ANCHOR_WEIGHT) -> None:
        self._triplets = triplets
        self._good_weight = good_weight
        self._generator = generator

    def __call__(self, embeddings: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """(N, D), (N,) → (T, 3) anchor, positive, negative; empty where no label has two samples and a counterpart."""
        present, counts = torch.unique(labels, return_counts=True)
        usable = present[(counts >= 2) & (present != SYNTHETIC)]
        if len(usable) == 0 or len(present) < 2:
            return torch.zeros((0, 3), dtype=torch.long)
        weights = torch.where(usable == GOOD, self._good_weight, 1.0)
        chosen = usable[torch.multinomial(weights, self._triplets, replacement=True, generator=self._generator)]
        same = labels[None, :] == chosen[:, None]  # (T, N)
        pair = torch.multinomial(same.float(), 2, replacement=False, generator=self._generator)  # (T, 2)
        other = torch.multinomial((~same).float(), 1, generator=self._generator)  # (T, 1)
        return torch.cat([pair, other], dim=1)
