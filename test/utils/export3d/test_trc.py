import csv
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from samples_motions import RATE, on_the_floor_m, track, walker, walking

from utils.export3d.motion import motion_of
from utils.export3d.trc import MARKERS, write_trc
from utils.skeleton import INDEX


def test_the_layout_is_that_of_the_format(tmp_path):
    write_trc(tmp_path / "pose.trc", walker(5))
    lines = (tmp_path / "pose.trc").read_text().splitlines()
    assert lines[0] == "PathFileType\t4\t(X/Y/Z)\tpose.trc"
    names, values = (line.split("\t") for line in lines[1:3])
    assert dict(zip(names, values, strict=True)) == {
        "DataRate": "25", "CameraRate": "25", "NumFrames": "5", "NumMarkers": "18", "Units": "m",
        "OrigDataRate": "25", "OrigDataStartFrame": "1", "OrigNumFrames": "5",
    }  # fmt: skip
    assert [name for name in lines[3].split("\t")[2:] if name] == list(MARKERS)
    assert all(len(line.split("\t")) == 2 + 3 * len(MARKERS) for line in lines[5:])
    assert [line.split("\t")[:2] for line in lines[5:7]] == [["1", "0.000000"], ["2", "0.040000"]]


def test_joints_that_were_not_seen_are_empty(tmp_path):
    some = track(walking(4))
    some.left_out[2] = np.arange(17) == INDEX["left_shoulder"]
    write_trc(tmp_path / "pose.trc", motion_of(some, RATE, 1.8))
    rows = list(csv.reader((tmp_path / "pose.trc").read_text().splitlines()[5:], delimiter="\t"))
    columns = {name: slice(2 + 3 * number, 5 + 3 * number) for number, name in enumerate(MARKERS)}
    assert rows[2][columns["LShoulder"]] == rows[2][columns["Neck"]] == ["", "", ""]
    assert sum(cell == "" for row in rows for cell in row) == 6


def test_pose2sim_reads_it(tmp_path):
    pytest.importorskip("rtoml", reason="needs pose2sim")
    common = pytest.importorskip("Pose2Sim.common", reason="needs pose2sim", exc_type=ImportError)
    write_trc(tmp_path / "pose.trc", walker(10))
    places, _, seconds, markers, _ = common.read_trc(str(tmp_path / "pose.trc"))
    assert tuple(markers) == MARKERS
    assert seconds.tolist() == pytest.approx([number / RATE for number in range(10)])
    joints_m = on_the_floor_m(walking(10))
    for marker, joint in (("LWrist", "left_wrist"), ("RAnkle", "right_foot"), ("Hip", "hip"), ("MidHead", "head")):
        assert places[marker].to_numpy() == pytest.approx(joints_m[:, INDEX[joint]], abs=5e-3)


def test_the_names_fit_pose2sims_set_up_for_coco_17():
    package = pytest.importorskip("Pose2Sim", reason="needs pose2sim")
    set_up = Path(package.__file__).parent / "OpenSim_Setup" / "IK_Setup_Pose2Sim_Coco17.xml"
    if not set_up.is_file():
        pytest.skip("this pose2sim has no set-up for COCO_17")
    wanted = {task.get("name") for task in ElementTree.parse(set_up).iter("IKMarkerTask")}
    assert wanted - set(MARKERS) == {"Nose"}, "no nose is lifted"
