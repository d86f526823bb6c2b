"""The mean of several lifters."""

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


@pytest.mark.parametrize("counts", [(1, 1), (2, 1), (1, 0)])
def test_each_weight_is_the_mean_and_a_lifter_counts_as_often_as_it_is_named(counts, lifters, tmp_path):
    paths, out = (lifters("a.ckpt"), lifters("other.ckpt")), tmp_path / "mean.ckpt"
    named = [str(path) for path, count in zip(paths, counts, strict=True) for _ in range(count)]
    assert average_weights.main([*named, str(out)]) == 0
    first, second, mean = (load_lifter(path).state_dict() for path in (*paths, out))
    for name, weight in mean.items():
        wanted = (counts[0] * first[name] + counts[1] * second[name]) / sum(counts)
        # Weights are stored in half precision.
        torch.testing.assert_close(weight, wanted if weight.is_floating_point() else first[name], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("problem", ["another network", "no lifter"])
def test_what_has_no_mean_is_named_and_nothing_is_written(problem, lifters, tmp_path, capsys):
    before, after = lifters("a.ckpt"), lifters("other.ckpt")
    if problem == "another network":
        after = lifters("third.ckpt", corrects_points=True)
    else:
        after.write_text("weights")
    assert average_weights.main([str(before), str(after), str(tmp_path / "mean.ckpt")]) == 2
    assert "average_weights.py: " in capsys.readouterr().err
    assert not (tmp_path / "mean.ckpt").exists()
