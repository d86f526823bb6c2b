"""The discriminator: one logit a pose, no pose's logit depends on another."""

import pytest
import torch

from models.discriminator import Discriminator


def test_a_logit_a_pose_whatever_the_batch():
    torch.manual_seed(0)
    discriminator, poses = Discriminator(16, 1), torch.randn(2, 3, 17, 2) / 10
    logit = discriminator(poses)
    assert logit.shape == (2, 3)
    torch.testing.assert_close(logit[1, 2], discriminator(poses[1, 2]))


def test_wrong_shape_is_refused():
    with pytest.raises(ValueError, match=r"\(4, 16, 2\)"):
        Discriminator(8, 1)(torch.zeros(4, 16, 2))
