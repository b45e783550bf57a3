"""A folder of pictures becomes a data set, split by physical part.

Two layouts are understood. With a test set of its own: `train/good`, `train/<defect>` (optional), `test/good`,
`test/<defect>`; `ground_truth` is ignored. Without: `good/` and one folder for each defect label, all optional; then a
fifth of the parts of every label, chosen by a digest of the part's name, is kept apart for testing: the same parts
whatever the seed, so that `training evaluate` never scores what was learned.

Several pictures of one physical part carry its name before a double underscore: `part-0012__0.png`, `part-0012__1.png`.
A file `dataset.yaml` may say which part of the picture is inspected: see `training/regions.py`.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import overload

import numpy as np

from edge.errors import PictureError
from edge.frame import Frame
from edge.pictures import list_pictures, read_picture
from training.errors import DataSetError
from training.regions import Mask, has_description, inspected_pixels

GOOD = "good"
IGNORED_FOLDERS = frozenset({"ground_truth"})
SMALLEST_GOOD_PARTS = 3
TEST_SHARE = 0.2
SMALLEST_PARTS_TO_HOLD_OUT = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One picture. label: "good" or a defect's. part: name of the physical part, unique within its label."""

    path: Path
    label: str
    part: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSet:
    """What to learn from and what to score on; no physical part is in both.

    inspected: (H, W) bool of a frame, as of `training.regions.inspected_pixels`; None where all of it is.
    """

    root: Path
    train: tuple[Sample, ...]
    test: tuple[Sample, ...]
    inspected: Mask | None = field(default=None, compare=False)

    @property
    def labels(self) -> tuple[str, ...]:
        """Defect labels that can be learned, in order."""
        return tuple(sorted({sample.label for sample in self.train} - {GOOD}))

    def train_of(self, label: str) -> list[Sample]:
        """The training pictures of one label."""
        return [sample for sample in self.train if sample.label == label]


class LazyFrames(Sequence[Frame]):
    """The frames of samples, read when asked for, so that large pictures need not all be in memory."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self._samples = tuple(samples)

    def __len__(self) -> int:
        return len(self._samples)

    @overload
    def __getitem__(self, index: int) -> Frame: ...
    @overload
    def __getitem__(self, index: slice) -> "LazyFrames": ...
    def __getitem__(self, index: int | slice) -> "Frame | LazyFrames":
        if isinstance(index, slice):
            return LazyFrames(self._samples[index])
        return read_picture(self._samples[index].path)


def open_dataset(root: Path) -> DataSet:
    """The data set in a folder. Raises DataSetError or PictureError, in one sentence, when it makes no sense."""
    if not root.is_dir():
        raise DataSetError(f"{root}: there is no such folder")
    if (root / "train").is_dir():
        train = _samples(root / "train", is_good_needed=True)
        test = _samples(root / "test", is_good_needed=False) if (root / "test").is_dir() else []
        _check_apart(train, test)
    else:
        train, test = _held_out(_samples(root, is_good_needed=True))
    return DataSet(root=root, train=tuple(train), test=tuple(test), inspected=_inspected(root, train))


def check_trainable(dataset: DataSet, *, is_good_only: bool) -> None:
    """Look at every picture once. Raises DataSetError when the set is too small, mixed or contradictory."""
    good_parts = {sample.part for sample in dataset.train_of(GOOD)}
    if len(good_parts) < SMALLEST_GOOD_PARTS:
        raise DataSetError(
            f"{dataset.root}: {_counted(len(good_parts), 'good part')} to train on, "
            f"at least {SMALLEST_GOOD_PARTS} are needed (50 or more are better)"
        )
    used = dataset.train_of(GOOD)  # first, so that the others are measured by the good parts
    if not is_good_only:
        used += [sample for sample in dataset.train if sample.label != GOOD]
    check_one_format([*used, *dataset.test])
    _check_no_twins(used, dataset.test)


def check_one_format(samples: Iterable[Sample]) -> Frame:
    """The first frame. Raises DataSetError unless all pictures have its size and are grey or colour like it."""
    first: Frame | None = None
    for sample in samples:
        frame = read_picture(sample.path)
        first = first or frame
        for have, want in ((_size(frame), _size(first)), (_kind(frame), _kind(first))):
            if have != want:
                raise DataSetError(
                    f"{sample.path} is {have} but {first.source} is {want}: "
                    "all pictures must come from the same camera with the same settings"
                )
    if first is None:
        raise DataSetError("there are no pictures to look at")
    return first


def split_by_part(samples: Sequence[Sample], *, share: float, seed: int) -> tuple[list[Sample], list[Sample]]:
    """Samples in two groups with no part in both; the second has about `share` of the parts, at least one."""
    parts = sorted({sample.part for sample in samples})
    order = np.random.default_rng(seed).permutation(len(parts))
    apart = {parts[number] for number in order[: max(1, round(share * len(parts)))]}
    return (
        [sample for sample in samples if sample.part not in apart],
        [sample for sample in samples if sample.part in apart],
    )


def digest_of(samples: Iterable[Sample], *, inspected: Mask | None = None) -> str:
    """SHA-256 over labels, names and contents, and over what is inspected of them: names the data that a model was
    trained on. inspected: (H, W) bool of a frame; None: everywhere."""
    digest = hashlib.sha256()
    if inspected is not None:
        digest.update(f"inspected {inspected.shape}\n".encode() + np.packbits(inspected).tobytes())
    for sample in sorted(samples, key=lambda sample: (sample.label, sample.path.name)):
        content = hashlib.sha256(sample.path.read_bytes()).hexdigest()
        digest.update(f"{sample.label}/{sample.path.name} {content}\n".encode())
    return digest.hexdigest()


def _samples(folder: Path, *, is_good_needed: bool) -> list[Sample]:
    labels = sorted(
        path.name
        for path in folder.iterdir()
        if path.is_dir() and not path.name.startswith(".") and path.name not in IGNORED_FOLDERS
    )
    if is_good_needed and GOOD not in labels:
        raise DataSetError(_no_good_folder(folder, labels))
    samples = []
    for label in labels:
        try:
            paths = list_pictures(folder / label)
        except PictureError as error:
            raise DataSetError(f"{error}: remove the folder or fill it") from error
        samples += [Sample(path=path, label=label, part=path.stem.split("__")[0]) for path in paths]
    return samples


def _inspected(root: Path, train: Sequence[Sample]) -> Mask | None:
    if not has_description(root):
        return None
    frame = read_picture(next(sample.path for sample in train if sample.label == GOOD))
    return inspected_pixels(root, width_px=frame.width, height_px=frame.height)


def _no_good_folder(folder: Path, labels: Sequence[str]) -> str:
    similar = [label for label in labels if label.lower() in {"good", "ok", "pass", "normal"}]
    if similar:
        return f"{folder / similar[0]}: call the folder of good parts '{GOOD}'"
    return f"{folder}: there is no folder '{GOOD}' with pictures of good parts"


def _held_out(samples: Sequence[Sample]) -> tuple[list[Sample], list[Sample]]:
    parts: defaultdict[str, set[str]] = defaultdict(set)
    for sample in samples:
        parts[sample.label].add(sample.part)
    apart: set[tuple[str, str]] = set()
    for label, names in parts.items():
        if len(names) > SMALLEST_PARTS_TO_HOLD_OUT:
            ranked = sorted(names, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
            apart |= {(label, name) for name in ranked[: round(TEST_SHARE * len(ranked))]}
    return (
        [sample for sample in samples if (sample.label, sample.part) not in apart],
        [sample for sample in samples if (sample.label, sample.part) in apart],
    )


def _check_apart(train: Sequence[Sample], test: Sequence[Sample]) -> None:
    """Parts that are named as such (`part__shot`) must not be on both sides."""
    named = {sample.part: sample for sample in train if "__" in sample.path.stem}
    for sample in test:
        if sample.part in named and "__" in sample.path.stem:
            raise DataSetError(
                f"{sample.path} and {named[sample.part].path} show the same part: it may be in train or in test"
            )


def _check_no_twins(train: Sequence[Sample], test: Sequence[Sample]) -> None:
    seen: dict[str, Sample] = {}
    is_test = {sample.path for sample in test}
    for sample in (*train, *test):
        content = hashlib.sha256(sample.path.read_bytes()).hexdigest()
        twin = seen.setdefault(content, sample)
        if twin.label != sample.label or (twin.path in is_test) != (sample.path in is_test):
            raise DataSetError(f"{sample.path} is the same picture as {twin.path}: remove one of the two")


def _size(frame: Frame) -> str:
    return f"{frame.width}x{frame.height} pixels"


def _kind(frame: Frame) -> str:
    return "colour" if frame.is_colour else "grey"


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
