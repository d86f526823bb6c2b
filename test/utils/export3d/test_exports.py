import numpy as np
import pytest
from samples_keypoints import LEGS, lifted, standing, without

from utils.demo.options import EXPORT_FORMATS
from utils.demo.upper_body import see
from utils.export3d.exports import WRITERS, Exports


def test_the_options_know_the_formats():
    assert tuple(WRITERS) == EXPORT_FORMATS


def test_each_person_gets_files_of_the_whole_track(tmp_path):
    exports, person = Exports(["bvh", "csv"], 1.6), lifted(standing())
    exports.start(tmp_path, 30.0)
    for frame in range(6):
        exports.add(frame / 30, None, [person, person][: 1 if frame < 2 else 2], [1, 4][: 1 if frame < 2 else 2])
    exports.finish()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "person4_pose.bvh", "person4_pose.csv", "pose.bvh", "pose.csv",
    ]  # fmt: skip
    assert "Frames: 6\n" in (tmp_path / "pose.bvh").read_text()
    assert "Frames: 4\n" in (tmp_path / "person4_pose.bvh").read_text()
    said = exports.summary()
    assert "person 4: person4_pose.bvh, person4_pose.csv (4 frames from 0.07 s on" in said
    assert "% of the mean root distance" in said and "1.6 m tall (--height_m)" in said


@pytest.mark.parametrize("kind", EXPORT_FORMATS)
def test_supposed_legs_are_named(kind, tmp_path):
    person = lifted(standing())
    seen = see(without(standing(), *LEGS), 0.1)
    exports = Exports([kind], 1.75)
    exports.start(tmp_path, 30.0)
    exports.add(0.0, None, [type(person)(seen, person.pose)], [1])
    exports.finish()
    assert "never seen, and supposed: hip, right_hip" in exports.summary()
    assert (tmp_path / f"pose.{kind}").stat().st_size > 0
    assert np.isfinite(person.pose).all()
