"""The peers' networks as ONNX, with random weights, which cost what trained ones cost.

He's initialisation keeps values of ordinary size through all layers, so that no slow denormal numbers turn up.
Batch normalisation is folded into the convolutions before it, as whoever deploys such a network does.
"""

from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

OPSET, IR_VERSION = 17, 8
RESNET_CHANNELS = (64, 128, 256)  # of layers 1 to 3
TEACHER_CHANNELS = 384
MOBILENET_BLOCKS = (  # expansion, channels, blocks, stride of the first: table 2 of the paper
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
MOBILENET_FEATURES, EMBEDDING = 1280, 128


class Network:
    """Layers, added one after the other to names of values."""

    def __init__(self, *, side_px: int, seed: int = 0) -> None:
        """side_px: of the square picture "input", (1, 3, side, side) float32."""
        self._random = np.random.default_rng(seed)
        self._side_px = side_px
        self._nodes: list[onnx.NodeProto] = []
        self._values: list[onnx.TensorProto] = []

    def add(self, kind: str, *inputs: str | np.ndarray, **options: Any) -> str:
        """A node; arrays among its inputs become constants. Returns the name of its output."""
        name = f"{kind}_{len(self._nodes)}"
        given = [each if isinstance(each, str) else self._constant(each) for each in inputs]
        self._nodes.append(helper.make_node(kind, given, [name], **options))
        return name

    def conv(
        self, value: str, inputs: int, outputs: int, side: int, *, stride: int = 1, pad: int = 0, groups: int = 1
    ) -> str:
        """A convolution with bias."""
        fan_in = inputs // groups * side * side
        weights = self._random.normal(0, np.sqrt(2 / fan_in), (outputs, inputs // groups, side, side))
        bias = self._random.normal(0, 0.01, outputs)
        return self.add(
            "Conv", value, weights, bias, kernel_shape=[side, side], strides=[stride] * 2, pads=[pad] * 4, group=groups
        )

    def linear(self, value: str, inputs: int, outputs: int) -> str:
        """(1, inputs) → (1, outputs)."""
        return self.add("Gemm", value, self._random.normal(0, np.sqrt(1 / inputs), (inputs, outputs)))

    def resized(self, value: str, channels: int, side: int) -> str:
        """To (1, channels, side, side), bilinear."""
        return self.add("Resize", value, "", "", np.array([1, channels, side, side], np.int64), mode="linear")

    def session(self, *outputs: str) -> ort.InferenceSession:
        """What runs it, in one thread."""
        told = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
        shape = [1, 3, self._side_px, self._side_px]
        picture = helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)
        graph = helper.make_graph(self._nodes, "peer", [picture], told, self._values)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
        model.ir_version = IR_VERSION
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])

    def _constant(self, value: np.ndarray) -> str:
        name = f"value_{len(self._values)}"
        kind = np.float32 if value.dtype.kind == "f" else value.dtype
        self._values.append(numpy_helper.from_array(np.ascontiguousarray(value, dtype=kind), name))
        return name


def resnet18_layers(side_px: int, layers: tuple[int, ...]) -> ort.InferenceSession:
    """ResNet-18 up to the last of some of its layers 1 to 3; the outputs of those."""
    network = Network(side_px=side_px)
    value = network.add("Relu", network.conv("input", 3, 64, 7, stride=2, pad=3))
    value = network.add("MaxPool", value, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    outputs, channels = {}, 64
    for layer in range(1, max(layers) + 1):
        for block in range(2):
            wanted = RESNET_CHANNELS[layer - 1]
            value = _residual(network, value, channels, wanted, stride=2 if layer > 1 and block == 0 else 1)
            channels = wanted
        outputs[layer] = value
    return network.session(*(outputs[layer] for layer in layers))


def _residual(network: Network, value: str, inputs: int, outputs: int, *, stride: int) -> str:
    inner = network.add("Relu", network.conv(value, inputs, outputs, 3, stride=stride, pad=1))
    inner = network.conv(inner, outputs, outputs, 3, pad=1)
    beside = value if inputs == outputs else network.conv(value, inputs, outputs, 1, stride=stride)
    return network.add("Relu", network.add("Add", inner, beside))


def mobilenet_v2(side_px: int) -> ort.InferenceSession:
    """MobileNetV2, and a linear layer to 128 numbers."""
    network = Network(side_px=side_px)
    value, channels = _relu6(network, network.conv("input", 3, 32, 3, stride=2, pad=1)), 32
    for expansion, outputs, blocks, first_stride in MOBILENET_BLOCKS:
        for block in range(blocks):
            stride = first_stride if block == 0 else 1
            value = _inverted(network, value, channels, outputs, stride=stride, expansion=expansion)
            channels = outputs
    value = _relu6(network, network.conv(value, channels, MOBILENET_FEATURES, 1))
    value = network.add("Flatten", network.add("GlobalAveragePool", value))
    return network.session(network.linear(value, MOBILENET_FEATURES, EMBEDDING))


def _inverted(network: Network, value: str, inputs: int, outputs: int, *, stride: int, expansion: int) -> str:
    inner, wide = value, inputs * expansion
    if expansion > 1:
        inner = _relu6(network, network.conv(inner, inputs, wide, 1))
    inner = _relu6(network, network.conv(inner, wide, wide, 3, stride=stride, pad=1, groups=wide))
    inner = network.conv(inner, wide, outputs, 1)
    return network.add("Add", value, inner) if stride == 1 and inputs == outputs else inner


def _relu6(network: Network, value: str) -> str:
    return network.add("Clip", value, np.array(0.0), np.array(6.0))


def efficientad_small(side_px: int) -> ort.InferenceSession:
    """Teacher, student and autoencoder of EfficientAD-S; two maps of squared differences."""
    network = Network(side_px=side_px)
    teacher = _patch_description(network, TEACHER_CHANNELS)
    student = _patch_description(network, 2 * TEACHER_CHANNELS)
    side = side_px // 4 - 8  # without padding
    rebuilt = _autoencoder(network, side)
    halves = np.array([0, TEACHER_CHANNELS, 2 * TEACHER_CHANNELS], np.int64)
    like_teacher, like_rebuilt = (
        network.add("Slice", student, halves[part : part + 1], halves[part + 1 : part + 2], np.array([1], np.int64))
        for part in (0, 1)
    )
    return network.session(_mean_square(network, teacher, like_teacher), _mean_square(network, rebuilt, like_rebuilt))


def _patch_description(network: Network, outputs: int) -> str:
    value = network.add("Relu", network.conv("input", 3, 128, 4))
    value = network.add("AveragePool", value, kernel_shape=[2, 2], strides=[2, 2])
    value = network.add("Relu", network.conv(value, 128, 256, 4))
    value = network.add("AveragePool", value, kernel_shape=[2, 2], strides=[2, 2])
    value = network.add("Relu", network.conv(value, 256, 256, 3))
    return network.conv(value, 256, outputs, 4)


def _autoencoder(network: Network, side: int) -> str:
    value, channels = "input", 3
    for outputs in (32, 32, 64, 64, 64):
        value = network.add("Relu", network.conv(value, channels, outputs, 4, stride=2, pad=1))
        channels = outputs
    value = network.conv(value, 64, 64, 8)
    for wider in (3, 8, 15, 32, 63, 127):
        value = network.add("Relu", network.conv(network.resized(value, 64, wider), 64, 64, 4, pad=2))
    value = network.add("Relu", network.conv(network.resized(value, 64, side), 64, 64, 3, pad=1))
    return network.conv(value, 64, TEACHER_CHANNELS, 3, pad=1)


def _mean_square(network: Network, left: str, right: str) -> str:
    apart = network.add("Sub", left, right)
    return network.add("ReduceMean", network.add("Mul", apart, apart), axes=[1], keepdims=1)
