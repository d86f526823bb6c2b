import math

import camera_elevations as tool
import torch

from models import Lifter, save_lifter
from utils.geometry import rotate, rotation_x


def test_a_pose_turned_back_by_five_degrees_has_that_pitch_error():
    true = torch.randn(20, 17, 3, generator=torch.Generator().manual_seed(0))
    lifted = rotate(true, rotation_x(torch.full((20,), math.radians(-5.0))))
    torch.testing.assert_close(tool.pitch_deg(3 * lifted, true), torch.full((20,), 5.0))


def test_a_lifter_that_knows_one_elevation_turns_others_back():
    # At zero depth everybody is a picture that faces the camera, so that only the elevation's effect on it is left.
    low, high = (tool.measure(Lifter(16, 1).eval(), elevation, people=300)[0] for elevation in (-25, 25))
    assert low < -5 and high > 5


def test_a_row_for_each_elevation(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(tool, "PEOPLE", 10)
    save_lifter(Lifter(16, 1).eval(), tmp_path / "small.ckpt", "")
    assert tool.main([str(tmp_path / "small.ckpt"), "--elevations", "0", "20"]) == 0
    rows = [line.split()[:2] for line in capsys.readouterr().out.splitlines()[1:]]
    assert rows == [["small", "0"], ["small", "20"]]


def test_a_missing_checkpoint_is_named(tmp_path, capsys):
    assert tool.main([str(tmp_path / "absent.ckpt")]) == 2
    assert "absent.ckpt" in capsys.readouterr().err
