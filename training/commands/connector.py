"""`training connector OUT`: render the demo data set.

OUT gets `train/good/`, `test/good/`, and for every defect class `train/<label>/` and `test/<label>/`. A picture is
named `part-0012__0.png`; the text before `__` is the physical part, which is never both in train and in test.
`truth.csv` says what is wrong with which part. `--test-good` and `--sized-bends` make a test set that is large enough
to measure rare mistakes and to see how small a bend is found.
"""

import argparse
import csv
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from edge.drivers.connector import CLEAR_BEND_DEGREES, PIN_ADDRESSES, Defect, DefectKind, render
from edge.errors import PictureError
from training.progress import progress

DEFAULT_PARTS = 240
TRAIN_BENDS = 6 * len(PIN_ADDRESSES)
TEST_BENDS = 2 * len(PIN_ADDRESSES)
SPOILT_PINS = (DefectKind.MISSING, DefectKind.PUSHED_IN, DefectKind.CONTAMINATED)
TRAIN_SPOILT = 2 * len(PIN_ADDRESSES)
TEST_SPOILT = len(PIN_ADDRESSES)
TRAIN_SCRATCHED, TEST_SCRATCHED = 12, 6
"""How many pictures there are of each kind beside DEFAULT_PARTS good ones; other numbers of parts scale them."""
GOOD_TEST_SHARE = 0.25
TRAINED_BENDS = (4.0, 15.0)
SMALL_BENDS = (3.0, 6.0)
SIZED_BENDS = (1.0, 15.0)
CLEAR_BENDS = (CLEAR_BEND_DEGREES, 15.0)
SEVERITIES = (0.4, 1.0)
COLUMNS = ("file", "part", "kind", "pin", "amount", "is_clear")


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One picture to be rendered; part is its physical part, defect is None for a good one."""

    part: int
    split: str
    defect: Defect | None

    @property
    def name(self) -> str:
        """The name of the part in file names and in the truth."""
        return f"part-{self.part:04d}"

    @property
    def file(self) -> str:
        """Where the picture lies below OUT, with forward slashes."""
        label = "good" if self.defect is None else self.defect.label
        return f"{self.split}/{label}/{self.name}__0.png"

    @property
    def truth(self) -> tuple[str, ...]:
        """The row of truth.csv, in the order of COLUMNS; a good part leaves pin, amount and is_clear empty."""
        if self.defect is None:
            return (self.file, self.name, "good", "", "", "")
        defect = self.defect
        return (self.file, self.name, defect.kind, defect.pin or "", f"{defect.amount:g}", str(defect.is_clear).lower())


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Numbers of pictures that do not simply grow with the good training parts; None grows with them.

    train_bends: to train on. test_good: to test on. sized_bends: to test on beside the usual ones, by SIZED_BENDS.
    Raises PictureError for a negative number.
    """

    train_bends: int | None = None
    test_good: int | None = None
    sized_bends: int = 0

    def __post_init__(self) -> None:
        if min(self.train_bends or 0, self.test_good or 0, self.sized_bends) < 0:
            raise PictureError("a negative number of pictures cannot be rendered, ask for 0 or more")


AS_USUAL = Counts()


def plan(*, parts: int, seed: int, counts: Counts = AS_USUAL) -> list[Item]:
    """Every picture of a data set with this many good training parts, each of its own physical part.

    Pins take turns in one shuffled order, so that counts are even and a small set tests the pins that it trained.
    Raises PictureError if there would be no part.
    """
    if parts < 1:
        raise PictureError(f"a data set of {parts} parts is empty, ask for at least 1")
    if seed < 0:
        raise PictureError(f"seed {seed} must not be negative")
    rng = np.random.default_rng(seed)
    share = parts / DEFAULT_PARTS
    wanted: list[tuple[str, Defect | None]] = [("train", None)] * parts
    wanted += [("test", None)] * _or_scaled(counts.test_good, parts, GOOD_TEST_SHARE)
    order = [PIN_ADDRESSES[index] for index in rng.permutation(len(PIN_ADDRESSES))]
    wanted += [("train", defect) for defect in _train_defects(rng, order, share, counts)]
    wanted += [("test", defect) for defect in _test_defects(rng, order, share, counts)]
    return [Item(part=part, split=split, defect=defect) for part, (split, defect) in enumerate(wanted)]


def _scaled(count: int, share: float) -> int:
    return max(1, round(count * share))


def _or_scaled(asked: int | None, count: int, share: float) -> int:
    return _scaled(count, share) if asked is None else asked


def _train_defects(rng: np.random.Generator, order: list[str], share: float, counts: Counts) -> Iterator[Defect]:
    for turn, pin in _turns(rng, order, _or_scaled(counts.train_bends, TRAIN_BENDS, share)):
        yield _bend(rng, pin, turn, TRAINED_BENDS)
    yield from _spoilt(rng, order, _scaled(TRAIN_SPOILT, share))
    yield from _scratches(rng, _scaled(TRAIN_SCRATCHED, share))


def _test_defects(rng: np.random.Generator, order: list[str], share: float, counts: Counts) -> Iterator[Defect]:
    for bends in (CLEAR_BENDS, SMALL_BENDS):
        for turn, pin in _turns(rng, order, _scaled(TEST_BENDS // 2, share)):
            yield _bend(rng, pin, turn, bends)
    yield from _spoilt(rng, order, _scaled(TEST_SPOILT, share))
    yield from _scratches(rng, _scaled(TEST_SCRATCHED, share))
    for turn, pin in _turns(rng, order, counts.sized_bends):
        yield _bend(rng, pin, turn, SIZED_BENDS)


def _turns(rng: np.random.Generator, order: list[str], count: int) -> Iterator[tuple[int, str]]:
    """`count` pins in this order, again and again, each with a number that counts its turns from a random start."""
    starts = rng.integers(4, size=len(order))
    for index in range(count):
        place = index % len(order)
        yield int(starts[place]) + index // len(order), order[place]


def _bend(rng: np.random.Generator, pin: str, turn: int, degrees: tuple[float, float]) -> Defect:
    """A bend whose direction and sign change from turn to turn, so that four turns show all four ways to lean."""
    kind = DefectKind.BENT_X if turn % 2 else DefectKind.BENT_Y
    sign = -1 if turn % 4 < 2 else 1
    return Defect(kind=kind, pin=pin, amount=round(sign * float(rng.uniform(*degrees)), 1))


def _spoilt(rng: np.random.Generator, order: list[str], count: int) -> Iterator[Defect]:
    for kind in SPOILT_PINS:
        for _, pin in _turns(rng, order, count):
            amount = 1.0 if kind is DefectKind.MISSING else round(float(rng.uniform(*SEVERITIES)), 2)
            yield Defect(kind=kind, pin=pin, amount=amount)


def _scratches(rng: np.random.Generator, count: int) -> Iterator[Defect]:
    for _ in range(count):
        yield Defect(kind=DefectKind.SCRATCHED, pin=None, amount=round(float(rng.uniform(*SEVERITIES)), 2))


def write(out: Path, *, parts: int, seed: int, counts: Counts = AS_USUAL) -> list[Item]:
    """Render the data set into the folder `out`, which appears only when it is complete.

    Raises PictureError if `out` is there and not an empty folder, or cannot be written.
    """
    items = plan(parts=parts, seed=seed, counts=counts)
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise PictureError(f"{out}: something is there already, name a new or an empty folder")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as workshop:
            unfinished = Path(workshop) / "set"
            _write_all(unfinished, items, seed=seed)
            if out.exists():
                out.rmdir()
            unfinished.rename(out)
    except OSError as error:
        raise PictureError(f"{out}: the data set cannot be written: {error.strerror or error}") from error
    return items


def _write_all(folder: Path, items: list[Item], *, seed: int) -> None:
    for item in progress(items, "rendering"):
        file = folder / item.file
        file.parent.mkdir(parents=True, exist_ok=True)
        picture = render(seed=seed, part=item.part, defect=item.defect)
        _, encoded = cv2.imencode(".png", picture)
        file.write_bytes(encoded.tobytes())
    with (folder / "truth.csv").open("w", newline="", encoding="utf-8") as handle:
        table = csv.writer(handle, lineterminator="\n")
        table.writerow(COLUMNS)
        table.writerows(item.truth for item in items)


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Offer the command."""
    parser = subparsers.add_parser("connector", help="render the demo data set", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("out", metavar="OUT", type=Path, help="the folder to make; it must not exist or be empty")
    parser.add_argument(
        "--parts", type=int, default=DEFAULT_PARTS, metavar="N", help="good training parts (default: %(default)s)"
    )
    parser.add_argument(
        "--train-bends", type=int, metavar="N", help="bent training parts (default: grows with --parts)"
    )
    parser.add_argument("--test-good", type=int, metavar="N", help="good test parts (default: a quarter of --parts)")
    parser.add_argument(
        "--sized-bends", type=int, default=0, metavar="N", help="test parts bent by 1 to 15 degrees, beside the usual"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="another seed, other parts (default: 0)")
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the data set and say what it holds."""
    counts = Counts(train_bends=arguments.train_bends, test_good=arguments.test_good, sized_bends=arguments.sized_bends)
    items = write(arguments.out, parts=arguments.parts, seed=arguments.seed, counts=counts)
    for split in ("train", "test"):
        good = sum(item.split == split and item.defect is None for item in items)
        bad = sum(item.split == split and item.defect is not None for item in items)
        print(f"{split}: {good} good, {bad} defective")
    return 0
