"""One frame to one verdict: what each stage refuses becomes a FAULT, and the self-test finds what was tampered with."""

from collections.abc import Callable
from dataclasses import fields, replace

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from edge.alignment import Aligner
from edge.bundle import Bundle
from edge.drivers.connector import Defect, DefectKind, render
from edge.drivers.onnx import OnnxEmbedder
from edge.errors import ModelError, NotJudged
from edge.frame import Frame, Pixels
from edge.inspection import MAP_TOLERANCE_LEVELS, MOST_CELLS_BEYOND, Inspector, StageTimes, self_test
from edge.model_store import arm
from edge.placing import Placer
from edge.preprocess import CellFunction, Mapper
from edge.verdict import Outcome, Reason
from tests.small_model import Small, spoilt

STAGES = ("align_ms", "quality_ms", "map_ms", "embed_ms", "judge_ms")


def embedder_of(bundle: Bundle) -> OnnxEmbedder:
    return OnnxEmbedder(bundle.network, cells=bundle.manifest.map.grid.cells)


def times_of(times: StageTimes) -> list[float]:
    return [getattr(times, stage) for stage in STAGES]


# --- verdicts -------------------------------------------------------------------------------------------------------


def test_a_good_part_is_ok_with_everything_it_rests_on(small_model: Small) -> None:
    found = small_model.inspector.inspect(small_model.frames[0])
    assert found.verdict.outcome is Outcome.OK
    assert found.working is not None
    assert found.cell_map is not None
    assert found.cell_map.shape == (9, 12)
    assert found.embedding is not None
    assert found.embedding.shape == (128,)
    assert all(times_of(found.times))
    assert found.times.total_ms == pytest.approx(sum(times_of(found.times)))


def test_a_spoilt_part_is_ng_at_the_place(small_model: Small) -> None:
    verdict = small_model.inspector.inspect(spoilt(small_model.unseen)).verdict
    assert verdict.outcome is Outcome.NG
    assert verdict.cell is not None
    row, column = verdict.cell
    assert 3 <= row <= 6  # the plate covers rows 40 to 64 and columns 30 to 66 of 96x128 pixels
    assert 1 <= column <= 7


def test_the_demo_model_knows_good_parts_and_clear_defects(demo_inspector: Inspector) -> None:
    good = [demo_inspector.inspect(Frame(pixels=render(seed=8, part=part))).verdict for part in range(10)]
    assert sum(verdict.outcome is Outcome.OK for verdict in good) >= 9
    misnamed = []
    for number, kind in enumerate(DefectKind):
        pin = None if kind is DefectKind.SCRATCHED else "52"
        defect = Defect(kind=kind, pin=pin, amount=12.0 if kind.is_bend else 0.9)
        verdict = demo_inspector.inspect(Frame(pixels=render(seed=8, part=100 + number, defect=defect))).verdict
        assert verdict.outcome is Outcome.NG, defect
        assert verdict.nearest_label is not None
        assert pin is None or verdict.nearest_label.endswith(f"_{pin}"), (verdict.nearest_label, defect)
        misnamed += [(verdict.nearest_label, defect.label)] if verdict.nearest_label != defect.label else []
    assert len(misnamed) <= 1, misnamed  # a pin that is pushed in and one that is bent towards the camera look alike


def test_the_same_frame_gives_the_same_verdict(small_model: Small) -> None:
    first, second = (small_model.inspector.inspect(small_model.unseen) for _ in range(2))
    assert first.verdict == second.verdict
    assert first.cell_map is not None
    assert second.cell_map is not None
    np.testing.assert_array_equal(first.cell_map, second.cell_map)


def test_a_stored_map_gives_exactly_the_verdict_of_its_frame(small_model: Small, demo_inspector: Inspector) -> None:
    frames = [*small_model.frames, small_model.unseen, spoilt(small_model.unseen)]
    demo = [Frame(pixels=render(seed=8, part=part)) for part in range(4)]
    for inspector, seen in ((small_model.inspector, frames), (demo_inspector, demo)):
        for frame in seen:
            found = inspector.inspect(frame)
            assert found.cell_map is not None
            stored = cv2.imdecode(cv2.imencode(".png", found.cell_map)[1], cv2.IMREAD_UNCHANGED).astype(np.uint8)
            assert inspector.judge_map(stored) == found.verdict


# --- faults ---------------------------------------------------------------------------------------------------------


def black(pixels: Pixels) -> Pixels:
    return np.zeros_like(pixels)


def white(pixels: Pixels) -> Pixels:
    return np.full_like(pixels, 255)


def blurred(pixels: Pixels) -> Pixels:
    return cv2.GaussianBlur(pixels, (0, 0), 4).astype(np.uint8)


def shifted(pixels: Pixels) -> Pixels:
    return np.roll(pixels, 12, axis=1)


def elsewhere(pixels: Pixels) -> Pixels:
    return pixels[::-1].copy()


def grey(pixels: Pixels) -> Pixels:
    return pixels[:, :, 0].copy()


def larger(pixels: Pixels) -> Pixels:
    return cv2.resize(pixels, None, fx=2, fy=2).astype(np.uint8)


@pytest.mark.parametrize(
    ("change", "reason", "stages"),
    [
        (grey, Reason.WRONG_FORMAT, 1),
        (larger, Reason.WRONG_FORMAT, 1),
        (black, Reason.TOO_DARK, 2),
        (white, Reason.TOO_BRIGHT, 2),
        (blurred, Reason.BLURRED, 2),
        (shifted, Reason.MISALIGNED, 2),
        (elsewhere, Reason.MISALIGNED, 2),
    ],
)
def test_a_frame_that_cannot_be_judged_is_a_fault(
    small_model: Small, change: Callable[[Pixels], Pixels], reason: Reason, stages: int
) -> None:
    found = small_model.inspector.inspect(Frame(pixels=change(small_model.unseen.pixels)))
    assert (found.verdict.outcome, found.verdict.reason) == (Outcome.FAULT, reason)
    assert found.verdict.detail
    assert found.verdict.distance is None
    assert found.cell_map is found.embedding is None
    assert (found.working is None) is (stages == 1)
    assert [bool(time) for time in times_of(found.times)] == [number < stages for number in range(5)]


def test_noise_makes_a_fault_of_what_would_pass_and_of_nothing_else(small_bundle: Bundle, small_model: Small) -> None:
    """What is beyond the limit in spite of the noise is defective."""
    quality = small_bundle.manifest.quality.model_copy(update={"noise": 0.01})
    strict = replace(small_bundle, manifest=small_bundle.manifest.model_copy(update={"quality": quality}))
    inspector = Inspector(strict, embedder_of(small_bundle))
    assert small_model.inspector.inspect(small_model.frames[0]).verdict.outcome is Outcome.OK
    found, defective = inspector.inspect(small_model.frames[0]), inspector.inspect(spoilt(small_model.frames[0]))
    assert found.verdict.reason is Reason.NOISY
    assert "above 0.0" in found.verdict.detail
    assert found.verdict.distance is found.cell_map is found.embedding is None
    assert defective.verdict.outcome is Outcome.NG
    working = [part.working.pixels for part in (found, defective) if part.working is not None]
    assert [inspector.judge_working(pixels).reason for pixels in working] == [Reason.NOISY, Reason.TOO_FAR]


PLACES: list[tuple[object, str, int]] = [
    (Placer, "check_format", 1),
    (Placer, "place", 1),
    (Aligner, "check", 2),
    (Mapper, "to_map", 3),
]


@pytest.mark.parametrize("reason", [Reason.MISALIGNED, Reason.NOT_FINITE, Reason.TOO_DARK])
@pytest.mark.parametrize(
    ("owner", "method", "stages"), PLACES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_whatever_a_stage_refuses_is_a_fault_with_its_reason(
    small_model: Small, monkeypatch: pytest.MonkeyPatch, owner: object, method: str, stages: int, reason: Reason
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise NotJudged(reason, "because the test says so")

    monkeypatch.setattr(owner, method, refuse)
    found = small_model.inspector.inspect(small_model.unseen)
    assert (found.verdict.outcome, found.verdict.reason) == (Outcome.FAULT, reason)
    assert found.verdict.detail == "because the test says so"
    assert [bool(time) for time in times_of(found.times)] == [number < stages for number in range(5)]


class FixedEmbedder:
    """Gives the same numbers for every map, or an error."""

    def __init__(self, answer: npt.NDArray[np.float32] | Exception) -> None:
        self._answer = answer

    def embed(self, cell_map: Pixels) -> npt.NDArray[np.float32]:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_an_embedding_that_is_no_number_is_a_fault(small_model: Small, bad: float) -> None:
    inspector = Inspector(small_model.bundle, FixedEmbedder(np.full(128, bad, np.float32)))
    verdict = inspector.inspect(small_model.frames[0]).verdict
    assert (verdict.outcome, verdict.reason) == (Outcome.FAULT, Reason.NOT_FINITE)


@pytest.mark.parametrize("answer", [ModelError("the network failed"), np.zeros(127, np.float32)])
def test_an_error_of_our_own_is_raised(small_model: Small, answer: npt.NDArray[np.float32] | Exception) -> None:
    inspector = Inspector(small_model.bundle, FixedEmbedder(answer))
    with pytest.raises(ModelError):
        inspector.inspect(small_model.frames[0])
    with pytest.raises(ModelError):
        inspector.judge_map(np.zeros((9, 12), np.uint8))


def test_a_good_embedding_of_a_strange_map_is_not_believed(small_model: Small) -> None:
    """The network may put anything anywhere; a map as bright as no good part's is of something else."""
    inspector = Inspector(small_model.bundle, FixedEmbedder(small_model.bundle.centroids.good))
    verdict = inspector.judge_map(np.full((9, 12), 200, np.uint8))
    assert (verdict.outcome, verdict.reason) == (Outcome.NG, Reason.UNLIKE_ANY_PART)
    assert verdict.distance == 0.0


# --- the self-test --------------------------------------------------------------------------------------------------


def test_the_models_pass_their_own_test(small_bundle: Bundle, demo_bundle: Bundle) -> None:
    for bundle in (small_bundle, demo_bundle):
        arm(bundle, embedder_of(bundle))


def with_golden_results(bundle: Bundle, **changes: object) -> Bundle:
    first, *rest = bundle.manifest.golden
    golden = (first.model_copy(update=changes), *rest)
    return replace(bundle, manifest=bundle.manifest.model_copy(update={"golden": golden}))


@pytest.mark.parametrize("change", [0.11, 0.2, 2.0])  # as a share of the limit
def test_a_tampered_distance_is_found(small_bundle: Bundle, change: float) -> None:
    manifest = small_bundle.manifest
    tampered = with_golden_results(
        small_bundle, distance=manifest.golden[0].distance + change * manifest.limit.calibrated
    )
    with pytest.raises(ModelError, match=r"self-test: golden/0\.png is at \d"):
        arm(tampered, embedder_of(tampered))


@pytest.mark.parametrize("outcome", [Outcome.NG, Outcome.FAULT])
def test_a_tampered_outcome_is_found(small_bundle: Bundle, outcome: Outcome) -> None:
    tampered = with_golden_results(small_bundle, outcome=outcome)
    with pytest.raises(ModelError, match=f"OK here, {outcome} was taught"):
        arm(tampered, embedder_of(tampered))


def test_a_tampered_map_is_found(small_bundle: Bundle) -> None:
    first, *rest = small_bundle.golden
    cell_map = first.cell_map.copy()
    too_many = int(MOST_CELLS_BEYOND * cell_map.size) + 1
    weakest = np.argsort(cell_map, axis=None)[:too_many]  # which move the embedding least
    cell_map.ravel()[weakest] += MAP_TOLERANCE_LEVELS + 1
    tampered = replace(small_bundle, golden=(replace(first, cell_map=cell_map), *rest))
    with pytest.raises(ModelError, match=r"the map of golden/0\.png differs in 5 % of its cells here"):
        arm(tampered, embedder_of(tampered))
    cell_map.ravel()[weakest[0]] -= 1  # so much another processor's rounding may do
    arm(tampered, embedder_of(tampered))


def test_a_golden_picture_that_cannot_be_judged_is_found(small_bundle: Bundle) -> None:
    first, *rest = small_bundle.golden
    tampered = replace(small_bundle, golden=(replace(first, frame=Frame(pixels=black(first.frame.pixels))), *rest))
    with pytest.raises(ModelError, match=r"golden/0\.png could not be judged here: mean brightness 0"):
        arm(tampered, embedder_of(tampered))


@pytest.mark.parametrize(("name", "factor"), [("mean", 1.2), ("upper", 0.8), ("lower", 1.2)])
def test_tampered_references_are_found(small_bundle: Bundle, name: str, factor: float) -> None:
    changed = getattr(small_bundle.references, name) * np.float32(factor)
    tampered = replace(small_bundle, references=replace(small_bundle.references, **{name: changed}))
    with pytest.raises(ModelError, match="self-test"):
        arm(tampered, embedder_of(tampered))


@pytest.mark.parametrize("name", [field.name for field in fields(CellFunction)])
def test_a_tampered_cell_function_is_found(small_bundle: Bundle, name: str) -> None:
    changed = getattr(small_bundle.cells, name) * np.float32(1.5) + np.float32(0.5)
    tampered = replace(small_bundle, cells=replace(small_bundle.cells, **{name: changed}))
    with pytest.raises(ModelError, match="self-test"):
        arm(tampered, embedder_of(tampered))


def test_a_network_that_gives_other_numbers_is_found(small_bundle: Bundle) -> None:
    with pytest.raises(ModelError, match="self-test"):
        arm(small_bundle, FixedEmbedder(np.zeros(128, np.float32)))


def test_a_moved_limit_does_not_fail_the_test_unless_it_changes_an_outcome(small_bundle: Bundle) -> None:
    def with_limit(distance: float) -> Bundle:
        limit = small_bundle.manifest.limit.model_copy(update={"distance": distance})
        return replace(small_bundle, manifest=small_bundle.manifest.model_copy(update={"limit": limit}))

    distances = sorted(entry.distance for entry in small_bundle.manifest.golden)
    self_test(small_bundle, Inspector(with_limit(0.5 * (distances[0] + distances[1])), embedder_of(small_bundle)))
    with pytest.raises(ModelError, match="OK here, NG was taught"):
        self_test(small_bundle, Inspector(with_limit(2 * distances[-1]), embedder_of(small_bundle)))


def test_light_sharpness_and_place_are_told_of_every_part_that_was_found(small_model: Small) -> None:
    frame = small_model.unseen
    straight = small_model.inspector.inspect(frame).imaging
    assert straight is not None
    darker = small_model.inspector.inspect(replace(frame, pixels=(frame.pixels * 0.9).astype(np.uint8))).imaging
    shifted = small_model.inspector.inspect(replace(frame, pixels=np.roll(frame.pixels, (2, 3), axis=(0, 1)))).imaging
    blurred = small_model.inspector.inspect(
        replace(frame, pixels=cv2.GaussianBlur(frame.pixels, (0, 0), 0.8).astype(np.uint8))
    ).imaging
    assert darker is not None
    assert shifted is not None
    assert blurred is not None
    assert straight.light_gain == pytest.approx(1.0, abs=0.1)
    assert darker.light_gain / straight.light_gain == pytest.approx(0.9, abs=0.02)
    moved = (shifted.shift_x_percent - straight.shift_x_percent, shifted.shift_y_percent - straight.shift_y_percent)
    assert moved == pytest.approx((100 * 3 / 128, 100 * 2 / 128), abs=0.3)
    assert blurred.sharpness < 0.8 * straight.sharpness
    assert abs(shifted.rotation_degrees - straight.rotation_degrees) < 0.5


def test_part_that_is_too_dark_to_be_judged_still_tells_its_light(small_model: Small) -> None:
    dark = small_model.inspector.inspect(
        replace(small_model.unseen, pixels=(small_model.unseen.pixels * 0.3).astype(np.uint8))
    )
    assert dark.verdict.reason is Reason.TOO_DARK
    assert dark.imaging is not None
    assert dark.imaging.light_gain == pytest.approx(0.3, abs=0.05)
