"""A picture of something else entirely is never OK: a thousand of them against the model that ships."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from edge.bundle import Bundle
from edge.drivers.onnx import OnnxEmbedder
from edge.errors import NotJudged
from edge.frame import Frame, Pixels
from edge.inspection import Inspector
from edge.pictures import list_pictures, read_picture
from edge.placing import Placer
from edge.preprocess import Mapper
from edge.variables import grey_of
from edge.verdict import Outcome
from tests.foreign_pictures import AROUND_CONNECTORS, connector, foreign_pictures, resized

COUNT = 1000


def judge_foreign(inspector: Inspector, pictures: Iterable[tuple[str, Pixels]]) -> int:
    """How many there were; fails if one of them is OK. Prints why the others were not, kind by kind."""
    reasons: defaultdict[str, Counter[str]] = defaultdict(Counter)
    passed = []
    for number, (kind, pixels) in enumerate(pictures):
        verdict = inspector.inspect(Frame(pixels=pixels)).verdict
        reasons[kind][f"{verdict.outcome} {verdict.reason}"] += 1
        if verdict.outcome is Outcome.OK:
            passed.append((number, kind, verdict.margin))
    for kind, counts in reasons.items():
        print(f"{kind:24}", ", ".join(f"{count} {reason}" for reason, count in counts.most_common()))
    assert not passed
    return sum(counts.total() for counts in reasons.values())


@pytest.mark.slow
def test_a_picture_of_something_else_is_never_ok(demo_inspector: Inspector) -> None:
    assert judge_foreign(demo_inspector, foreign_pictures(640, 480, count=COUNT)) == COUNT


def test_the_map_and_the_network_alone_would_refuse_them_too(demo_bundle: Bundle) -> None:
    """With light, sharpness and alignment left out: every check stands for itself."""
    manifest = demo_bundle.manifest
    inspector = Inspector(demo_bundle, OnnxEmbedder(demo_bundle.network, cells=manifest.map.grid.cells))
    picture = demo_bundle.references.picture
    placer = Placer(picture, manifest.map, frame_width=640, frame_height=480)
    mapper = Mapper(demo_bundle.references, demo_bundle.cells, manifest.map)
    judged = 0
    for kind, pixels in foreign_pictures(640, 480, count=180):
        # In the light of the reference, so that as many as possible get through.
        level = np.float32(picture.mean() / max(float(pixels.mean()), 1.0))
        lit = np.clip(np.rint(pixels * level), 0, 255).astype(np.uint8)
        try:
            working = placer.place(Frame(pixels=lit)).pixels
            cell_map = mapper.to_map(working, grey=grey_of(working))
        except NotJudged:
            continue
        judged += 1
        assert inspector.judge_map(cell_map).outcome is Outcome.NG, kind
    assert judged > 100


def test_a_good_part_is_ok_among_them(demo_inspector: Inspector) -> None:
    """That nothing passes would be easy: the parts that the foreign pictures are made from do."""
    random = np.random.default_rng(0)
    verdicts = [demo_inspector.inspect(Frame(pixels=connector(random))).verdict for _ in range(10)]
    assert sum(verdict.outcome is Outcome.OK for verdict in verdicts) >= 9


def test_pictures_of_real_things_are_never_ok(demo_inspector: Inspector, shared_data: Path) -> None:
    """Other products, as the demo's camera would see them."""
    pictures = [path for path in list_pictures(shared_data, is_recursive=True) if "ground_truth" not in path.parts]
    frames = ((path.parent.name, resized(colour(read_picture(path).pixels), 640, 480)) for path in pictures[::8])
    assert judge_foreign(demo_inspector, frames) > 50


def colour(pixels: Pixels) -> Pixels:
    return pixels if pixels.ndim == 3 else np.repeat(pixels[:, :, np.newaxis], 3, axis=2)


def test_the_pictures_are_what_they_are_meant_to_be() -> None:
    drawn = list(foreign_pictures(160, 120, count=30))
    assert len({kind for kind, _ in drawn}) == 15
    assert {kind for kind, _ in drawn} >= {drawer.__name__ for drawer in AROUND_CONNECTORS}
    assert all(pixels.shape == (120, 160, 3) and pixels.dtype == np.uint8 for _, pixels in drawn)
    assert len({pixels.tobytes() for _, pixels in drawn}) > 25
