"""The residual network both networks are made of."""

import torch
from torch import nn

from models.blocks import ResidualBlock, residual_network


def test_a_block_whose_last_layer_gives_nothing_is_the_identity():
    block, features = ResidualBlock(8, batch_norm=False), torch.randn(5, 8)
    nn.init.zeros_(block.layers[2].weight)
    nn.init.zeros_(block.layers[2].bias)
    assert torch.equal(block(features), features)


def test_layers_are_as_many_as_asked_for():
    for blocks in (0, 2):
        network = residual_network(34, 16, blocks, 18, batch_norm=True)
        linear = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
        assert len(linear) == 2 + 2 * blocks
        assert sum(isinstance(layer, nn.BatchNorm1d) for layer in network.modules()) == 1 + 2 * blocks
        assert network(torch.randn(4, 34)).shape == (4, 18)
    assert not any(isinstance(layer, nn.BatchNorm1d) for layer in residual_network(34, 8, 1, 1, False).modules())
