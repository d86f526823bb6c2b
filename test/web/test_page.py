"""The page in a real browser: what it finds is what Python finds, and nothing leaves the machine."""

import json

import numpy as np
import pytest
from PIL import Image
from visits import SAMPLE

from models import load_lifter
from utils.demo.images import read_picture
from utils.demo.outputs import scene_content
from web.prepare import CHECKPOINTS, LIFTERS


def check_people(found, expected):
    """Joints within 0.01 px, poses within 0.001, and the same joints guessed or left out."""
    assert len(found) == len(expected)
    for person, truth in zip(found, expected, strict=True):
        assert np.abs(np.array(person["joints"]) - truth.joints.joints_px).max() < 0.01
        assert np.abs(np.array(person["pose"]) - truth.pose).max() < 1e-3
        assert person["filled"] == truth.joints.filled.tolist()
        assert person["leftOut"] == truth.seen.left_out.tolist()


def test_joints_and_pose_of_the_sample_are_pythons(visitor, pipeline):
    check_people(visitor.open(SAMPLE), pipeline(read_picture(SAMPLE)).people)


LIFT = """async ([number, joints, intrinsics, confidence]) => {
    const [{ Lifter }, { download }] = await Promise.all(["lifter.js", "engine.js"].map(name => import(`./${name}`)));
    const { tables } = page.engine, layout = tables.lifters[number];
    return new Lifter(await download(layout.file), layout, tables).lift(joints, intrinsics, confidence);
}"""


@pytest.mark.parametrize("number", range(len(LIFTERS)))
def test_every_lifter_lifts_as_python_does_with_and_without_intrinsics(visitor, number):
    lifter = load_lifter(CHECKPOINTS / f"{list(LIFTERS)[number]}.ckpt")
    joints_px = np.random.default_rng(number).normal(300, 80, (17, 2))
    confidence = np.where(np.arange(17) % 5 == 3, 0.0, 0.5)
    for intrinsics in (None, [900.0, 950.0, 500.0, 100.0]):
        found = visitor.page.evaluate(LIFT, [number, joints_px.tolist(), intrinsics, confidence.tolist()])
        pose, radii = lifter.lift_with_uncertainty(joints_px, intrinsics, confidence)
        assert np.array(found["pose"]) == pytest.approx(pose.numpy(), abs=2e-3)
        assert (radii is None) == (found["uncertainty"] is None)
        if radii is not None:
            assert np.array(found["uncertainty"]) == pytest.approx(radii.numpy(), abs=2e-3)


def test_several_people_and_one_without_legs_are_pythons(visitor, pipeline, two_and_a_half):
    expected = pipeline(read_picture(two_and_a_half)).people
    assert [person.seen.left_out.any() for person in expected] == [False, False, True]
    check_people(visitor.open(two_and_a_half), expected)
    assert visitor.page.inner_text("#people").split() == ["Everyone", "1", "2", "3"]
    assert "knee" in visitor.page.inner_text("#note")
    visitor.page.click("#people button:text-is('2')")
    assert visitor.page.get_attribute("#people button:text-is('2')", "aria-pressed") == "true"


def test_a_large_picture_with_a_known_focal_length_is_pythons(visitor, pipeline, sample, tmp_path):
    """Turned by its EXIF data, which tell the focal length as well; larger than people are looked for in."""
    path, exif = tmp_path / "large.png", Image.Exif()
    exif[0x0112] = 8
    exif.get_ifd(0x8769)[0xA405] = 28
    large = np.repeat(np.repeat(sample, 3, axis=0), 3, axis=1)[:1401, :1303]
    Image.fromarray(np.ascontiguousarray(np.rot90(large, -1))).save(path, exif=exif)
    scene = pipeline(read_picture(path))
    check_people(visitor.open(path), scene.people)
    assert visitor.page.inner_text("#found") == "1 person in 3D"
    name, content = visitor.saved("JSON")
    assert name == "large.json"
    assert json.loads(content)["camera"] == scene.camera.to_dict()


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "PNG"])
def test_the_focal_length_is_read_from_every_kind_of_picture(visitor, sample, tmp_path, kind):
    path, exif = tmp_path / "photo", Image.Exif()
    exif[0x0112] = 1
    exif.get_ifd(0x8769)[0xA405] = 41
    Image.fromarray(sample[:64, :64]).save(path, kind, exif=exif)
    read = visitor.page.evaluate(
        "async bytes => (await import('./exif.js')).focalLength35(new Blob([Uint8Array.from(bytes)]))",
        list(path.read_bytes()),
    )
    assert read == 41


def test_the_json_is_the_demos(visitor, pipeline):
    visitor.open_sample()
    name, content = visitor.saved("JSON")
    saved, expected = (
        json.loads(content),
        json.loads(json.dumps(scene_content("input_sample.png", read_picture(SAMPLE), pipeline(read_picture(SAMPLE))))),
    )
    assert name == "input_sample.json"
    assert_alike(saved, expected)


def assert_alike(one, other):
    """The same JSON but for what rounding changes."""
    assert type(one) is type(other) or {type(one), type(other)} == {int, float}
    if isinstance(one, dict):
        assert list(one) == list(other)
        for name, value in one.items():
            assert_alike(value, other[name])
    elif isinstance(one, list):
        assert len(one) == len(other)
        for value, another in zip(one, other, strict=True):
            assert_alike(value, another)
    elif isinstance(one, float):
        assert one == pytest.approx(other, abs=0.011)
    else:
        assert one == other


def test_the_picture_shows_photo_and_scene(visitor, tmp_path):
    visitor.open_sample()
    name, content = visitor.saved("PNG")
    path = tmp_path / name
    path.write_bytes(content)
    picture = read_picture(path).rgb
    assert picture.shape[0] == 520
    assert picture.shape[1] > 900
    photo = read_picture(SAMPLE).rgb
    assert np.abs(picture[:60, :60].astype(int) - photo[:60, :60]).max() < 8
    limbs = (np.abs(picture[:, 520:].astype(int) - [31, 119, 208]).sum(axis=-1) < 90).sum()
    assert limbs > 500, "the left side is blue"
