"""One thread for torch: sums split over threads round differently, and layers of this size gain nothing from more."""

import torch


def use_one_thread() -> None:
    """Make what follows repeatable, bit for bit."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
