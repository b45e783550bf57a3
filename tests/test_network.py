"""The embedding network and how it begins."""

import torch
from torch import nn

from edge.settings import Grid
from training.network import ClassifyHead, EmbeddingNet, start_local
from training.network_names import NETWORKS

GRID = Grid(rows=36, columns=39)


def test_a_map_becomes_128_numbers_in_both_of_the_clients_networks() -> None:
    for hidden in NETWORKS.values():
        network = EmbeddingNet(GRID.cells, hidden)
        assert network(torch.rand(3, GRID.cells)).shape == (3, 128)
        widths = [layer.out_features for layer in network.layers if isinstance(layer, nn.Linear)]
        assert widths == [*hidden, 128]


def test_the_embedding_may_be_negative() -> None:
    embedding = EmbeddingNet(GRID.cells, (32, 32))(torch.rand(8, GRID.cells))
    assert (embedding < 0).any()
    assert (embedding > 0).any()


def test_the_head_gives_log_probabilities() -> None:
    scores = ClassifyHead(4)(torch.randn(5, 128))
    assert scores.shape == (5, 4)
    torch.testing.assert_close(scores.exp().sum(dim=1), torch.ones(5))


def test_local_units_begin_by_looking_at_one_neighbourhood_and_together_at_all_of_the_map() -> None:
    torch.manual_seed(0)
    network = EmbeddingNet(GRID.cells, (256, 256))
    start_local(network, GRID)
    weights = network.layers[0].weight.detach().reshape(256, GRID.rows, GRID.columns)
    middles = [(row * 35 / 15, column * 38 / 15) for row in range(16) for column in range(16)]
    for weight, (row, column) in zip(weights, middles, strict=True):
        strongest = divmod(int(weight.argmax()), GRID.columns)
        assert abs(strongest[0] - row) <= 2
        assert abs(strongest[1] - column) <= 2
    reach = weights.amax(dim=0)
    assert float(reach.min()) > 0.03


def test_units_beyond_the_square_keep_their_random_weights() -> None:
    torch.manual_seed(0)
    network = EmbeddingNet(GRID.cells, (30, 16))
    before = network.layers[0].weight.detach().clone()
    start_local(network, GRID)
    after = network.layers[0].weight.detach()
    torch.testing.assert_close(after[25:], 0.3 * before[25:])
    assert not torch.allclose(after[:25], 0.3 * before[:25], atol=1e-2)
