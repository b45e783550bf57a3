"""Past production judged again: from maps as the station itself would, from pictures otherwise, and said which."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.bundle import Bundle, map_digest
from edge.database import FILE_NAME
from edge.drivers.connector import render
from edge.drivers.connector_part import line_part
from edge.drivers.onnx import OnnxEmbedder
from edge.drivers.simulated import SimulatedClock
from edge.errors import ModelError
from edge.frame import Frame
from edge.grain import grain_of, with_grain
from edge.inspection import Inspection, Inspector
from edge.limit_effect import distances, effect_of
from edge.model_store import name_of
from edge.picture_store import WORKING_QUALITY, jpeg_of
from edge.pictures import decode_picture
from edge.record import ModelName, Record
from edge.recorder import Recorder
from edge.rejudge import Again, Judged, Rejudge, Summary, Used
from edge.verdict import Outcome, Reason, Verdict, fault
from tests.small_model import Small, small_frame, spoilt

PARTS = 24


def other(bundle: Bundle, *, limit: float = 1.0, sha256: str = "ff" * 32, **changes: object) -> Bundle:
    """The same model with its limit moved by a factor, or with other parts."""
    moved = bundle.manifest.limit.model_copy(update={"distance": bundle.manifest.limit.distance * limit})
    return replace(bundle, manifest=bundle.manifest.model_copy(update={"limit": moved}), sha256=sha256, **changes)  # type: ignore[arg-type]


def seen_by(bundle: Bundle) -> list[Inspection]:
    inspector = Inspector(bundle, OnnxEmbedder(bundle.network, cells=bundle.manifest.map.grid.cells))
    frames = [small_frame(40 + number) for number in range(PARTS)]
    return [inspector.inspect(spoilt(frame) if number % 4 == 0 else frame) for number, frame in enumerate(frames)]


@pytest.fixture(scope="module")
def production(small_model: Small) -> list[Inspection]:
    return seen_by(small_model.bundle)


def record_of(number: int, found: Inspection, model: ModelName) -> Record:
    return Record(
        sequence=number,
        verdict=found.verdict,
        triggered_ns=number,
        wall_ns=1_800_000_000 * 10**9,
        model=model,
        cell_map=found.cell_map,
        working=found.working.pixels if found.working else None,
    )


def recorded(folder: Path, production: list[Inspection], model: ModelName) -> None:
    with Recorder(folder, clock=SimulatedClock()) as kept:
        for number, found in enumerate(production, start=1):
            kept.begin(number)
            kept.put(record_of(number, found, model))
        kept.put(Record(sequence=PARTS + 1, verdict=fault(Reason.TRIGGER_WHILE_BUSY), triggered_ns=1, wall_ns=1))
        assert kept.wait_until_kept(timeout_ms=10_000)


def rejudged(folder: Path, bundle: Bundle) -> list[Judged]:
    embedder = OnnxEmbedder(bundle.network, cells=bundle.manifest.map.grid.cells)
    kind = Again(folder, inspector=Inspector(bundle, embedder), embedder=embedder, model=name_of(bundle))
    again = Rejudge(folder, [kind])
    return list(again.parts(first=1, last=1000))


def test_same_model_says_the_same_of_every_part(
    tmp_path: Path, small_bundle: Bundle, production: list[Inspection]
) -> None:
    recorded(tmp_path, production, name_of(small_bundle))
    found = rejudged(tmp_path, small_bundle)
    assert [part.sequence for part in found] == list(range(1, PARTS + 2))
    assert not any(part.is_changed for part in found)
    for part, inspection in zip(found, production, strict=False):
        assert (part.used, part.outcome_after) == (Used.MAP, inspection.verdict.outcome)
        assert part.margin_after == pytest.approx(inspection.verdict.margin, rel=1e-5)
    assert found[-1].used is Used.NOTHING
    assert {part.outcome_before for part in found} == {"OK", "NG", "FAULT"}


def test_another_limit_changes_what_lies_between_and_is_judged_from_maps(
    tmp_path: Path, small_bundle: Bundle, production: list[Inspection]
) -> None:
    recorded(tmp_path, production, name_of(small_bundle))
    wider = other(small_bundle, limit=1000.0)
    assert map_digest(wider) == map_digest(small_bundle)
    found = rejudged(tmp_path, wider)
    summary = Summary()
    for part in found:
        summary.count(part)
    assert (summary.used[Used.MAP], summary.used[Used.NOTHING]) == (PARTS, 1)
    too_far = [part for part in production if part.verdict.reason is Reason.TOO_FAR]
    assert summary.changed == summary.outcomes["NG", "OK"] == len(too_far) > 0


def test_other_references_are_judged_from_working_pictures(
    tmp_path: Path, small_bundle: Bundle, production: list[Inspection]
) -> None:
    recorded(tmp_path, production, name_of(small_bundle))
    deviation = np.asarray(small_bundle.cells.deviation * np.float32(1.0001))
    same_but_other = other(small_bundle, cells=replace(small_bundle.cells, deviation=deviation))
    found = rejudged(tmp_path, same_but_other)[:PARTS]
    assert {part.used for part in found} == {Used.WORKING_PICTURE}
    agreed = sum(not part.is_changed for part in found)
    assert agreed >= PARTS - 2  # a JPEG keeps less than the frame
    assert {part.outcome_after for part in found} >= {"OK", "NG"}


def test_working_pictures_of_another_part_of_the_frame_are_not_judged(
    tmp_path: Path, small_bundle: Bundle, production: list[Inspection]
) -> None:
    """Of a model that looked at a window: the frame itself, where it was kept, and else nothing."""
    looked_closer = ModelName(product="old", serial=1, sha256="aa" * 32, window="64x48 pixels from (32, 24)")
    recorded(tmp_path, production, looked_closer)
    with Recorder(tmp_path, clock=SimulatedClock()) as kept:
        whole = replace(record_of(PARTS + 2, production[0], looked_closer), frame=spoilt(small_frame(40)).pixels)
        kept.put(whole)
        assert kept.wait_until_kept(timeout_ms=10_000)
    found = rejudged(tmp_path, small_bundle)
    assert {part.used for part in found[:-1]} == {Used.NOTHING}
    assert (found[-1].used, found[-1].outcome_after) == (Used.WHOLE_PICTURE, "NG")


def test_part_without_a_working_picture_is_judged_from_the_whole_one(tmp_path: Path, small_model: Small) -> None:
    inspection = small_model.inspector.inspect(spoilt(small_model.unseen))
    with Recorder(tmp_path, clock=SimulatedClock()) as kept:
        record = record_of(1, inspection, ModelName(product="old", serial=1, sha256="aa" * 32))
        kept.put(replace(record, working=None, cell_map=None, frame=spoilt(small_model.unseen).pixels))
        assert kept.wait_until_kept(timeout_ms=10_000)
    (found,) = rejudged(tmp_path, small_model.bundle)
    assert (found.used, found.outcome_after) == (Used.WHOLE_PICTURE, "NG")
    assert found.margin_after == pytest.approx(inspection.verdict.margin, rel=0.2)


def test_damaged_and_removed_pictures_are_said_and_stop_nothing(
    tmp_path: Path, small_bundle: Bundle, production: list[Inspection]
) -> None:
    recorded(tmp_path, production, ModelName(product="old", serial=1, sha256="aa" * 32))
    database = sqlite3.connect(tmp_path / FILE_NAME)
    database.execute("UPDATE working_pictures SET jpeg = x'00' WHERE sequence = 2")
    database.execute("DELETE FROM working_pictures WHERE sequence = 3")
    database.commit()
    database.close()
    found = rejudged(tmp_path, small_bundle)
    assert [part.sequence for part in found if part.used is Used.NOTHING] == [2, 3, PARTS + 1]
    assert sum(part.used is Used.WORKING_PICTURE for part in found) == PARTS - 2


def test_maps_of_a_model_whose_maps_nobody_knows_are_not_compared(
    tmp_path: Path, small_bundle: Bundle, production: list[Inspection]
) -> None:
    """As the models of records that an older version wrote: "" is no digest that two models could share."""
    recorded(tmp_path, production, ModelName(product="old", serial=1, sha256="aa" * 32))
    embedder = OnnxEmbedder(small_bundle.network, cells=small_bundle.manifest.map.grid.cells)
    nameless = replace(name_of(small_bundle), map_sha256="")
    kind = Again(tmp_path, inspector=Inspector(small_bundle, embedder), embedder=embedder, model=nameless)
    again = Rejudge(tmp_path, [kind])
    assert {part.used for part in again.parts(first=1, last=PARTS)} == {Used.WORKING_PICTURE}


def test_what_lies_on_the_limit_is_judged_as_the_station_would(
    small_bundle: Bundle, production: list[Inspection]
) -> None:
    """Many maps at once may differ in the last bits; on the limit those would decide."""
    embedder = OnnxEmbedder(small_bundle.network, cells=small_bundle.manifest.map.grid.cells)
    maps = np.stack([found.cell_map for found in production if found.cell_map is not None])
    for found in production[:6]:
        assert found.verdict.distance is not None
        limit = found.verdict.distance / small_bundle.manifest.limit.distance
        for exactly in (limit, np.nextafter(limit, 0), np.nextafter(limit, 9)):
            inspector = Inspector(other(small_bundle, limit=float(exactly)), embedder)
            many = [verdict.outcome for verdict in inspector.judge_maps(maps, embedder)]
            assert many == [inspector.judge_map(cell_map).outcome for cell_map in maps]


def test_working_picture_of_another_size_is_a_fault(small_model: Small) -> None:
    found = small_model.inspector.judge_working(np.zeros((10, 10, 3), np.uint8))
    assert found.reason is Reason.WRONG_FORMAT
    assert small_model.inspector.judge_working(np.zeros_like(small_model.bundle.references.picture)).reason is (
        Reason.TOO_DARK
    )


def test_effect_of_another_limit_on_the_last_parts(tmp_path: Path) -> None:
    def part(number: int, distance: float, reason: Reason, model: str = "aa") -> Record:
        outcome = Outcome("OK" if reason is Reason.WITHIN_LIMIT else "NG")
        verdict = Verdict(outcome=outcome, reason=reason, distance=distance, limit=2.0)
        name = ModelName(product="x", serial=1, sha256=model * 32)
        return Record(sequence=number, verdict=verdict, triggered_ns=1, wall_ns=1_800_000_000 * 10**9, model=name)

    measured = [0.5, 1.0, 1.4, 1.6, 1.9, 2.1, 2.5, 3.0]
    with Recorder(tmp_path, clock=SimulatedClock()) as kept:
        for number, distance in enumerate(measured, start=1):
            reason = Reason.WITHIN_LIMIT if distance <= 2 else Reason.TOO_FAR
            kept.put(part(number, 1.7 if number == 1 else distance, reason, model="bb" if number == 1 else "aa"))
        kept.put(part(9, 0.1, Reason.UNLIKE_ANY_PART))
        kept.put(Record(sequence=10, verdict=fault(Reason.BLURRED), triggered_ns=1, wall_ns=1))
        assert kept.wait_until_kept(timeout_ms=10_000)
    found = distances(tmp_path, model_sha256="aa" * 32)
    tighter, wider = effect_of(found, limit=1.5, instead_of=2.0), effect_of(found, limit=2.2, instead_of=2.0)
    few = effect_of(distances(tmp_path, model_sha256="aa" * 32, most=5), limit=1.5, instead_of=2.0)
    assert (tighter.parts, tighter.newly_ng, tighter.newly_ok) == (8, (5, 4), ())
    assert (wider.newly_ng, wider.newly_ok) == ((), (6,))
    assert (few.parts, few.newly_ng) == (5, (5,))


def test_grain_that_a_jpeg_takes_is_given_back(demo_inspector: Inspector) -> None:
    """Without it the demo model rejects most good parts; with it most verdicts are as they were (53 of 60 measured)."""
    grain = grain_of(demo_inspector)
    assert 0.5 < grain.working.min() <= grain.working.max() < 5
    before, bare, grained = [], [], []
    for number in range(20):
        pixels = render(seed=5, part=number, defect=line_part(seed=5, number=number, ng_share=0.3))
        found = demo_inspector.inspect(Frame(pixels=pixels))
        assert found.working is not None
        stored = decode_picture(jpeg_of(found.working.pixels, quality=WORKING_QUALITY), name="part").pixels
        before.append(found.verdict.outcome)
        bare.append(demo_inspector.judge_working(stored).outcome)
        grained.append(demo_inspector.judge_working(with_grain(stored, grain.working, seed=number)).outcome)
    assert 4 <= before.count(Outcome("NG")) <= 10
    agreed = [sum(a is b for a, b in zip(before, after, strict=True)) for after in (bare, grained)]
    assert agreed[0] <= 12
    assert agreed[1] >= 16


def test_grain_is_the_same_for_the_same_part_and_fits_grey_pictures() -> None:
    flat = np.full((288, 312), 128, np.uint8)
    found = with_grain(flat, np.array([2.0]), seed=5)
    np.testing.assert_array_equal(found, with_grain(flat, np.array([2.0]), seed=5))
    assert found.std() == pytest.approx(2.02, abs=0.05)  # with what rounding adds
    assert not np.array_equal(found, with_grain(flat, np.array([2.0]), seed=6))
    colour = with_grain(np.full((288, 312, 3), 128, np.uint8), np.array([0.0, 1.0, 4.0]), seed=5)
    assert colour.std(axis=(0, 1)) == pytest.approx((0, 1.04, 4.01), abs=0.05)


def test_model_without_a_good_golden_picture_cannot_be_compared(small_bundle: Bundle) -> None:
    embedder = OnnxEmbedder(small_bundle.network, cells=small_bundle.manifest.map.grid.cells)
    with pytest.raises(ModelError, match="none of the model's golden pictures is good here"):
        grain_of(Inspector(other(small_bundle, limit=1e-6), embedder))
