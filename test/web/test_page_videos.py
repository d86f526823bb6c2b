"""Videos and the camera in the page."""

import base64
import io
import json
import re
import struct
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image
from samples_videos import moving, write_video
from visits import Page

from utils.demo.images import Picture
from utils.demo.people import Camera, Person, Scene, SeenPerson
from utils.demo.smoothing import smoothed
from utils.demo.tracking import Tracker
from utils.demo.video import VideoFrames
from utils.export3d.exports import WRITERS
from utils.export3d.motion import Track, motion_of
from utils.export3d.placing import rays_of
from utils.keypoints import Joints, Keypoints

WALK = 8


@pytest.fixture(scope="module")
def video(tmp_path_factory, sample):
    return write_video(tmp_path_factory.mktemp("videos") / "walk.mp4", moving(sample, WALK, 4), rate=20)


class Shown(NamedTuple):
    """A frame without a video."""

    seconds: float
    rgb: np.ndarray

    def picture(self):
        return Picture(self.rgb)


FOLLOW = """async pictures => {
    const scenes = [], options = { most: 5, intrinsics: page.state.intrinsics };
    await page.engine.ask("begin", { anew: true });
    for (const [seconds, url] of pictures) {
        const bytes = Uint8Array.from(atob(url), letter => letter.charCodeAt(0));
        const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
        scenes.push(await page.engine.ask("frame", { ...options, bitmap, scale: 1, seconds }, [bitmap]));
    }
    return scenes;
}"""


def test_people_are_followed_and_smoothed_as_python_does(visitor, pipeline, sample):
    """Two people, of whom one disappears. Each look begins where the last one ended: what rounding does adds up."""
    frames = []
    for number in range(6):
        wide = np.full((520, 900, 3), 128, np.uint8)
        wide[:, 20 * number : 520 + 20 * number] = sample
        if number < 3:
            wide[100:360, 640:900] = sample[::2, ::-2]
        frames.append(Shown(number / 5, wide))
    pictures = [(frame.seconds, base64.b64encode(png(frame.rgb)).decode()) for frame in frames]
    expected = list(pipeline.follow(frames, Tracker()))
    visitor.page.evaluate("intrinsics => { page.state.intrinsics = intrinsics }", expected[0][1].camera.intrinsics_px)
    found = visitor.page.evaluate(FOLLOW, pictures)
    first = found[0]["people"][0]["id"] - 1
    for scene, (_, truth, numbers) in zip(found, expected, strict=True):
        assert [person["id"] - first for person in scene["people"]] == numbers
        for person, lifted in zip(scene["people"], truth.people, strict=True):
            assert np.abs(np.array(person["joints"]) - lifted.joints.joints_px).max() < 0.1
            assert np.abs(np.array(person["pose"]) - lifted.pose).max() < 5e-3
    assert len(found[0]["people"]) == 2
    assert len(found[-1]["people"]) == 1


def png(rgb):
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def film(visitor, video):
    """The page with the video open, all of it lifted."""
    if visitor.page.evaluate("page.state.source?.name") != video.name:
        visitor.open(video)
    lifted = "page.state.source.video.ended && (page.state.frames.length >= arg[0] || performance.now() > arg[1])"
    for _ in range(5):
        # A busy browser may leave a frame out; played again, the video shows it.
        visitor.until(lifted, [WALK, visitor.page.evaluate("performance.now()") + 5000])
        if visitor.page.evaluate("page.state.frames.length") >= WALK:
            break
        visitor.page.click("#play")
    visitor.page.evaluate("() => { document.getElementById('settings').open = true; }")
    return visitor


def test_every_frame_of_a_video_is_lifted(film, video, pipeline):
    """Each decoder turns YUV into RGB in its own way, which moves joints by up to 1 % of a person's size."""
    found = json.loads(film.page.evaluate("JSON.stringify(page.state.frames)"))
    expected = list(pipeline.follow(VideoFrames(video), Tracker()))
    assert [frame["time"] for frame in found] == pytest.approx([frame.seconds for frame, _, _ in expected], abs=0.002)
    assert len({person["id"] for frame in found for person in frame["people"]}) == 1
    for frame, (_, scene, _) in zip(found, expected, strict=True):
        assert np.abs(np.array(frame["people"][0]["joints"]) - scene.people[0].joints.joints_px).mean() < 5
    content = json.loads(film.saved("JSON")[1])
    assert content["video"] == {"name": "walk.mp4", "frames_per_second": 20}
    assert [frame["time_s"] for frame in content["frames"]] == pytest.approx(np.arange(WALK) / 20, abs=0.002)


def test_a_video_can_be_scrubbed_and_played_again_without_lifting_anew(film):
    lifted = film.page.evaluate("page.state.frames")
    film.page.locator("#seek").fill("0.1")
    film.until("page.state.frame.time == 0.1")
    film.page.click("#play")
    film.until("page.state.frame.time > 0.3")
    assert film.page.evaluate("page.state.frames") == lifted


def test_a_video_is_smoothed_without_lag_and_without_lifting_anew(film):
    lifted = film.page.evaluate("page.state.frames")
    saved = {}
    for label in ("none", "little", "much"):
        film.page.select_option("#smooth", label=label)
        content = json.loads(film.saved("JSON")[1])
        saved[label] = np.array([frame["people"][0]["joints_2d_px"] for frame in content["frames"]])
    film.page.select_option("#smooth", label="little")
    assert film.page.evaluate("page.state.frames") == lifted
    assert saved["none"] == pytest.approx(np.array([frame["people"][0]["joints"] for frame in lifted]), abs=0.006)
    jerks = [np.abs(np.diff(joints, 2, axis=0)).mean() for joints in saved.values()]
    assert jerks[2] < jerks[1] <= jerks[0]
    middle = [joints[2:-2].mean(axis=0) for joints in saved.values()]
    assert middle[2] == pytest.approx(middle[0], abs=2), "steady motion stays where it is"


SMOOTH = """async ([frames, std]) => {
    const { smoothedPeople } = await import("./smoothing.js");
    return frames.map((_, number) => smoothedPeople(frames, number, std));
}"""


def test_smoothing_is_that_of_python(visitor):
    """Two people, of whom one comes later, with joints that are left out now and then."""
    rng, shown, frames = np.random.default_rng(0), [], []
    for number in range(6):
        people, numbers = [], [1, 2][: 1 + (number > 2)]
        for _ in numbers:
            joints = Joints(rng.normal(size=(17, 2)), np.ones(17), np.zeros(17, bool))
            seen = SeenPerson(Keypoints("h36m_17", joints.joints_px, np.ones(17)), joints, rng.random(17) < 0.3)
            people.append(Person(seen, rng.normal(size=(17, 3))))
        shown.append((Shown(0.04 * number, None), Scene(people, Camera(None, ""), 2), numbers))
        entries = [
            {"id": one, "joints": person.joints.joints_px.tolist(), "pose": person.pose.tolist(),
             "leftOut": person.seen.left_out.tolist()}
            for one, person in zip(numbers, people, strict=True)
        ]  # fmt: skip
        frames.append({"time": 0.04 * number, "people": entries})
    found = visitor.page.evaluate(SMOOTH, [frames, 0.05])
    for people, (_, scene, _) in zip(found, smoothed(shown, 0.05), strict=True):
        for person, expected in zip(people, scene.people, strict=True):
            assert np.array(person["joints"]) == pytest.approx(expected.joints.joints_px)
            assert np.array(person["pose"]) == pytest.approx(expected.pose)


def numbers_of(text):
    """All numbers of a text."""
    return [float(word) for word in text.decode().split() if re.fullmatch(r"-?[\d.]+(e-?\d+)?", word)]


def arrays_of(glb):
    """All numbers of a GLB but its indices."""
    length = struct.unpack("<I", glb[12:16])[0]
    content, start = json.loads(glb[20 : 20 + length]), 28 + length
    views = [content["bufferViews"][one["bufferView"]] for one in content["accessors"] if one["componentType"] == 5126]
    parts = [glb[start + view["byteOffset"] : start + view["byteOffset"] + view["byteLength"]] for view in views]
    return np.frombuffer(b"".join(parts), "<f4")


def test_motions_are_those_of_python(film, tmp_path):
    """The same numbers in BVH and TRC; in GLB all but the order of the triangles."""
    frames = json.loads(film.saved("JSON")[1])
    content = film.page.evaluate("page.state.frames")
    track, intrinsics = Track(), tuple(frames["camera"]["intrinsics_px"])
    film.page.select_option("#smooth", label="none")
    for frame in content:
        (person,) = frame["people"]
        track.seconds.append(frame["time"] - content[0]["time"])
        track.poses.append(np.array(person["pose"]))
        track.left_out.append(np.array(person["leftOut"]))
        track.rays.append(rays_of(np.array(person["joints"]), intrinsics, 0.0))
    motion = motion_of(track, 20.0, 1.75)
    motion = motion.moved(-motion.rig.hips_m[0] * [1, 0, 1])
    for kind in ("BVH", "TRC", "GLB"):
        name, saved = film.saved(kind)
        WRITERS[kind.lower()](tmp_path / "walk", motion)
        assert name == f"walk.{kind.lower()}"
        numbers = arrays_of if kind == "GLB" else numbers_of
        assert numbers(saved) == pytest.approx(numbers((tmp_path / "walk").read_bytes()), abs=2e-3), kind
    film.page.select_option("#smooth", label="little")
    assert "1.75 m" in film.page.inner_text("#saved")


@pytest.fixture(scope="module")
def camera(launch, tmp_path_factory, sample):
    """A browser whose camera shows the sample."""
    path = write_video(
        tmp_path_factory.mktemp("camera") / "camera.y4m",
        moving(sample, 4, 4),
        codec="wrapped_avframe",
        format="yuv4mpegpipe",
    )
    browser = launch(
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-video-capture={path}",
    )
    yield browser
    browser.close()


def test_the_camera_is_lifted_until_something_else_is_opened(camera, server, video):
    page = Page(camera, server.address).ready()
    page.page.click("text=Use the camera")
    assert len(page.people(frames=3)) == 1
    assert page.page.inner_text("#found") == "1 person in 3D"
    assert page.page.is_hidden("#transport")
    stream = page.page.evaluate_handle("page.state.source.video.srcObject.getTracks()[0]")
    page.open(video, 2)
    assert stream.evaluate("track => track.readyState") == "ended"
    assert page.errors == []
    page.context.close()


WITHOUT_CAMERA = {
    "NotAllowedError": "The camera was refused",
    "NotFoundError": "No camera was found",
    "NotReadableError": "in use by another program",
    "OddError": "The camera cannot be used: odd.",
}
REFUSE = "name => { navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('odd', name); }; }"
LACK = "() => { Object.defineProperty(navigator, 'mediaDevices', { value: undefined, configurable: true }); }"
HAVE_AGAIN = "() => { delete navigator.mediaDevices; delete navigator.mediaDevices.getUserMedia; }"


def test_without_a_camera_the_page_says_why_and_keeps_what_is_open(visitor):
    visitor.open_sample()
    for name, words in [*WITHOUT_CAMERA.items(), (None, "https")]:
        visitor.page.evaluate(*((REFUSE, name) if name else (LACK,)))
        visitor.page.evaluate("() => { problem.textContent = ''; }")
        visitor.page.click("#bar [data-action=camera]")
        visitor.until("problem.textContent")
        assert words in visitor.problem()
        assert visitor.problem().endswith(".")
    visitor.page.evaluate(HAVE_AGAIN)
    assert visitor.page.evaluate("page.state.source.name") == "input_sample.png"
    assert len(visitor.page.evaluate("page.state.frame.people")) == 1
