"""The programs that compare with peers: they run and say what they found; no figure is held."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from edge.bundle import Bundle
from edge.frame import Frame
from tests.benchmarks import peers
from tests.benchmarks.peer_models import PEERS, Judge, Picture, weight_bytes


class Counting(Judge):
    name = "counts"

    def __init__(self) -> None:
        self.judged = 0

    def judge(self, frame: Frame) -> float:
        self.judged += 1
        return sum(range(1000))


def test_each_judges_once_a_round_and_the_first_is_what_the_others_are_compared_with(demo_bundle: Bundle) -> None:
    judges = [Counting(), Counting(), Counting()]
    rows = peers.compare(judges, [demo_bundle.golden[0].frame], rounds=4)
    assert [judge.judged for judge in judges] == [4 + peers.WARM_UP_ROUNDS] * 3
    assert rows[0].ratio == (1.0, 1.0, 1.0)
    assert all(row.ratio[0] <= row.ratio[1] <= row.ratio[2] for row in rows)


def test_a_ratio_is_that_of_one_round() -> None:
    row = peers._row("peer", [(10.0, 11.0), (30.0, 33.0), (20.0, 22.0)], [1.0, 1.0, 4.0])
    assert row.ratio == (5.0, 10.0, 30.0)
    assert (row.cpu_ms, row.passed_ms) == (20.0, 22.0)


@pytest.mark.slow
def test_one_round_prints_a_row_for_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    peers.main(["--rounds", "1", "--json", str(tmp_path / "peers.json")])
    said = capsys.readouterr().out
    names = ["kensa", "floor: frame to working size, weights read once", *(peer.name for peer in PEERS)]
    assert re.findall(r"^\| ([^|]+) \| [\d.]+ \|", said, re.MULTILINE) == names
    assert "1 rounds" in said
    assert list(json.loads((tmp_path / "peers.json").read_text())["rows"]) == names


@pytest.mark.slow
@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_a_peer_with_random_weights_gives_a_number_that_depends_on_the_frame(
    peer: type[Judge], demo_bundle: Bundle
) -> None:
    judge, dark = peer(), Frame(pixels=np.zeros((480, 640, 3), np.uint8))
    found = [judge.judge(demo_bundle.golden[0].frame), judge.judge(dark)]
    assert np.isfinite(found).all()
    assert found[0] != found[1]


def test_networks_see_red_first_and_imagenets_mean_as_zero() -> None:
    pixels = np.empty((480, 640, 3), np.uint8)
    pixels[:] = (104, 116, 124)  # B, G, R
    values = Picture(32).take(Frame(pixels=pixels))
    assert values.shape == (1, 3, 32, 32)
    assert np.abs(values).max() < 0.02
    red = pixels.copy()
    red[:, :, 2] = 255
    assert (Picture(32).take(Frame(pixels=red))[0, 0] > 2).all()


def test_the_floor_reads_the_network_and_every_array(demo_bundle: Bundle) -> None:
    references = demo_bundle.references.mean.nbytes
    assert weight_bytes(demo_bundle) > len(demo_bundle.network) + 3 * references


@pytest.mark.slow
def test_grown_models_are_judged_to_the_end_and_each_has_its_row(capsys: pytest.CaptureFixture[str]) -> None:
    from tests.benchmarks import growth  # torch takes seconds to load

    growth.main(["--rounds", "1"])
    said = capsys.readouterr().out
    assert len(re.findall(r"^\| .*\d+\.\d+ \|", said, re.MULTILINE)) == 1 + len(growth.FRAMES + growth.GRIDS) + 2
