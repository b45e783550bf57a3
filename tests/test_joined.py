"""Several kinds in one bundle: read whole or refused, made by `training join`, judged each by its own kind."""

import dataclasses
import json
import os
import random
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.__main__ import main as edge
from edge.drivers import open_embedder
from edge.errors import BundleError, ModelError
from edge.frame import Frame
from edge.inspection import Inspection
from edge.joined import archives_of, decode_model
from edge.model_store import arm_kinds, check_told_apart, kinds_of, read_bundle, read_model
from edge.trust import Trust, vouched
from edge.verdict import Outcome, Reason, Verdict
from tests.joining import JOINT, LEFT, RIGHT, by_hand, joined_attacks, joined_of, named
from tests.sealing import STEP, mutated, needs_root, sealed, trust_in
from tests.small_model import Small, spoilt
from training.__main__ import main as training

MUTATIONS = int(os.environ.get("KENSA_MUTATIONS", "1000"))


@pytest.fixture
def trust(tmp_path: Path) -> Trust:
    return trust_in(tmp_path / "keys", revoked=("carl",))


@pytest.fixture
def runs(tmp_path: Path, small_model: Small, mirrored_model: Small) -> list[str]:
    """The kinds as `training join` takes them."""
    for name, model in ((LEFT, small_model), (RIGHT, mirrored_model)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "bundle").write_bytes(model.raw)
    return [f"{name}={tmp_path / name}" for name in (LEFT, RIGHT)]


# What it is.


def test_each_kind_is_what_it_was_under_its_joint_name(
    joined_model: bytes, small_model: Small, mirrored_model: Small
) -> None:
    model = decode_model(joined_model)
    assert (model.product, model.serial, model.names) == (JOINT, 7, (LEFT, RIGHT))
    for bundle, name, own in zip(model.kinds, model.names, (small_model, mirrored_model), strict=True):
        assert (bundle.manifest.product, bundle.manifest.serial) == (f"{JOINT}/{name}", 7)
        assert bundle.network == own.bundle.network
        assert np.array_equal(bundle.references.picture, own.bundle.references.picture)
    assert len({model.sha256, *(bundle.sha256 for bundle in model.kinds)}) == 3


def test_a_bundle_of_one_kind_keeps_its_bytes_and_is_a_model_of_one(small_model: Small) -> None:
    model = decode_model(small_model.raw)
    assert (model.sha256, model.names, len(model.kinds)) == (small_model.bundle.sha256, (), 1)
    assert archives_of(small_model.raw) == {}


def test_the_same_kinds_give_the_same_bytes(joined_model: bytes, small_model: Small, mirrored_model: Small) -> None:
    assert joined_of(small_model, mirrored_model) == joined_model


# What is refused.


def test_whatever_does_not_belong_together_is_refused_with_its_sentence(
    joined_model: bytes, small_model: Small, mirrored_model: Small
) -> None:
    left, right = named(small_model.raw, LEFT), named(mirrored_model.raw, RIGHT)
    assert decode_model(by_hand([(LEFT, left), (RIGHT, right)])).names == (LEFT, RIGHT)  # or this test says nothing
    names = []
    for name, raw, words in joined_attacks(left, right, joined_model):
        with pytest.raises(BundleError) as refused:
            decode_model(raw)
        assert words in str(refused.value), f"{name}: {refused.value}"
        assert "\n" not in str(refused.value), name
        names.append(name)
    assert len(set(names)) == len(names) > 30


def test_all_kinds_see_the_same_frames(small_model: Small, mirrored_model: Small) -> None:
    frame = {"width": 640, "height": 480, "is_colour": True}
    other = named(mirrored_model.raw, RIGHT, frame=frame)
    with pytest.raises(
        BundleError, match=r"'left' judges frames of 128x96 pixels in colour, 'right' of 640x480 pixels"
    ):
        decode_model(by_hand([(LEFT, named(small_model.raw, LEFT)), (RIGHT, other)]))


@pytest.mark.parametrize(
    ("cap", "words"),
    [("LARGEST_ARRAYS_BYTES", "the arrays of all kinds"), ("MOST_GOLDEN_PIXELS", "the golden pictures")],
)
def test_sizes_count_together(
    joined_model: bytes, small_model: Small, monkeypatch: pytest.MonkeyPatch, cap: str, words: str
) -> None:
    """Each kind alone is small enough; before anything is expanded."""
    from edge.bundle import expanded_bytes

    manifest = small_model.bundle.manifest
    alone = {
        "LARGEST_ARRAYS_BYTES": expanded_bytes(manifest),
        "MOST_GOLDEN_PIXELS": len(manifest.golden) * manifest.frame.width * manifest.frame.height,
    }[cap]
    monkeypatch.setattr("edge.joined.decode", lambda _: pytest.fail("it was expanded"))
    monkeypatch.setattr(f"edge.joined.{cap}", int(1.5 * alone))
    with pytest.raises(BundleError, match=words):
        decode_model(joined_model)


def test_mutated_archives_are_refused(joined_model: bytes) -> None:
    """What stands behind the signature holds by itself, also in the archives inside."""
    for seed in range(MUTATIONS):
        with pytest.raises(BundleError):
            decode_model(mutated(joined_model, random.Random(seed)))


def test_mutated_kinds_in_a_right_archive_are_refused(small_model: Small, mirrored_model: Small) -> None:
    """From somebody whose key is trusted: every outer digest is right."""
    left, right = named(small_model.raw, LEFT), named(mirrored_model.raw, RIGHT)
    for seed in range(MUTATIONS):
        with pytest.raises(BundleError):
            decode_model(by_hand([(LEFT, left), (RIGHT, mutated(right, random.Random(seed)))]))


@needs_root
def test_one_signature_holds_all_kinds(joined_model: bytes, trust: Trust) -> None:
    whole = sealed(joined_model)
    found = vouched(whole, trust)
    assert (found.signer, found.model.names) == ("anna", (LEFT, RIGHT))
    for seed in range(MUTATIONS // 10):
        with pytest.raises(BundleError):
            vouched(mutated(whole, random.Random(seed)), trust)
    for end in range(0, len(whole) - 1, STEP):
        with pytest.raises(BundleError):
            vouched(whole[:end], trust)


def test_what_judges_one_kind_says_so_of_several(joined_model: bytes, tmp_path: Path) -> None:
    (tmp_path / "bundle").write_bytes(joined_model)
    with pytest.raises(BundleError, match=r"bundle: this bundle holds several kinds of parts, and one is wanted here"):
        read_bundle(tmp_path / "bundle")
    assert read_model(tmp_path / "bundle").names == (LEFT, RIGHT)


# Each kind judged as taught.


def test_golden_pictures_of_every_kind_are_found_again(joined_model: bytes) -> None:
    model = decode_model(joined_model)
    inspectors = arm_kinds(model, open_embedder)
    check_told_apart(model, kinds_of(model, inspectors))
    right = model.kinds[1]
    wrong = dataclasses.replace(right, golden=tuple(reversed(right.golden)))
    with pytest.raises(ModelError, match="kind 'right': self-test"):
        arm_kinds(dataclasses.replace(model, kinds=(model.kinds[0], wrong)), open_embedder)


def test_a_good_part_that_is_nearer_to_another_kind_is_refused(joined_model: bytes) -> None:
    model = decode_model(joined_model)
    left, right = kinds_of(model, arm_kinds(model, open_embedder))

    def nearer(frame: Frame) -> Inspection:
        """Good for whatever it is shown."""
        good = Verdict(outcome=Outcome.OK, reason=Reason.WITHIN_LIMIT, distance=0.001, limit=1.0)
        return dataclasses.replace(right.inspect(frame), verdict=good)

    words = f"golden/0.png of {JOINT}/left is good, and is .* as {JOINT}/right: the kinds cannot be told apart"
    with pytest.raises(ModelError, match=words):
        check_told_apart(model, (left, dataclasses.replace(right, inspect=nearer)))


def test_a_defective_part_that_passes_as_another_kind_is_refused(joined_model: bytes) -> None:
    model = decode_model(joined_model)
    left, right = kinds_of(model, arm_kinds(model, open_embedder))

    def lenient(frame: Frame) -> Inspection:
        """Good for whatever the other kind calls defective."""
        found = left.inspect(frame)
        if found.verdict.outcome is Outcome.OK:
            return right.inspect(frame)
        good = Verdict(outcome=Outcome.OK, reason=Reason.WITHIN_LIMIT, distance=0.9, limit=1.0)
        return dataclasses.replace(found, verdict=good)

    words = f"of {JOINT}/left is defective, and passes as a good {JOINT}/right: the kinds cannot be told apart"
    with pytest.raises(ModelError, match=words):
        check_told_apart(model, (left, dataclasses.replace(right, inspect=lenient)))


# `training join`, and what is done with it.


def test_join_sign_and_replay_as_people_do(
    tmp_path: Path, runs: list[str], small_model: Small, mirrored_model: Small, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "both"
    assert training(["join", *runs, "--product", JOINT, "--out", str(out)]) == 0
    told = capsys.readouterr().out
    assert f"{JOINT}, serial 7" in told
    assert "program 1: left, 16 good parts" in told
    assert "program 2: right, 16 good parts" in told
    assert training(["keygen", "--no-password", str(tmp_path / "anna")]) == 0
    assert training(["sign", str(out), "--key", str(tmp_path / "anna.key"), "--serial", "12"]) == 0
    signed = read_model(tmp_path / "both.signed")
    assert [bundle.manifest.serial for bundle in signed.kinds] == [12, 12]
    assert signed.serial == 12
    frames = {"a": small_model.frames[1], "b": mirrored_model.frames[1], "c": spoilt(mirrored_model.frames[2])}
    (tmp_path / "pictures").mkdir()
    for name, frame in frames.items():
        cv2.imwrite(str(tmp_path / "pictures" / f"{name}.png"), frame.pixels)
    capsys.readouterr()
    assert edge(["replay", "--bundle", f"{out}.signed", str(tmp_path / "pictures"), "--json", "-"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["kind"] for line in lines[:2]] == [f"{JOINT}/left", f"{JOINT}/right"]
    assert [line["outcome"] == "OK" for line in lines] == [True, True, False]
    assert edge(["replay", "--bundle", f"{out}.signed", str(tmp_path / "pictures")]) == 0
    assert f"judged as {JOINT}/left: 1" in capsys.readouterr().out
    assert edge(["bench", "--bundle", str(out), "--parts", "5", "--gap-ms", "0", "--stages-only"]) == 0
    assert "6 pictures of 128x96" in capsys.readouterr().out


def test_join_into_a_folder_and_never_over_another_model(
    tmp_path: Path, runs: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run").mkdir()
    command = ["join", *runs, "--product", JOINT, "--out", str(tmp_path / "run")]
    assert training([*command, "--serial", "9"]) == 0
    before = (tmp_path / "run" / "bundle").read_bytes()
    assert decode_model(before).serial == 9
    assert training([*command, "--serial", "10"]) == 1
    assert "is already there" in capsys.readouterr().err
    assert (tmp_path / "run" / "bundle").read_bytes() == before


@pytest.mark.parametrize(
    ("kinds", "product", "more", "words"),
    [
        (["{0}"], JOINT, [], "1 kinds cannot be joined: from 2 to 8"),
        (["{0}", "nonsense"], JOINT, [], "'nonsense' is no kind: write NAME=RUN_OR_BUNDLE"),
        (["{0}", "=x"], JOINT, [], "is no kind"),
        (["{0}", "b=none"], JOINT, [], "none: cannot be read"),
        (["{0}", "{0}"], JOINT, [], "the kind 'left' is there twice"),
        (["{0}", "a/b={2}"], JOINT, [], "'a/b' is no name of a kind"),
        (["{0}", "same={3}"], JOINT, [], "the kinds 'left' and 'same' are the same model"),
        (["{0}", "{1}"], "", [], "is no product"),
        (["{0}", "{1}"], "x" * 60, [], "is no product"),
        (["{0}", "{1}"], JOINT, ["--serial", "-1"], "serial -1 cannot be"),
        ([*(f"k{number}={{3}}" for number in range(9))], JOINT, [], "9 kinds cannot be joined"),
    ],
)
def test_what_cannot_be_joined_is_one_sentence_and_no_file(
    tmp_path: Path,
    runs: list[str],
    capsys: pytest.CaptureFixture[str],
    kinds: list[str],
    product: str,
    more: list[str],
    words: str,
) -> None:
    left, right = (run.partition("=")[2] for run in runs)
    given = [text.format(*runs, right, left) for text in kinds]
    assert training(["join", *given, "--product", product, "--out", str(tmp_path / "out"), *more]) == 1
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_joined_model_is_no_kind(tmp_path: Path, runs: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert training(["join", *runs, "--product", JOINT, "--out", str(tmp_path / "both")]) == 0
    assert training(["join", runs[0], f"x={tmp_path / 'both'}", "--product", "p", "--out", str(tmp_path / "out")]) == 1
    assert "holds several kinds of parts, and one is wanted here" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["evaluate", "corrected"])
def test_reports_are_of_one_kind(
    tmp_path: Path, joined_model: bytes, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    (tmp_path / "both").write_bytes(joined_model)
    assert training([command, str(tmp_path / "both"), str(tmp_path)]) == 1
    assert "holds several kinds of parts, and one is wanted here" in capsys.readouterr().err
