"""The exported network gives what the trained one gives, or is refused."""

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from edge.drivers.onnx import OnnxEmbedder
from edge.settings import Grid
from training.errors import ExportError
from training.export import PARITY, check_parity, to_onnx
from training.loop import embed
from training.network import EmbeddingNet

ROWS, COLUMNS = 12, 13
MAPS = np.random.default_rng(0).integers(0, 256, (8, ROWS, COLUMNS), dtype=np.uint8)


def network_of(hidden: tuple[int, ...] = (32, 32), seed: int = 0) -> EmbeddingNet:
    torch.manual_seed(seed)
    network = EmbeddingNet(Grid(rows=ROWS, columns=COLUMNS), hidden).eval()
    with torch.no_grad():
        network.learned_share.fill_(1e7)  # as if training had found much to learn
        network.centre_on(torch.rand(20, ROWS * COLUMNS, generator=torch.Generator().manual_seed(seed)))
    return network


def embedder_of(network: EmbeddingNet) -> OnnxEmbedder:
    return OnnxEmbedder(to_onnx(network), cells=ROWS * COLUMNS)


@pytest.mark.parametrize("hidden", [(32, 32), (64, 32, 32)])
def test_onnx_gives_the_same_embeddings_as_torch(hidden: tuple[int, ...]) -> None:
    network = network_of(hidden)
    assert check_parity(network, embedder_of(network), MAPS) < PARITY / 10


def test_the_extremes_of_a_map_keep_parity() -> None:
    network = network_of()
    extremes = np.stack([np.zeros((ROWS, COLUMNS), np.uint8), np.full((ROWS, COLUMNS), 255, np.uint8)])
    assert check_parity(network, embedder_of(network), extremes) < PARITY


@pytest.mark.parametrize("layer", [0, 1, 2, 4])
def test_a_spoilt_network_is_refused(layer: int) -> None:
    network = network_of()
    embedder = embedder_of(network)
    with torch.no_grad():
        network.layers[layer].weight.add_(0.05)
    with pytest.raises(ExportError, match="differs from the trained one"):
        check_parity(network, embedder, MAPS)


def test_a_network_that_gives_no_numbers_is_refused() -> None:
    network = network_of()
    embedder = embedder_of(network)
    with torch.no_grad():
        network.layers[0].weight[0, 0] = torch.nan
    with pytest.raises(ExportError, match="differs"):
        check_parity(network, embedder, MAPS)


def test_the_same_weights_give_the_same_bytes() -> None:
    assert to_onnx(network_of(seed=1)) == to_onnx(network_of(seed=1))
    assert to_onnx(network_of(seed=1)) != to_onnx(network_of(seed=2))


def test_the_file_is_valid_onnx_from_a_map_to_128_numbers() -> None:
    model = onnx.load_from_string(to_onnx(network_of()))
    onnx.checker.check_model(model, full_check=True)
    (output,) = model.graph.output
    assert [dimension.dim_value for dimension in output.type.tensor_type.shape.dim] == [1, 128]


def test_a_layer_that_cannot_be_exported_is_named() -> None:
    network = network_of()
    network.layers[1] = nn.Tanh()
    with pytest.raises(ExportError, match="Tanh"):
        to_onnx(network)


def test_embed_takes_levels_as_the_device_does() -> None:
    network = network_of()
    np.testing.assert_allclose(embed(network, MAPS)[3], embedder_of(network).embed(MAPS[3]), rtol=1e-4, atol=1e-5)
