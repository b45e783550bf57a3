"""What was made fast says what the plain path says, of the demo's golden pictures, rendered parts, and real ones."""

import cv2
import numpy as np
import pytest

from edge.bundle import Bundle
from edge.drivers.connector import render
from edge.drivers.onnx import OnnxEmbedder
from edge.frame import Frame, Pixels
from edge.inspection import Inspection, Inspector
from tests.plain_path import plain_map
from training.moved_pictures import Motion

ONE_LEVEL = 0.999  # share of the cells that may differ by one level at most; a level is 0.07 standard deviations
MOST_LEVELS = 3  # of one cell in tens of thousands
LARGEST_DIFFERENCE = 0.035  # of the limit, between the two distances; a level in the strongest cell moves it by so much
ON_THE_LIMIT = 0.005  # of it: so near, a single level in a single cell decides


def parts() -> list[Pixels]:
    """Good ones, moved ones, dark and bright ones, and ones with something large on them."""
    random = np.random.default_rng(7)
    good = [render(seed=8, part=part) for part in range(12)]
    moved = [
        Motion(x_px=random.uniform(-25, 25), y_px=random.uniform(-25, 25), degrees=random.uniform(-9, 9)).of(pixels)
        for pixels in good[:6]
    ]
    lit = [np.clip(np.rint(good[0] * light), 0, 255).astype(np.uint8) for light in (0.7, 0.85, 1.15)]
    stained = [pixels.copy() for pixels in good[:6]]
    for pixels in stained:
        x, y = (int(each) for each in random.integers((150, 100), (400, 300)))
        cv2.rectangle(pixels, (x, y), (x + 90, y + 60), random.uniform(0, 255, 3).tolist(), -1)
    return [*good, *moved, *lit, *stained]


def test_maps_and_verdicts_are_those_of_the_plain_path(demo_bundle: Bundle, demo_inspector: Inspector) -> None:
    frames = [*demo_inspector.golden_frames, *(Frame(pixels=pixels) for pixels in parts())]
    check_against_plain(demo_bundle, demo_inspector, frames)


def check_against_plain(bundle: Bundle, inspector: Inspector, frames: list[Frame]) -> None:
    """Fails where a verdict is another one, but on the limit itself, or a map is off by more than a level or so."""
    limit, differences = inspector.limit, []
    for number, frame in enumerate(frames):
        found = inspector.inspect(frame)
        if found.cell_map is None:
            continue  # it was not found, or in no light to be judged
        expected = plain_map(bundle, working_of(found))
        plain, fast = inspector.judge_map(expected), found.verdict
        assert plain.distance is not None
        assert fast.distance is not None
        assert abs(plain.distance - fast.distance) <= LARGEST_DIFFERENCE * limit, number
        is_on_the_limit = abs(plain.distance - limit) <= ON_THE_LIMIT * limit
        assert plain.outcome is fast.outcome or is_on_the_limit, number
        differences.append(cv2.absdiff(found.cell_map, expected))
    assert len(differences) > 0.8 * len(frames)
    off = np.stack(differences)
    shares = ", ".join(f"{100 * (off == level).mean():.3f} % by {level}" for level in range(int(off.max()) + 1))
    print(f"{len(off)} pictures, cells that differ: {shares}")
    assert (off <= 1).mean() >= ONE_LEVEL
    assert off.max() <= MOST_LEVELS


def working_of(found: Inspection) -> Pixels:
    assert found.working is not None, found.verdict
    return found.working.pixels


def test_results_are_kept_when_the_next_part_comes(demo_inspector: Inspector) -> None:
    """Its arrays are used again; what has left it must not be among them."""
    first, second = (Frame(pixels=render(seed=8, part=part)) for part in (1, 2))
    found = demo_inspector.inspect(first)
    assert found.cell_map is not None
    assert found.embedding is not None
    before = [each.copy() for each in (working_of(found), found.cell_map, found.embedding)]
    demo_inspector.inspect(second)
    for kept, was in zip((working_of(found), found.cell_map, found.embedding), before, strict=True):
        np.testing.assert_array_equal(kept, was)


def test_two_inspectors_share_no_arrays(demo_bundle: Bundle, demo_inspector: Inspector) -> None:
    """A shadow judges in another thread beside the one that decides."""
    other = Inspector(demo_bundle, OnnxEmbedder(demo_bundle.network, cells=demo_bundle.manifest.map.grid.cells))
    taught = set(addresses_in(demo_bundle))  # only ever read
    arrays = [set(addresses_in(inspector)) - taught for inspector in (other, demo_inspector)]
    assert len(arrays[0]) > 20
    assert not arrays[0] & arrays[1]


def addresses_in(value: object, seen: set[int] | None = None) -> list[int]:
    """Of all arrays that can be written, wherever they hang."""
    seen = set() if seen is None else seen
    if id(value) in seen or isinstance(value, type):
        return []
    seen.add(id(value))
    if isinstance(value, np.ndarray):
        return [value.__array_interface__["data"][0]] if value.flags.writeable else []
    held: list[object] = list(value) if isinstance(value, list | tuple | set) else []
    if type(value).__module__.startswith("edge."):
        held += [getattr(value, name, None) for name in getattr(type(value), "__slots__", ())]
        held += list(getattr(value, "__dict__", {}).values())
    return [address for each in held for address in addresses_in(each, seen)]


@pytest.mark.parametrize("part", range(3))
def test_a_part_is_judged_the_same_whatever_came_before(demo_inspector: Inspector, part: int) -> None:
    frame = Frame(pixels=render(seed=8, part=part))
    maps = []
    for before in (render(seed=8, part=9), np.zeros((480, 640, 3), np.uint8), np.full((480, 640, 3), 255, np.uint8)):
        demo_inspector.inspect(Frame(pixels=before))
        maps.append(demo_inspector.inspect(frame).cell_map)
    np.testing.assert_array_equal(maps[0], maps[1])
    np.testing.assert_array_equal(maps[0], maps[2])
