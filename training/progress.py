"""Progress bars with the time left, on a terminal; silent otherwise."""

from collections.abc import Iterable
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


def progress(steps: Iterable[T], what: str, *, total: int | None = None) -> Iterable[T]:
    """The same steps, shown as a bar with the time left."""
    bar: Iterable[T] = tqdm(steps, desc=what, total=total, disable=None, leave=False, unit="")
    return bar
