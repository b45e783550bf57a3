"""The network on the device: only 128 finite numbers are an embedding, everything else is a ModelError."""

import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from onnx.external_data_helper import set_external_data

from edge.bundle import EMBEDDING_SIZE
from edge.drivers.onnx import OnnxEmbedder
from edge.errors import ModelError
from edge.verdict import Reason
from tests.stations import Bench, FakeInspector

CELLS = 20
WEIGHT = np.random.default_rng(0).normal(0, 1, (CELLS, EMBEDDING_SIZE)).astype(np.float32)


def network(weight: np.ndarray = WEIGHT, *, cast: int | None = None) -> onnx.ModelProto:
    """map (1, cells) times weight; cast: to another type at the end."""
    nodes = [helper.make_node("MatMul", ["map", "weight"], ["product"])]
    nodes.append(helper.make_node("Cast", ["product"], ["embedding"], to=cast or TensorProto.FLOAT))
    graph = helper.make_graph(
        nodes,
        "embedder",
        [helper.make_tensor_value_info("map", TensorProto.FLOAT, [1, len(weight)])],
        [helper.make_tensor_value_info("embedding", cast or TensorProto.FLOAT, [1, weight.shape[1]])],
        [numpy_helper.from_array(weight, "weight")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    return model


def embedder(model: onnx.ModelProto, *, cells: int = CELLS) -> OnnxEmbedder:
    return OnnxEmbedder(model.SerializeToString(), cells=cells)


def test_the_embedding_is_what_the_network_gives_for_levels_of_0_to_1() -> None:
    cell_map = np.arange(0, 200, 10, dtype=np.uint8).reshape(4, 5)
    found = embedder(network()).embed(cell_map)
    assert (found.shape, found.dtype) == ((EMBEDDING_SIZE,), np.dtype(np.float32))
    np.testing.assert_allclose(found, cell_map.ravel() / 255 @ WEIGHT, rtol=1e-4, atol=1e-5)


def test_an_embedding_does_not_change_with_the_next_part() -> None:
    device = embedder(network())
    first = device.embed(np.full(CELLS, 200, np.uint8))
    kept = first.copy()
    device.embed(np.zeros(CELLS, np.uint8))
    np.testing.assert_array_equal(first, kept)


def test_the_last_parts_embedding_never_passes_for_this_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    device = embedder(network())
    device.embed(np.zeros(CELLS, np.uint8))
    monkeypatch.setattr(type(device._session), "run_with_iobinding", lambda *_: None)
    with pytest.raises(ModelError, match="no numbers"):
        device.embed(np.zeros(CELLS, np.uint8))


@pytest.mark.parametrize("kind", [TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.INT32])
def test_a_network_that_takes_other_numbers_is_refused(kind: int) -> None:
    model = network()
    model.graph.input[0].type.tensor_type.elem_type = kind
    model.graph.node[0].input[0] = "cast"
    model.graph.node.insert(0, helper.make_node("Cast", ["map"], ["cast"], to=TensorProto.FLOAT))
    with pytest.raises(ModelError, match="the network failed"):
        embedder(model)


@pytest.mark.parametrize("cells", [CELLS - 1, CELLS + 1, 1])
def test_a_network_for_another_map_is_refused(cells: int) -> None:
    with pytest.raises(ModelError, match="the network failed"):
        embedder(network(), cells=cells)


@pytest.mark.parametrize("shape", [(19,), (21,), (4, 4), (0,)])
def test_a_map_of_another_size_is_refused(shape: tuple[int, ...]) -> None:
    device = embedder(network())
    with pytest.raises(ModelError, match=r"the map has \d+ cells, the network takes 20"):
        device.embed(np.zeros(shape, np.uint8))


@pytest.mark.parametrize("size", [1, 127, 129])
def test_an_embedding_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(ModelError, match="which is no embedding"):
        embedder(network(np.ones((CELLS, size), np.float32)))


@pytest.mark.parametrize("kind", [TensorProto.DOUBLE, TensorProto.INT32, TensorProto.STRING])
def test_an_embedding_of_another_kind_is_refused(kind: int) -> None:
    with pytest.raises(ModelError, match="which is no embedding"):
        embedder(network(cast=kind))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_an_embedding_with_a_value_that_is_no_number_is_refused(bad: float) -> None:
    weight = WEIGHT.copy()
    weight[3, 100] = bad
    with pytest.raises(ModelError, match="no numbers"):
        embedder(network(weight))  # 0 times infinity is no number either


def test_a_network_that_fails_for_one_map_only_is_refused_for_that_map() -> None:
    weight = WEIGHT.copy()
    weight[3:5, 100] = 3e38  # together too large
    device = embedder(network(weight))
    assert np.isfinite(device.embed(np.zeros(CELLS, np.uint8))).all()
    with pytest.raises(ModelError, match="no numbers"):
        device.embed(np.full(CELLS, 255, np.uint8))
    assert np.isfinite(device.embed(np.zeros(CELLS, np.uint8))).all()


def test_network_that_raises_in_a_station_is_a_fault_and_the_next_part_is_judged() -> None:
    """onnxruntime itself raises: an index that a bright map makes too large. The real library, a simulated line."""
    table = numpy_helper.from_array(np.zeros((2, EMBEDDING_SIZE), np.float32), "table")
    nodes = [
        helper.make_node("ReduceMax", ["map"], ["brightest"], keepdims=0),
        helper.make_node("Mul", ["brightest", "ten"], ["index"]),
        helper.make_node("Cast", ["index"], ["row"], to=TensorProto.INT64),
        helper.make_node("Gather", ["table", "row"], ["flat"]),
        helper.make_node("Unsqueeze", ["flat", "first"], ["embedding"]),
    ]
    constants = [table, numpy_helper.from_array(np.float32(10), "ten"), numpy_helper.from_array(np.array([0]), "first")]
    graph = helper.make_graph(
        nodes,
        "embedder",
        [helper.make_tensor_value_info("map", TensorProto.FLOAT, [1, CELLS])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [1, EMBEDDING_SIZE])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    device = embedder(model)
    maps = iter([np.zeros(CELLS, np.uint8), np.full(CELLS, 255, np.uint8), np.zeros(CELLS, np.uint8)])
    bench = Bench(FakeInspector(at=dict.fromkeys((1, 2, 3), lambda: device.embed(next(maps)))))
    records = [bench.take() for _ in range(3)]
    assert [record.verdict.outcome for record in records] == ["OK", "FAULT", "OK"]
    assert records[1].verdict.reason is Reason.INTERNAL
    assert "the network" in records[1].verdict.detail


@pytest.mark.parametrize("content", [b"", b"\0", b"no network", b"\x08\x08" * 40, network().SerializeToString()[:-500]])
def test_garbage_is_refused_in_one_line(content: bytes) -> None:
    with pytest.raises(ModelError, match=r"^the network (cannot be loaded|failed): [^\n]+$"):
        OnnxEmbedder(content, cells=CELLS)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 400), st.integers(1, 255))
def test_a_damaged_network_is_refused_or_gives_embeddings(place: int, change: int) -> None:
    content = bytearray(network().SerializeToString())
    content[place if place < 200 else -(place - 199)] ^= change
    try:
        found = OnnxEmbedder(bytes(content), cells=CELLS).embed(np.full(CELLS, 100, np.uint8))
    except ModelError as error:
        assert "\n" not in str(error)
    else:
        assert np.isfinite(found).all()


def test_weights_in_another_file_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They would be read from wherever the station happens to be started."""
    model = network()
    (tmp_path / "weights").write_bytes(WEIGHT.tobytes())
    set_external_data(model.graph.initializer[0], location="weights", offset=0, length=WEIGHT.nbytes)
    model.graph.initializer[0].ClearField("raw_data")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match="its weights lie in another file"):
        embedder(model)


def test_numbers_near_zero_stay_what_they_are() -> None:
    """The network must not switch the whole thread to treating them as zero."""
    embedder(network()).embed(np.zeros(CELLS, np.uint8))
    assert float(np.float64(5e-324) * np.float64(1.0)) > 0.0


def test_telemetry_is_off_before_the_library_is_loaded() -> None:
    code = (
        "import builtins, os, sys; found = []; load = builtins.__import__\n"
        "def watch(name, *rest):\n"
        "    if name == 'onnxruntime': found.append(os.environ.get('ORT_DISABLE_TELEMETRY'))\n"
        "    return load(name, *rest)\n"
        "builtins.__import__ = watch\n"
        "import edge.drivers.onnx; print(found[0])"
    )
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    root = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment, cwd=root
    )
    assert done.stdout.strip() == "1"


@pytest.mark.parametrize("number", [1, 2, 7])
def test_many_maps_at_once_give_what_each_gives_alone(number: int) -> None:
    embedder = OnnxEmbedder(network().SerializeToString(), cells=CELLS)
    maps = np.random.default_rng(1).integers(0, 255, (number, 4, 5)).astype(np.uint8)
    expected = np.stack([embedder.embed(cell_map) for cell_map in maps])
    for _ in range(2):
        np.testing.assert_allclose(embedder.embed_many(maps), expected, rtol=1e-5, atol=1e-5)


def test_many_maps_go_one_by_one_through_a_network_that_takes_no_more() -> None:
    model = network()
    model.graph.doc_string = "x" * 500
    model.doc_string = "y" * 500  # moves the declarations away from where they are looked for
    embedder = OnnxEmbedder(model.SerializeToString() + b"", cells=CELLS)
    maps = np.random.default_rng(1).integers(0, 255, (3, 4, 5)).astype(np.uint8)
    np.testing.assert_array_equal(embedder.embed_many(maps), np.stack([embedder.embed(found) for found in maps]))


def test_many_maps_of_another_size_are_a_model_error() -> None:
    embedder = OnnxEmbedder(network().SerializeToString(), cells=CELLS)
    embedder.embed_many(np.zeros((2, 4, 5), np.uint8))
    with pytest.raises(ModelError):
        embedder.embed_many(np.zeros((2, 4, 4), np.uint8))
