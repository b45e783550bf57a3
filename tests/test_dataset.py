"""Folders become data sets, and folders that make no sense are refused in one sentence."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.errors import EdgeError
from tests.picture_folders import fill, pixels, png, write_picture
from training.dataset import (
    GOOD,
    DataSet,
    LazyFrames,
    Sample,
    check_trainable,
    digest_of,
    open_dataset,
    split_by_part,
)


def names(samples: tuple[Sample, ...]) -> list[str]:
    return sorted(f"{sample.label}/{sample.path.name}" for sample in samples)


def with_test_set(root: Path) -> Path:
    fill(root / "train" / "good", 6)
    fill(root / "train" / "bent", 2, first=100)
    fill(root / "test" / "good", 3, first=200)
    fill(root / "test" / "bent", 2, first=300)
    fill(root / "test" / "scratched", 1, first=400)
    return root


def flat(root: Path) -> Path:
    fill(root / "good", 20)
    fill(root / "bent", 10, first=100)
    fill(root / "missing", 4, first=200)
    return root


def opened_and_checked(root: Path) -> DataSet:
    dataset = open_dataset(root)
    check_trainable(dataset, is_good_only=False)
    return dataset


def refusal(root: Path) -> str:
    """The one sentence with which a folder is refused."""
    with pytest.raises(EdgeError) as caught:
        opened_and_checked(root)
    message = str(caught.value)
    assert "\n" not in message
    assert str(root) in message
    return message.replace(f"{root}/", "").replace(str(root), "ROOT")


def test_the_layout_with_a_test_set_is_taken_as_it_is(tmp_path: Path) -> None:
    dataset = opened_and_checked(with_test_set(tmp_path))
    assert len(dataset.train_of(GOOD)) == 6
    assert len(dataset.train) == 8
    assert dataset.labels == ("bent",)
    assert {sample.label for sample in dataset.test} == {"good", "bent", "scratched"}
    assert len(dataset.test) == 6


def test_the_flat_layout_keeps_a_fifth_of_every_label_apart(tmp_path: Path) -> None:
    dataset = opened_and_checked(flat(tmp_path))
    assert [sample.label for sample in dataset.test].count("good") == 4
    assert [sample.label for sample in dataset.test].count("bent") == 2
    assert [sample.label for sample in dataset.test].count("missing") == 0  # too few to give any away
    assert len(dataset.train) + len(dataset.test) == 34
    assert not {sample.path for sample in dataset.train} & {sample.path for sample in dataset.test}


def test_the_held_out_fifth_stays_when_the_folder_moves_or_grows(tmp_path: Path) -> None:
    before = names(open_dataset(flat(tmp_path / "one")).test)
    assert names(open_dataset(flat(tmp_path / "two")).test) == before
    fill(tmp_path / "two" / "good", 5, first=20)
    after = names(open_dataset(tmp_path / "two").test)
    assert len(after) == len(before) + 1
    assert len(set(before) & set(after)) >= len(before) - 1


def test_all_shots_of_a_part_stay_together(tmp_path: Path) -> None:
    for part in range(10):
        for shot in range(3):
            write_picture(tmp_path / "good" / f"part-{part:02d}__{shot}.png", pixels(10 * part + shot))
    dataset = opened_and_checked(tmp_path)
    assert len(dataset.test) == 6
    assert not {sample.part for sample in dataset.train} & {sample.part for sample in dataset.test}
    learned, apart = split_by_part(dataset.train, share=0.25, seed=1)
    assert not {sample.part for sample in learned} & {sample.part for sample in apart}
    assert len({sample.part for sample in apart}) == 2
    assert len(apart) == 6


@settings(deadline=None)  # a busy machine is no reason to fail
@given(parts=st.integers(2, 40), share=st.floats(0.05, 0.5), seed=st.integers(0, 1000))
def test_a_split_loses_and_doubles_nothing(parts: int, share: float, seed: int) -> None:
    samples = [
        Sample(path=Path(f"good/{part}__{shot}.png"), label=GOOD, part=str(part))
        for part in range(parts)
        for shot in range(2)
    ]
    kept, apart = split_by_part(samples, share=share, seed=seed)
    assert sorted(map(str, [*kept, *apart])) == sorted(map(str, samples))
    assert len(apart) == 2 * max(1, round(share * parts))
    assert split_by_part(samples, share=share, seed=seed) == (kept, apart)


def test_masks_hidden_files_and_notes_are_passed_over(tmp_path: Path) -> None:
    root = with_test_set(tmp_path)
    before = open_dataset(root)
    fill(root / "ground_truth" / "bent", 2, first=500)
    fill(root / "test" / "ground_truth", 2, first=600)
    fill(root / "train" / ".thumbnails", 2, first=700)
    (root / "train" / "good" / "notes.txt").write_text("shot on Monday")
    (root / "train" / "good" / ".hidden.png").write_text("no picture")
    assert open_dataset(root) == before


def test_a_folder_without_test_pictures_trains(tmp_path: Path) -> None:
    fill(tmp_path / "train" / "good", 5)
    assert opened_and_checked(tmp_path).test == ()


def test_five_good_parts_are_enough_to_begin(tmp_path: Path) -> None:
    fill(tmp_path / "good", 5)
    assert len(opened_and_checked(tmp_path).train) == 5


def test_good_only_does_not_look_at_pictures_of_defects_to_train_on(tmp_path: Path) -> None:
    root = with_test_set(tmp_path)
    (root / "train" / "bent" / "part-0100.png").write_text("no picture")
    check_trainable(open_dataset(root), is_good_only=True)
    assert "no picture" in refusal(root)


def test_frames_are_read_when_asked_for(tmp_path: Path) -> None:
    fill(tmp_path / "good", 5)
    samples = open_dataset(tmp_path).train
    frames = LazyFrames(samples)
    (tmp_path / "good" / "part-0004.png").unlink()
    assert len(frames) == len(frames[:]) == 5
    np.testing.assert_array_equal(frames[1:3][0].pixels, pixels(1))


def test_the_digest_names_contents_labels_and_names_but_not_the_place(tmp_path: Path) -> None:
    digests = []
    for root in ("one", "two", "changed", "renamed", "relabelled"):
        fill(tmp_path / root / "good", 5)
        if root == "changed":
            write_picture(tmp_path / root / "good" / "part-0002.png", pixels(77))
        if root == "renamed":
            (tmp_path / root / "good" / "part-0002.png").rename(tmp_path / root / "good" / "part-9992.png")
        samples = list(open_dataset(tmp_path / root).train)
        if root == "relabelled":
            samples[0] = Sample(path=samples[0].path, label="bent", part=samples[0].part)
        digests.append(digest_of(reversed(samples)))
        assert digest_of(samples) == digests[-1]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 4


def test_the_digest_names_what_is_inspected(tmp_path: Path) -> None:
    fill(tmp_path / "good", 3)
    samples = open_dataset(tmp_path).train
    some = np.ones((8, 8), np.bool_)
    some[2:4, 2:4] = False
    masks = (None, np.ones((8, 8), np.bool_), some, np.ones((16, 4), np.bool_))
    assert len({digest_of(samples, inspected=mask) for mask in masks}) == 4


def no_folder(root: Path) -> None:
    pass


def an_empty_folder(root: Path) -> None:
    root.mkdir()


def no_pictures(root: Path) -> None:
    (root / "good").mkdir(parents=True)
    (root / "good" / "notes.txt").write_text("to come")


def loose_pictures(root: Path) -> None:
    fill(root, 10)


def one_picture(root: Path) -> None:
    fill(root / "good", 1)


def two_pictures(root: Path) -> None:
    fill(root / "train" / "good", 2)


def many_pictures_of_two_parts(root: Path) -> None:
    for number in range(12):
        write_picture(root / "good" / f"part-{number % 2}__{number}.png", pixels(number))


def a_text_file_named_png(root: Path) -> None:
    fill(root / "good", 9)
    (root / "good" / "part-0003.png").write_text("not a picture")


def an_empty_file(root: Path) -> None:
    fill(root / "good", 9)
    (root / "good" / "part-0003.png").write_bytes(b"")


def a_truncated_jpeg(root: Path) -> None:
    fill(root / "good", 9)
    whole = cv2.imencode(".jpg", pixels(1))[1].tobytes()
    (root / "good" / "shot.jpg").write_bytes(whole[: len(whole) // 2])


def mixed_sizes(root: Path) -> None:
    fill(root / "good", 9)
    write_picture(root / "good" / "part-0003.png", pixels(3, side=64))


def grey_among_colour(root: Path) -> None:
    fill(root / "good", 9)
    write_picture(root / "scratched" / "part-0100.png", pixels(3, is_grey=True))


def another_size_in_test(root: Path) -> None:
    fill(root / "train" / "good", 9)
    write_picture(root / "test" / "bent" / "part-0100.png", pixels(3, side=40))


def an_empty_class(root: Path) -> None:
    fill(root / "good", 9)
    (root / "bent").mkdir()


def sixteen_bits(root: Path) -> None:
    fill(root / "good", 9)
    write_picture(root / "good" / "part-0003.png", pixels(3).astype(np.uint16) * 256)


def transparent(root: Path) -> None:
    fill(root / "good", 9)
    (root / "good" / "part-0003.png").write_bytes(png(np.dstack([pixels(3), pixels(4, is_grey=True)])))


def capital_good(root: Path) -> None:
    fill(root / "train" / "Good", 9)


def folder_ok(root: Path) -> None:
    fill(root / "OK", 9)
    fill(root / "NG", 3, first=100)


def only_defects(root: Path) -> None:
    fill(root / "bent", 9)


def the_same_picture_twice(root: Path) -> None:
    fill(root / "good", 9)
    write_picture(root / "bent" / "part-0100.png", pixels(3))


def a_test_picture_learned_from(root: Path) -> None:
    fill(root / "train" / "good", 9)
    write_picture(root / "test" / "good" / "part-0100.png", pixels(3))


def the_same_part_in_train_and_test(root: Path) -> None:
    fill(root / "train" / "good", 9)
    write_picture(root / "train" / "good" / "part-77__0.png", pixels(300))
    write_picture(root / "test" / "bent" / "part-77__1.png", pixels(301))


WRONG: list[tuple[Callable[[Path], None], str]] = [
    (no_folder, "ROOT: there is no such folder"),
    (an_empty_folder, "ROOT: there is no folder 'good' with pictures of good parts"),
    (no_pictures, "good: no pictures in this folder"),
    (loose_pictures, "ROOT: there is no folder 'good'"),
    (one_picture, "ROOT: 1 good part to train on, at least 3 are needed"),
    (two_pictures, "ROOT: 2 good parts to train on, at least 3 are needed"),
    (many_pictures_of_two_parts, "ROOT: 2 good parts to train on"),
    (a_text_file_named_png, "part-0003.png: this is no picture, whatever its name says"),
    (an_empty_file, "part-0003.png: the file is empty"),
    (a_truncated_jpeg, "shot.jpg: the picture is damaged or was cut off"),
    (mixed_sizes, "is 64x64 pixels but"),
    (grey_among_colour, "scratched/part-0100.png is grey but"),
    (another_size_in_test, "test/bent/part-0100.png is 40x40 pixels but"),
    (an_empty_class, "bent: no pictures in this folder"),
    (sixteen_bits, "part-0003.png: 16 bit per channel"),
    (transparent, "part-0003.png: the picture is partly transparent"),
    (capital_good, "train/Good: call the folder of good parts 'good'"),
    (folder_ok, "OK: call the folder of good parts 'good'"),
    (only_defects, "ROOT: there is no folder 'good'"),
    (the_same_picture_twice, "is the same picture as"),
    (a_test_picture_learned_from, "test/good/part-0100.png is the same picture as train/good/part-0003.png"),
    (the_same_part_in_train_and_test, "test/bent/part-77__1.png and train/good/part-77__0.png show the same part"),
]


@pytest.mark.parametrize(("make", "sentence"), WRONG, ids=[make.__name__ for make, _ in WRONG])
def test_a_folder_that_makes_no_sense_is_refused(tmp_path: Path, make: Callable[[Path], None], sentence: str) -> None:
    make(tmp_path / "data")
    assert sentence in refusal(tmp_path / "data")
