"""Steps and averages; what several processes share is tested in test_distributed.py."""

from copy import deepcopy

import pytest
import torch

from models import optimization
from models.lifter import Lifter
from models.optimization import (
    EpochMeans,
    SteeredAdam,
    check_finite,
    mean_over_processes,
    share_statistics,
    update_average,
)


def test_weights_and_batch_statistics_move_by_a_fraction_of_the_way():
    network = Lifter(8, 1)
    average = deepcopy(network)
    before = deepcopy(network.state_dict())
    with torch.no_grad():
        for tensor in (*network.parameters(), *network.buffers()):
            tensor.add_(torch.ones_like(tensor))
    update_average(average, network, decay=0.75, step=10**6)
    for name, value in average.state_dict().items():
        step = 0.25 if value.is_floating_point() else 0
        torch.testing.assert_close(value, before[name] + step, msg=name)


def test_one_process_is_its_own_mean():
    value, network = torch.rand(3), Lifter(8, 1)
    before = deepcopy(network.state_dict())
    share_statistics(network, 1)
    assert mean_over_processes(value, 1) is value
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


@pytest.mark.parametrize("unsteered", [(), ("cpu",)])
def test_a_step_can_be_clipped_and_skipped(monkeypatch, unsteered):
    """Also where the fused step does not do it."""
    monkeypatch.setattr(optimization, "UNSTEERED", unsteered)
    network = torch.nn.Linear(3, 1)
    plain = deepcopy(network)
    ours, theirs = SteeredAdam(network, 0.1, 1e-8), torch.optim.Adam(plain.parameters(), 0.1)
    for steered, optimizer, model in ((True, ours, network), (False, theirs, plain)):
        (1000 * model(torch.ones(3))).backward()
        if steered:
            optimizer.clip_next_step(2.0)
        else:
            torch.nn.utils.clip_grad_norm_(model.parameters(), 2.0)
        optimizer.step()
    torch.testing.assert_close(network.weight, plain.weight)
    torch.testing.assert_close(ours.state[network.weight]["exp_avg"], theirs.state[plain.weight]["exp_avg"])
    before = deepcopy(network.state_dict())
    ours.skip_next_step_if(torch.tensor(True))
    ours.step()
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert int(ours.state[network.weight]["step"]) == 1
    ours.skip_next_step_if(torch.tensor(False))
    ours.step()
    assert not torch.equal(network.weight, before["weight"])


def test_means_are_over_the_steps_that_had_a_value_and_must_be_finite():
    means = EpochMeans()
    for step in range(4):
        means.add({"always": torch.tensor(float(step))} | ({"late": torch.tensor(8.0)} if step == 3 else {}))
    assert means.pop(processes=1) == {"always": 1.5, "late": 8.0}
    means.add({"loss": torch.tensor(torch.inf)})
    with pytest.raises(FloatingPointError, match="loss became inf"):
        means.pop(processes=1)


def test_weights_that_are_not_finite_are_named():
    network = torch.nn.Linear(3, 1)
    check_finite(network)
    with torch.no_grad():
        network.bias[0] = torch.nan
    with pytest.raises(FloatingPointError, match="bias is no longer finite"):
        check_finite(network)
