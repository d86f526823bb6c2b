from dataclasses import replace

import numpy as np
import pytest
from samples_keypoints import LEGS, lifted, standing, without

from utils.demo.people import Camera, Person, Scene
from utils.demo.registry import EXPORTS
from utils.demo.upper_body import see
from utils.export3d.exports import Exports

STRAIGHT, CAMERA = Camera(None, "looks straight at each person"), Camera((300.0, 300.0, 125.0, 150.0), "known")


def test_each_person_gets_files_of_the_whole_track(tmp_path):
    exports, person = Exports(["bvh", "csv"], 1.6), lifted(standing())
    exports.start(tmp_path, 30.0)
    for frame in range(6):
        numbers = [1] if frame < 2 else [1, 4]
        exports.add(frame / 30, None, Scene([person] * len(numbers), STRAIGHT, 2), numbers)
    exports.finish()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "person4_pose.bvh", "person4_pose.csv", "pose.bvh", "pose.csv",
    ]  # fmt: skip
    assert "Frames: 6\n" in (tmp_path / "pose.bvh").read_text()
    assert "Frames: 4\n" in (tmp_path / "person4_pose.bvh").read_text()
    said = exports.summary()
    assert "person 4: person4_pose.bvh, person4_pose.csv (4 frames from 0.07 s on" in said
    assert "% of the mean root distance" in said and "1.6 m tall (--height_m)" in said


@pytest.mark.parametrize("kind", EXPORTS)
def test_supposed_legs_are_named(kind, tmp_path):
    person = lifted(standing())
    seen = see(without(standing(), *LEGS), 0.1)
    exports = Exports([kind], 1.75)
    exports.start(tmp_path, 30.0)
    exports.add(0.0, None, Scene([Person(seen, person.pose)], CAMERA, 1), [1])
    exports.finish()
    assert "never seen, and supposed: hip, right_hip" in exports.summary()
    assert (tmp_path / f"pose.{kind}").stat().st_size > 0
    assert np.isfinite(person.pose).all()


def test_people_stand_beside_each_other_as_in_the_picture(tmp_path):
    person, beside = lifted(standing()), lifted(standing())
    moved = replace(beside.joints, joints_px=beside.joints.joints_px + np.array([90, 0]))
    beside = replace(beside, seen=replace(beside.seen, joints=moved))
    exports = Exports(["npz"], 1.75)
    exports.start(tmp_path, 30.0)
    exports.add(0.0, None, Scene([person, beside], CAMERA, 2), [1, 2])
    exports.finish()
    first, second = (np.load(tmp_path / name)["hips_m"][0] for name in ("pose.npz", "person2_pose.npz"))
    assert first[[0, 2]].tolist() == [0, 0], "the first person stands on the origin"
    assert second[0] > 0.3 and abs(second[2]) < 0.3, "the other one to the right, which is their left"
