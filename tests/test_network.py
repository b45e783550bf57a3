"""The embedding network and how it begins."""

import pytest
import torch
from torch import nn

from edge.preprocess import CEILING_SIGMA, FLOOR_SIGMA
from edge.settings import Grid
from training.network import ClassifyHead, EmbeddingNet, regions_of, start_local
from training.network_names import NETWORKS

GRID = Grid(rows=36, columns=39)


def test_a_map_becomes_128_numbers_in_both_of_the_clients_networks() -> None:
    for hidden in NETWORKS.values():
        network = EmbeddingNet(GRID, hidden)
        assert network(torch.rand(3, GRID.cells)).shape == (3, 128)
        widths = [layer.out_features for layer in network.layers if isinstance(layer, nn.Linear)]
        assert widths == [*hidden, 128]


def levels_of(sigmas: torch.Tensor) -> torch.Tensor:
    return (sigmas - FLOOR_SIGMA) / (CEILING_SIGMA - FLOOR_SIGMA)


def test_the_length_follows_the_strongest_cell_wherever_it_is() -> None:
    network = EmbeddingNet(GRID, (32, 32))
    lengths = {}
    for strongest in (4.0, 8.0, 12.0):
        sigmas = torch.zeros(GRID.cells, GRID.cells)
        sigmas.fill_diagonal_(strongest)  # one map for each cell
        lengths[strongest] = network(levels_of(sigmas)).detach().norm(dim=1)
        torch.testing.assert_close(lengths[strongest], lengths[strongest].mean().expand(GRID.cells), rtol=1e-3, atol=0)
    assert float(lengths[8.0].mean() / lengths[4.0].mean()) == pytest.approx(2.0, rel=0.01)
    assert float(lengths[12.0].mean() / lengths[4.0].mean()) == pytest.approx(3.0, rel=0.01)


def test_a_small_defect_outweighs_a_restless_map() -> None:
    network = EmbeddingNet(GRID, (32, 32))
    generator = torch.Generator().manual_seed(0)
    restless = 2.0 * torch.rand(20, GRID.cells, generator=generator)
    small = torch.rand(20, GRID.cells, generator=generator)
    small[:, 700] = 7.0
    with torch.no_grad():
        assert network(levels_of(small)).norm(dim=1).min() > 1.5 * network(levels_of(restless)).norm(dim=1).max()


def test_a_quiet_map_has_a_finite_slope() -> None:
    maps = levels_of(torch.full((2, GRID.cells), -2.0)).requires_grad_()
    network = EmbeddingNet(GRID, (32, 32))
    network(maps).sum().backward()
    assert all(torch.isfinite(each.grad).all() for each in network.parameters() if each.grad is not None)
    assert torch.isfinite(network(maps)).all()


def test_what_is_learned_turns_what_lies_beyond_good_parts_and_leaves_every_length() -> None:
    torch.manual_seed(0)
    learned, fixed = EmbeddingNet(GRID, (32, 32)), EmbeddingNet(GRID, (32, 32))
    fixed.load_state_dict(learned.state_dict())
    fixed.learned_share.data.fill_(0.0)
    for strongest, turns in ((3.8, False), (5.0, True), (14.0, True)):
        sigmas = torch.zeros(8, GRID.cells)
        sigmas[torch.arange(8), 100 * torch.arange(8)] = strongest
        with torch.no_grad():
            before, after = fixed(levels_of(sigmas)), learned(levels_of(sigmas))
        torch.testing.assert_close(after.norm(dim=1), before.norm(dim=1), rtol=1e-3, atol=0)
        alike = nn.functional.cosine_similarity(before, after)
        assert (alike < 0.95).all() if turns else (alike > 0.9999).all()


def restless_maps(count: int, *, seed: int) -> torch.Tensor:
    """Good parts: noise, and two places that are strong more often than others."""
    generator = torch.Generator().manual_seed(seed)
    sigmas = torch.randn(count, GRID.cells, generator=generator)
    for place, share in ((300, 0.4), (900, 0.3)):
        is_restless = torch.rand(count, generator=generator) < share
        sigmas[is_restless, place] += 4.0
    return levels_of(sigmas)


def test_good_parts_have_their_centroid_at_the_origin_so_that_distance_is_length() -> None:
    torch.manual_seed(0)
    network = EmbeddingNet(GRID, (32, 32))
    before = network(restless_maps(200, seed=1)).detach().mean(dim=0).norm()
    network.centre_on(restless_maps(200, seed=1))
    with torch.no_grad():
        embeddings = network(restless_maps(200, seed=1))
        centroid = embeddings.mean(dim=0)
        distances = (network(restless_maps(200, seed=2)) - centroid).norm(dim=1)
        lengths = network(restless_maps(200, seed=2)).norm(dim=1)
    assert centroid.norm() < 0.1 * before
    torch.testing.assert_close(distances, lengths, rtol=0.05, atol=0)


@pytest.mark.parametrize("strongest", [1.0, 3.0, 5.0, 14.0])
@pytest.mark.parametrize("noise", [0.0, 1e-6, 1.0])
def test_a_part_strongest_where_all_good_parts_are_keeps_its_length(strongest: float, noise: float) -> None:
    """The good parts' directions then cancel where this one points to, or nearly there."""
    torch.manual_seed(0)
    network = EmbeddingNet(GRID, (32, 32))
    alike = noise * torch.rand(20, GRID.cells)
    alike[:, 700] = 3.0
    network.centre_on(levels_of(alike))
    defect = torch.zeros(1, GRID.cells)
    defect[:, 700] = strongest
    with torch.no_grad():
        assert float(network(levels_of(defect)).norm()) == pytest.approx(10 * strongest / 4, rel=0.01)


def test_the_head_gives_log_probabilities() -> None:
    scores = ClassifyHead(4)(torch.randn(5, 128))
    assert scores.shape == (5, 4)
    torch.testing.assert_close(scores.exp().sum(dim=1), torch.ones(5))


def test_local_units_begin_by_looking_at_one_neighbourhood_and_together_at_all_of_the_map() -> None:
    torch.manual_seed(0)
    network = EmbeddingNet(GRID, (256, 256))
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
    network = EmbeddingNet(GRID, (30, 16))
    before = network.layers[0].weight.detach().clone()
    start_local(network, GRID)
    after = network.layers[0].weight.detach()
    torch.testing.assert_close(after[25:], 0.3 * before[25:])
    assert not torch.allclose(after[:25], 0.3 * before[:25], atol=1e-2)


@pytest.mark.parametrize(("cells", "regions"), [(36, 8), (39, 16), (72, 8), (78, 16), (9, 8), (4, 16)])
def test_regions_hold_no_numbers_that_processors_are_slow_with(cells: int, regions: int) -> None:
    weights = regions_of(cells, regions)
    assert weights[weights > 0].min() > 1e-30  # below 1.2e-38 a number is denormal, and products are smaller still
    torch.testing.assert_close(weights.norm(dim=1), torch.ones(cells))
