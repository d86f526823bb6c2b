"""The mean of two lifters."""

import average_weights
import pytest
import torch

from models import Lifter, load_lifter, save_lifter


@pytest.fixture
def lifters(tmp_path):
    def write(name, **shape):
        torch.manual_seed(len(name))
        path = tmp_path / name
        save_lifter(Lifter(width=16, blocks=1, **shape).eval(), path)
        return path

    return write


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_each_weight_is_between_those_of_the_two(share, lifters, tmp_path):
    before, after, out = lifters("a.ckpt"), lifters("other.ckpt"), tmp_path / "mean.ckpt"
    assert average_weights.main([str(before), str(after), str(out), "--share", str(share)]) == 0
    first, second, mean = (load_lifter(path).state_dict() for path in (before, after, out))
    for name, weight in mean.items():
        wanted = (1 - share) * first[name] + share * second[name] if weight.is_floating_point() else first[name]
        # Weights are stored in half precision.
        torch.testing.assert_close(weight, wanted, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("problem", ["another network", "no share", "no lifter"])
def test_what_has_no_mean_is_named_and_nothing_is_written(problem, lifters, tmp_path, capsys):
    before, after, share = lifters("a.ckpt"), lifters("other.ckpt"), "0.5"
    if problem == "another network":
        after = lifters("third.ckpt", corrects_points=True)
    elif problem == "no share":
        share = "1.5"
    else:
        after.write_text("weights")
    assert average_weights.main([str(before), str(after), str(tmp_path / "mean.ckpt"), "--share", share]) == 2
    assert "average_weights.py: " in capsys.readouterr().err
    assert not (tmp_path / "mean.ckpt").exists()
