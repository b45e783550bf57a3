"""The trained network becomes an ONNX file, and is refused unless it gives the same numbers there."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from edge.bundle import EMBEDDING_SIZE
from edge.drivers.onnx import OnnxEmbedder
from edge.frame import Pixels
from edge.preprocess import CEILING_SIGMA, FLOOR_SIGMA
from training.errors import ExportError
from training.loop import embed
from training.network import EmbeddingNet

OPSET, IR_VERSION = 17, 8  # read by every onnxruntime since 1.14
PARITY = 1e-4  # largest difference of an embedding, as a share of its length


def to_onnx(network: EmbeddingNet) -> bytes:
    """The network as ONNX from (1, cells) of 0 to 1 to (1, 128); the same weights give the same bytes.

    The graph is written here node by node (linear and PReLU layers are all there is), because the file must not depend
    on an exporter's version. The step from levels to standard deviations is folded into the first layer.
    """
    nodes, weights, name = [], [], "map"
    for number, layer in enumerate(network.layers):
        output = f"value_{number}" if number + 1 < len(network.layers) else "embedding"
        if isinstance(layer, nn.Linear):
            weight, bias = _linear(layer, is_first=number == 0)
            weights += [
                numpy_helper.from_array(weight, f"weight_{number}"),
                numpy_helper.from_array(bias, f"bias_{number}"),
            ]
            inputs = [name, f"weight_{number}", f"bias_{number}"]
            nodes.append(helper.make_node("Gemm", inputs, [output], transB=1))
        elif isinstance(layer, nn.PReLU):
            weights.append(numpy_helper.from_array(layer.weight.detach().numpy(), f"slope_{number}"))
            nodes.append(helper.make_node("PRelu", [name, f"slope_{number}"], [output]))
        else:
            raise ExportError(f"a layer of the kind {type(layer).__name__} cannot be exported")
        name = output
    first = network.layers[0]
    assert isinstance(first, nn.Linear)
    graph = helper.make_graph(
        nodes,
        "embedder",
        [helper.make_tensor_value_info("map", TensorProto.FLOAT, [1, first.in_features])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [1, EMBEDDING_SIZE])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="kensa")
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def check_parity(network: EmbeddingNet, embedder: OnnxEmbedder, maps: Pixels) -> float:
    """Largest difference between torch and onnxruntime over maps (N, rows, columns), as a share of the embedding's
    length. Raises ExportError above PARITY."""
    taught = embed(network, maps)
    exported = np.stack([embedder.embed(cell_map) for cell_map in maps])
    difference = float((np.abs(taught - exported).max(axis=1) / np.linalg.norm(taught, axis=1)).max())
    if not difference <= PARITY:
        raise ExportError(
            f"the exported network differs from the trained one by {difference:.1e} (allowed: {PARITY:.0e})"
        )
    return difference


def _linear(layer: nn.Linear, *, is_first: bool) -> tuple[np.ndarray, np.ndarray]:
    weight, bias = layer.weight.detach().double().numpy(), layer.bias.detach().double().numpy()
    if is_first:
        bias = bias + FLOOR_SIGMA * weight.sum(axis=1)
        weight = weight * (CEILING_SIGMA - FLOOR_SIGMA)
    return weight.astype(np.float32), bias.astype(np.float32)
