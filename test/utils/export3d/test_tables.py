import csv

import numpy as np
import pytest
from samples_motions import RATE, on_the_floor_m, track, walker, walking

from utils.export3d.motion import motion_of
from utils.export3d.nodes import NODES
from utils.export3d.tables import write_csv, write_npz
from utils.skeleton import INDEX, JOINTS


def test_csv_has_a_named_column_for_each_coordinate(tmp_path):
    some = track(walking(4), start_s=1.0)
    some.left_out[1] = np.arange(17) == INDEX["left_foot"]
    write_csv(tmp_path / "pose.csv", motion_of(some, RATE, 1.8))
    with (tmp_path / "pose.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["time_s"]) for row in rows] == [1.0, 1.04, 1.08, 1.12]
    assert [float(row["right_wrist_y_m"]) for row in rows] == pytest.approx(
        on_the_floor_m(walking(4))[:, INDEX["right_wrist"], 1], abs=5e-3
    )
    assert rows[1]["left_foot_x_m"] == "" != rows[0]["left_foot_x_m"]


def test_npz_needs_no_pickle_and_says_what_is_what(tmp_path):
    motion = walker(6)
    write_npz(tmp_path / "pose.npz", motion)
    with np.load(tmp_path / "pose.npz", allow_pickle=False) as arrays:
        assert tuple(arrays["joints"]) == JOINTS and tuple(arrays["nodes"]) == NODES
        assert float(arrays["frames_per_second"]) == RATE
        assert arrays["joints_m"] == pytest.approx(motion.rig.joints_m, abs=1e-6)
        assert arrays["node_rotations_xyzw"].shape == (6, len(NODES), 4)
        assert arrays["seen"].all()
