"""The residual block that lifter and discriminator share (Martinez et al. 2017, figure 2)."""

from torch import Tensor, nn


class ResidualBlock(nn.Module):
    """Two linear layers of one width and a skip: x + g(g(x)), g = linear, optional batch norm, ReLU."""

    def __init__(self, width: int, batch_norm: bool) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(2):
            layers.append(nn.Linear(width, width))
            if batch_norm:
                layers.append(nn.BatchNorm1d(width))
            layers.append(nn.ReLU(inplace=True))
        self.layers = nn.Sequential(*layers)

    def forward(self, features: Tensor) -> Tensor:
        """(batch, width) to (batch, width)."""
        return features + self.layers(features)


def residual_network(inputs: int, width: int, blocks: int, outputs: int, batch_norm: bool) -> nn.Sequential:
    """Linear in, `blocks` residual blocks, linear out (Martinez et al. 2017)."""
    entry: list[nn.Module] = [nn.Linear(inputs, width)]
    if batch_norm:
        entry.append(nn.BatchNorm1d(width))
    entry.append(nn.ReLU(inplace=True))
    return nn.Sequential(*entry, *(ResidualBlock(width, batch_norm) for _ in range(blocks)), nn.Linear(width, outputs))
