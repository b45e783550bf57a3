"""What an ONNX file may hold, seen from its outermost structure: known operators, weights inside, nothing else.

onnxruntime is native code and opens files that a network names. Before it sees one, the file is walked here: no weights
in other files, no operators of other domains, no functions, no graphs within graphs (a loop need not end).
Field numbers are those of onnx.proto.
"""

from collections.abc import Iterator

from edge.errors import ModelError

VARINT, EIGHT_BYTES, LENGTH, FOUR_BYTES = 0, 1, 2, 5
MODEL_GRAPH, MODEL_OPSETS, MODEL_TRAINING, MODEL_FUNCTIONS = 7, 8, 20, 25
GRAPH_NODE, GRAPH_WEIGHTS, GRAPH_SPARSE_WEIGHTS = 1, 5, 15
NODE_KIND, NODE_ATTRIBUTE, NODE_DOMAIN = 4, 5, 7
ATTRIBUTE_TENSOR, ATTRIBUTE_TENSORS, ATTRIBUTE_GRAPHS, ATTRIBUTE_SPARSE = 5, 10, (6, 11), (22, 23)
TENSOR_ELSEWHERE, TENSOR_LOCATION = 13, 14
OPSET_DOMAIN = 1
OWN_DOMAINS = (b"", b"ai.onnx")
MOST_NODES = 2000

Field = tuple[int, int | bytes]
"""Number and value: an integer, or bytes of a string, a message or packed values."""


def check_network(network: bytes) -> None:
    """Raises ModelError unless the ONNX file holds only what a network of ours needs."""
    try:
        fields = list(_fields(network))
        graphs = [value for number, value in fields if number == MODEL_GRAPH and isinstance(value, bytes)]
        if len(graphs) != 1:
            raise ModelError("the network cannot be loaded: it has no graph, or several")
        if any(number in (MODEL_TRAINING, MODEL_FUNCTIONS) for number, _ in fields):
            raise ModelError("the network cannot be loaded: it brings functions of its own")
        for number, value in fields:
            if number == MODEL_OPSETS and isinstance(value, bytes):
                _check_domain(value, OPSET_DOMAIN, "operators")
        _check_graph(graphs[0])
    except (ValueError, IndexError) as error:
        raise ModelError(f"the network cannot be loaded: {error}") from error


def _check_graph(graph: bytes) -> None:
    nodes = 0
    for number, value in _fields(graph):
        if number == GRAPH_SPARSE_WEIGHTS:
            raise ModelError("the network cannot be loaded: it has sparse weights")
        if number == GRAPH_WEIGHTS and isinstance(value, bytes):
            _check_tensor(value)
        if number == GRAPH_NODE and isinstance(value, bytes):
            nodes += 1
            _check_node(value)
    if not 0 < nodes <= MOST_NODES:
        raise ModelError(f"the network cannot be loaded: {nodes} operators, and from 1 to {MOST_NODES} can be meant")


def _check_node(node: bytes) -> None:
    kind = next((value for number, value in _fields(node) if number == NODE_KIND and isinstance(value, bytes)), b"")
    _check_domain(node, NODE_DOMAIN, f"the operator {_shown(kind)}")
    for number, attribute in _fields(node):
        if number != NODE_ATTRIBUTE or not isinstance(attribute, bytes):
            continue
        for inner, value in _fields(attribute):
            if inner in ATTRIBUTE_GRAPHS:
                raise ModelError(f"the network cannot be loaded: the operator {_shown(kind)} holds a graph")
            if inner in ATTRIBUTE_SPARSE:
                raise ModelError("the network cannot be loaded: it has sparse weights")
            if inner in (ATTRIBUTE_TENSOR, ATTRIBUTE_TENSORS) and isinstance(value, bytes):
                _check_tensor(value)


def _check_tensor(tensor: bytes) -> None:
    for number, value in _fields(tensor):
        if number == TENSOR_ELSEWHERE or (number == TENSOR_LOCATION and value != 0):
            raise ModelError("the network cannot be loaded: its weights lie in another file")


def _check_domain(message: bytes, field: int, what: str) -> None:
    for number, value in _fields(message):
        if number == field and value not in OWN_DOMAINS:
            raise ModelError(f"the network cannot be loaded: {what} of '{_shown(value)}', not of ONNX itself")


def _shown(value: int | bytes) -> str:
    return value[:40].decode("ascii", "replace") if isinstance(value, bytes) else str(value)


def _fields(message: bytes) -> Iterator[Field]:
    """The fields of one protobuf message. Raises ValueError where it is none, IndexError where it is cut off."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind, size = key & 7, 0
        if kind == VARINT:
            value, at = _varint(message, at)
            yield key >> 3, value
            continue
        if kind == LENGTH:
            size, at = _varint(message, at)
        elif kind in (EIGHT_BYTES, FOUR_BYTES):
            size = 8 if kind == EIGHT_BYTES else 4
        else:
            raise ValueError("a field is of no known kind")
        if size > len(message) - at:
            raise ValueError("a field is cut off")
        yield key >> 3, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = message[at]
        value, at = value | (byte & 127) << shift, at + 1
        if byte < 128:
            return value, at
    raise ValueError("a number does not end")
