import sys
from dataclasses import replace

import numpy as np
import pytest
from samples_keypoints import lifted, standing

from utils.demo.images import Picture
from utils.demo.people import Camera, Scene
from utils.demo.rerun_log import RerunLog
from utils.skeleton import INDEX, JOINTS


@pytest.fixture
def person():
    return lifted(standing())


def record(folder, frames, picture):
    """Logs people, 25 frames a second; returns {entity: [(seconds, {component: values})]} as Rerun reads it."""
    chunk = pytest.importorskip("rerun.chunk", reason="needs rerun-sdk")
    log = RerunLog()
    log.start(folder, 25.0)
    for number, people in enumerate(frames):
        log.add(number / 25, lambda: picture, Scene(list(people.values()), Camera(None, "none"), 2), list(people))
    log.finish()
    found = {}
    for part in chunk.RrdReader(str(folder / "pose.rrd")).stream().to_chunks():
        rows = part.to_record_batch().to_pydict()
        for number in range(part.num_rows):
            values = {name: column[number] for name, column in rows.items() if column[number] is not None}
            seconds = values["time"].total_seconds() if "time" in values else None
            found.setdefault(part.entity_path, []).append((seconds, values))
    return {entity: sorted(rows, key=lambda row: row[0] or 0.0) for entity, rows in found.items()}


def test_picture_joints_and_confidences_are_there_with_their_times(person, tmp_path):
    picture = Picture(np.zeros((300, 250, 3), np.uint8))
    found = record(tmp_path, [{1: person}, {1: person, 2: person}], picture)
    assert [seconds for seconds, _ in found["/picture"]] == pytest.approx([0, 0.04])
    assert bytes(found["/picture"][0][1]["EncodedImage:blob"][0])[:2] == b"\xff\xd8"
    assert [seconds for seconds, _ in found["/lifted/person2"]] == pytest.approx([0.04])
    assert found["/lifted/person1"][0][1]["Points3D:positions"] == pytest.approx(person.pose, abs=1e-6)
    assert found["/picture/person1"][0][1]["Points2D:positions"] == pytest.approx(
        person.joints.joints_px + 0.5, abs=1e-4
    )
    lines = {name: values for _, row in found["/confidence/person1"] for name, values in row.items()}
    assert lines["Scalars:scalars"] == pytest.approx(person.joints.confidence)
    assert tuple(lines["SeriesLines:names"]) == JOINTS


def test_joints_lie_on_a_picture_that_was_shrunk(person, tmp_path):
    picture = Picture(np.zeros((150, 125, 3), np.uint8), scale=2.0)
    found = record(tmp_path, [{1: person}], picture)
    expected = (person.joints.joints_px + 0.5) / 2
    assert found["/picture/person1"][0][1]["Points2D:positions"] == pytest.approx(expected, abs=1e-4)


def test_joints_left_out_are_left_out(person, tmp_path):
    left_out = np.arange(17) == INDEX["left_knee"]
    person = replace(person, seen=replace(person.seen, left_out=left_out))
    found = record(tmp_path, [{1: person}], Picture(np.zeros((300, 250, 3), np.uint8)))
    shown = found["/lifted/person1"][0][1]["Points3D:keypoint_ids"]
    assert shown == [number for number in range(17) if number != INDEX["left_knee"]]
    lines = {name: values for _, row in found["/confidence/person1"] for name, values in row.items()}
    assert lines["Scalars:scalars"][INDEX["left_knee"]] == 0


def test_who_has_gone_is_cleared(person, tmp_path):
    found = record(tmp_path, [{1: person}, {}, {}], Picture(np.zeros((300, 250, 3), np.uint8)))
    cleared = [seconds for seconds, row in found["/lifted/person1"] if any("Clear" in name for name in row)]
    assert cleared == pytest.approx([0.04])


def test_without_the_package_one_sentence_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "rerun", None)
    with pytest.raises(ValueError, match="pip install rerun-sdk"):
        RerunLog()


def test_a_file_that_is_not_whole_is_an_error(person, tmp_path, monkeypatch):
    rerun = pytest.importorskip("rerun", reason="needs rerun-sdk")
    log = RerunLog()
    log.start(tmp_path, 25.0)

    def fail(self):
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(rerun.RecordingStream, "flush", fail)
    with pytest.raises(OSError, match=r"pose.rrd is not whole, the disk is full"):
        log.finish()
