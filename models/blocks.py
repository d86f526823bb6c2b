"""The residual block that lifter and discriminator share (Martinez et al. 2017, figure 2)."""

from torch import Tensor, nn


class ResidualBlock(nn.Module):
    """Two linear layers of one width and a skip: x + g(g(x)), g = linear, optional batch norm, ReLU."""

    def __init__(self, width: int, batch_norm: bool) -> None:
        super().__init__()
        self.layers = nn.Sequential(*_layer(width, width, batch_norm), *_layer(width, width, batch_norm))

    def forward(self, features: Tensor) -> Tensor:
        """(batch, width) to (batch, width)."""
        return features + self.layers(features)


def residual_network(inputs: int, width: int, blocks: int, outputs: int, batch_norm: bool) -> nn.Sequential:
    """Linear in, `blocks` residual blocks, linear out (Martinez et al. 2017)."""
    middle = (ResidualBlock(width, batch_norm) for _ in range(blocks))
    return nn.Sequential(*_layer(inputs, width, batch_norm), *middle, nn.Linear(width, outputs))


def _layer(inputs: int, width: int, batch_norm: bool) -> list[nn.Module]:
    """Linear, optional batch norm, ReLU."""
    return [nn.Linear(inputs, width), *([nn.BatchNorm1d(width)] if batch_norm else []), nn.ReLU(inplace=True)]
