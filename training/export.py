"""The trained network becomes an ONNX file, and is refused unless it gives the same numbers there."""

from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from edge.bundle import EMBEDDING_SIZE
from edge.drivers.onnx import OnnxEmbedder
from edge.frame import Pixels
from edge.preprocess import CEILING_SIGMA, FLOOR_SIGMA
from training.errors import ExportError
from training.loop import embed
from training.network import EMBEDDING_SCALE, ORDER, SMALLEST_LENGTH, STRONG_SIGMA, EmbeddingNet

OPSET, IR_VERSION = 17, 8  # read by every onnxruntime since 1.14
PARITY = 1e-4  # largest difference of an embedding, as a share of its length
SHORTEST = 0.1 * EMBEDDING_SCALE  # a map without anything in it has no length to be compared with


def to_onnx(network: EmbeddingNet) -> bytes:
    """The network as ONNX from (1, cells) of 0 to 1 to (1, 128); the same weights give the same bytes.

    The graph is written here node by node, because the file must not depend on an exporter's version.
    """
    graph = _Graph()
    sigmas = graph.node("Add", graph.node("Mul", "map", (CEILING_SIGMA - FLOOR_SIGMA) / STRONG_SIGMA),
                        FLOOR_SIGMA / STRONG_SIGMA)  # fmt: skip
    sigmas = graph.node("Relu", sigmas)
    squares = graph.node("Mul", sigmas, sigmas)
    fourth = graph.node("Mul", squares, squares)  # products cost far less than Pow
    rows, columns = len(network.down), len(network.across)
    powers = graph.node("Reshape", graph.node("Mul", fourth, fourth), np.array([-1, rows, columns]))
    of_rows = graph.node("MatMul", _array(network.down.T), powers)
    fixed = graph.node("Reshape", graph.node("MatMul", of_rows, _array(network.across)), np.array([-1, EMBEDDING_SIZE]))
    learned = squares
    for layer in network.layers:
        if isinstance(layer, nn.Linear):
            learned = graph.node("Gemm", learned, _array(layer.weight), _array(layer.bias), transB=1)
        elif isinstance(layer, nn.PReLU):
            learned = graph.node("PRelu", learned, _array(layer.weight))
        else:
            raise ExportError(f"a layer of the kind {type(layer).__name__} cannot be exported")
    length = graph.length_of(fixed)
    strength = graph.node("Pow", length, 1 / ORDER)
    beyond_good = graph.node("Relu", graph.node("Sub", 1.0, graph.node("Div", 1.0, strength)))
    weight = graph.node("Mul", beyond_good, float(network.learned_share.detach()))
    turn = graph.node("Mul", graph.node("Div", learned, graph.length_of(learned)), weight)
    direction = graph.node("Add", graph.node("Div", fixed, length), turn)
    away = graph.node("Sub", direction, _array(network.usual))
    away = graph.node("Div", away, graph.length_of(away))
    graph.node("Mul", away, graph.node("Mul", strength, EMBEDDING_SCALE), output="embedding")
    cells = rows * columns
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "embedder",
            [helper.make_tensor_value_info("map", TensorProto.FLOAT, [1, cells])],
            [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [1, EMBEDDING_SIZE])],
            graph.values,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        producer_name="kensa",
    )
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


class _Graph:
    """Nodes and constant values, named in the order in which they are added."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.values: list[onnx.TensorProto] = []

    def node(self, kind: str, *inputs: str | float | np.ndarray, output: str | None = None, **options: Any) -> str:
        """Add a node; inputs are names of others' outputs, or constant values. Returns the name of its output."""
        name = output or f"{kind.lower()}_{len(self.nodes)}"
        given = [each if isinstance(each, str) else self._value(np.asarray(each)) for each in inputs]
        self.nodes.append(helper.make_node(kind, given, [name], **options))
        return name

    def length_of(self, vectors: str) -> str:
        """As `network.length_of`."""
        squared = self.node("ReduceSum", self.node("Mul", vectors, vectors), np.array([1], np.int64), keepdims=1)
        return self.node("Sqrt", self.node("Add", squared, SMALLEST_LENGTH**2))

    def _value(self, value: np.ndarray) -> str:
        name = f"value_{len(self.values)}"
        kind = np.float32 if value.dtype.kind == "f" else value.dtype
        self.values.append(numpy_helper.from_array(np.ascontiguousarray(value, dtype=kind), name))
        return name


def _array(tensor: torch.Tensor) -> np.ndarray:
    return np.asarray(tensor.detach().numpy())


def check_parity(network: EmbeddingNet, embedder: OnnxEmbedder, maps: Pixels) -> float:
    """Largest difference between torch and onnxruntime over maps (N, rows, columns), as a share of the embedding's
    length. Raises ExportError above PARITY."""
    taught = embed(network, maps)
    exported = np.stack([embedder.embed(cell_map) for cell_map in maps])
    lengths = np.maximum(np.linalg.norm(taught, axis=1), SHORTEST)
    difference = float((np.abs(taught - exported).max(axis=1) / lengths).max())
    if not difference <= PARITY:
        raise ExportError(
            f"the exported network differs from the trained one by {difference:.1e} (allowed: {PARITY:.0e})"
        )
    return difference
