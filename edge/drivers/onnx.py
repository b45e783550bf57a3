"""The network in onnxruntime: one thread for the line, no spinning between parts, the result checked."""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # before the import: wheels from 1.29 on report home

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from edge.bundle import EMBEDDING_SIZE
from edge.errors import ModelError
from edge.frame import Pixels
from edge.network_form import check_network

WARM_UP_RUNS = 10
ONE, ANY = b"\x0a\x02\x08\x01", b"\x0a\x02\x12\x00"  # how it says that a dimension is 1, and that it is not said
DECLARED_WITHIN_BYTES = 400  # at its end, where input and output are declared


class OnnxEmbedder:
    """(rows, columns) uint8 map → (128,) float32 embedding, by an ONNX network from (1, cells) of 0 to 1."""

    def __init__(self, network: bytes, *, cells: int) -> None:
        """network: the ONNX file's bytes. cells: rows·columns. Raises ModelError if it cannot be used."""
        check_network(network)
        self._session = _session(network)
        self._input = self._session.get_inputs()[0].name
        self._network, self._many = network, None  # type: bytes, ort.InferenceSession | None
        self._values = np.zeros((1, cells), dtype=np.float32)
        self._embedding = np.zeros((1, EMBEDDING_SIZE), dtype=np.float32)
        self._bound = self._session.io_binding()
        self._bound.bind_input(self._input, *_where(self._values))
        self._bound.bind_output(_output(self._session), *_where(self._embedding))
        for _ in range(WARM_UP_RUNS):
            self.embed(np.zeros(cells, dtype=np.uint8))

    def embed(self, cell_map: Pixels) -> npt.NDArray[np.float32]:
        """The embedding of one map. Raises ModelError unless it is 128 finite numbers."""
        if cell_map.size != self._values.size:
            raise ModelError(f"the map has {cell_map.size} cells, the network takes {self._values.size}")
        np.multiply(cell_map.reshape(1, -1), np.float32(1 / 255), out=self._values)
        self._embedding.fill(np.nan)  # the last part's must never pass for this one's
        try:
            self._session.run_with_iobinding(self._bound)
        except Exception as error:
            raise ModelError(f"the network failed: {_first_line(error)}") from error
        if not np.isfinite(self._embedding).all():
            raise ModelError("the network gave values that are no numbers")
        return np.array(self._embedding[0])

    def embed_many(self, cell_maps: Pixels) -> npt.NDArray[np.float32]:
        """(N, rows, columns) uint8 maps → (N, 128) float32, as `embed` gives them but for the last bits.

        Three to four times as fast, if the network is declared as ours are. Raises ModelError as `embed` does.
        """
        if self._many is None:
            network = _of_many(self._network)
            if network is None:
                return np.stack([self.embed(cell_map) for cell_map in cell_maps])
            self._many = _session(network, threads=_processors())
            self._check_many(cell_maps[:2])
        values = np.multiply(cell_maps.reshape(len(cell_maps), -1), np.float32(1 / 255), dtype=np.float32)
        try:
            found = np.asarray(self._many.run(None, {self._input: values})[0])
        except Exception as error:
            raise ModelError(f"the network failed: {_first_line(error)}") from error
        if found.shape != (len(cell_maps), EMBEDDING_SIZE) or not np.isfinite(found).all():
            raise ModelError("the network gave values that are no embeddings")
        return np.asarray(found, dtype=np.float32)

    def _check_many(self, cell_maps: Pixels) -> None:
        for cell_map, found in zip(cell_maps, self.embed_many(cell_maps), strict=True):
            expected = self.embed(cell_map)
            if not np.allclose(found, expected, rtol=0, atol=1e-4 * float(np.abs(expected).max() + 1)):
                raise ModelError("the network gives other values for several maps at once")


def _processors() -> int:
    """How many this process may use: the past is judged again by all of them, below the line's priority."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


def _session(network: bytes, *, threads: int = 1) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        return ort.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no common root of their own
        raise ModelError(f"the network cannot be loaded: {_first_line(error)}") from error


def _where(array: npt.NDArray[np.float32]) -> tuple[str, int, type[np.float32], tuple[int, ...], int]:
    """An array's memory, as onnxruntime wants it told."""
    return "cpu", 0, np.float32, array.shape, array.ctypes.data


def _output(session: ort.InferenceSession) -> str:
    """The name of the network's output. Raises ModelError unless it is one embedding."""
    outputs = session.get_outputs()
    told = ", ".join(f"{output.type} {output.shape}" for output in outputs)
    if told != f"tensor(float) {[1, EMBEDDING_SIZE]}":
        raise ModelError(f"the network gives {told}, which is no embedding")
    return str(outputs[0].name)


def _of_many(network: bytes) -> bytes | None:
    """The same network, declared for any number of maps instead of one; None if it is not declared as we do it."""
    weights, declared = network[:-DECLARED_WITHIN_BYTES], network[-DECLARED_WITHIN_BYTES:]
    return weights + declared.replace(ONE, ANY) if declared.count(ONE) == 2 else None


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
