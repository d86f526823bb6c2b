"""Averages of networks; those over several processes are tested in test_distributed.py."""

from copy import deepcopy

import torch

from models.lifter import Lifter
from models.optimization import mean_over_processes, move_average, share_statistics


def test_weights_and_batch_statistics_move_by_a_share_of_the_way():
    network = Lifter(8, 1)
    average = deepcopy(network)
    before = deepcopy(network.state_dict())
    with torch.no_grad():
        for tensor in (*network.parameters(), *network.buffers()):
            tensor.add_(torch.ones_like(tensor))
    move_average(average, network, 0.25)
    for name, value in average.state_dict().items():
        step = 0.25 if value.is_floating_point() else 0
        torch.testing.assert_close(value, before[name] + step, msg=name)


def test_one_process_is_its_own_mean():
    value, network = torch.rand(3), Lifter(8, 1)
    before = deepcopy(network.state_dict())
    share_statistics(network, 1)
    assert mean_over_processes(value, 1) is value
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
