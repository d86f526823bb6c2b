import json
import re
from dataclasses import replace

import numpy as np
import pytest
from samples_keypoints import lifted, standing
from samples_videos import write_video

from utils.demo.images import Picture
from utils.demo.people import Camera, Scene
from utils.demo.recording import Recording
from utils.demo.video import VideoFrames
from utils.demo.viewer import as_script, jpeg_url, viewer_page

DESKTOP, PHONE = (1280, 800), (390, 844)
CAMERA = Camera(None, "none")
# Where the limbs of a colour are in the scene: the mean column and row, as fractions, and how many pixels they have.
LIMBS = """() => {
  const canvas = document.getElementById("scene"), { width, height } = canvas;
  const pixels = canvas.getContext("2d").getImageData(0, 0, width, height).data, sums = {};
  for (let at = 0; at < pixels.length; at += 4) {
    const lead = pixels[at + 2] - pixels[at], side = lead > 60 ? "left" : lead < -60 ? "right" : null;
    if (!side || pixels[at + 3] < 200) continue;
    const sum = sums[side] ||= [0, 0, 0];
    sum[0] += (at / 4) % width / width; sum[1] += Math.floor(at / 4 / width) / height; sum[2]++;
  }
  return Object.fromEntries(Object.entries(sums).map(([side, [x, y, n]]) => [side, [x / n, y / n, n]]));
}"""


def shifted(person, across_px):
    joints = replace(person.joints, joints_px=person.joints.joints_px + np.array([across_px, 0]))
    return replace(person, seen=replace(person.seen, joints=joints))


@pytest.fixture(scope="module")
def people():
    return [lifted(standing()), shifted(lifted(standing()), 150)]


def page_of(people, size=(300, 400)):
    picture = Picture(np.full((*size, 3), 120, np.uint8))
    return viewer_page("photo </script>.jpg", picture, Scene(people, CAMERA, len(people)))


@pytest.fixture(scope="module")
def page(people):
    return page_of(people)


@pytest.fixture
def opened(chromium, tmp_path):
    """Opens a page, or a file, in a browser of a size; problems and requests are noted."""
    contexts, tabs = [], []

    def open_page(page, size=DESKTOP, problems=(), script="", **options):
        if isinstance(page, str):
            (tmp_path / "pose.html").write_text(page, encoding="utf-8")
            page = tmp_path / "pose.html"
        options = {"reduced_motion": "reduce", "viewport": {"width": size[0], "height": size[1]}, **options}
        context = chromium.new_context(**options)
        contexts.append(context)
        tab = context.new_page()
        tab.add_init_script(script)
        tab.problems, tab.requests_made = [], []
        tabs.append((tab, problems))
        tab.on("console", lambda message: message.type == "error" and tab.problems.append(message.text))
        tab.on("pageerror", lambda error: tab.problems.append(str(error)))
        tab.on("request", lambda request: tab.requests_made.append(request.url))
        tab.goto(page.as_uri())
        tab.wait_for_selector("html[data-drawn]")
        settle(tab)
        return tab

    yield open_page
    for context in contexts:
        context.close()
    for tab, expected in tabs:
        assert [text for text in tab.problems if not any(word in text for word in expected)] == []
        assert [url for url in tab.requests_made if not url.startswith(("file:", "data:", "blob:"))] == []


def settle(tab):
    """Waits until the scene is drawn."""
    tab.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def middle_of(tab, selector):
    box = tab.locator(selector).bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def view(tab):
    return tab.evaluate("() => ({ ...poseView.viewer.view })")


def test_page_loads_nothing(page):
    assert "default-src 'none'" in page
    assert not re.search(r"(src|href)\s*=\s*[\"'](?!data:)", page)
    assert "http://" not in page
    assert "https://" not in page
    assert not re.search(r"^(import|export) ", page, re.M)


def test_page_holds_the_poses(page, people):
    data = json.loads(re.search(r'type="application/json">(.*?)</script>', page, re.S)[1])
    (frame,) = data["frames"]
    assert np.allclose(frame["people"][0]["pose"], people[0].pose, atol=1e-3)
    assert len(data["skeleton"]["radii"]) == len(data["skeleton"]["bones"]) == 16
    assert len(data["skeleton"]["colours"]) == 17
    assert data["name"] == "photo </script>.jpg"


def test_large_photos_are_embedded_small(people):
    assert len(page_of(people, (4000, 6000))) < 300_000


def test_jpeg_url():
    assert jpeg_url(np.zeros((4, 4, 3), np.uint8)).startswith("data:image/jpeg;base64,/9j/")


def test_no_name_ends_the_script():
    assert "</" not in as_script({"name": "</script><script>"})


def test_people_turn_under_the_mouse_and_face_as_in_the_photo(opened, people):
    tab = opened(page_of(people[:1]))
    front = tab.evaluate(LIMBS)
    assert front["right"][0] < front["left"][0], "who faces the camera has the left side on the right of the picture"
    x, y = middle_of(tab, "#scene")
    tab.mouse.move(x, y)
    tab.mouse.down()
    tab.mouse.move(x + 360, y)
    tab.mouse.up()
    settle(tab)
    assert view(tab)["azimuth"] == -180
    back = tab.evaluate(LIMBS)
    assert back["left"][0] < back["right"][0]
    tab.mouse.move(x, y)
    assert view(tab)["azimuth"] == -180, "the button was let go"
    tab.mouse.dblclick(x, y)
    tab.wait_for_function("() => poseView.viewer.view.azimuth % 360 === 0")


def test_wheel_and_keys_zoom_and_turn(opened, people):
    tab = opened(page_of(people[:1]))
    before = tab.evaluate(LIMBS)
    tab.mouse.move(*middle_of(tab, "#scene"))
    tab.mouse.wheel(0, -300)
    settle(tab)
    zoom = view(tab)["zoom"]
    assert zoom > 1.3
    after = tab.evaluate(LIMBS)
    assert after["left"][2] > 1.4 * before["left"][2], "limbs are larger"
    tab.focus("#scene")
    tab.keyboard.press("-")
    assert view(tab)["zoom"] == pytest.approx(zoom / 1.2)
    tab.keyboard.press("ArrowRight")
    assert view(tab)["azimuth"] == 5
    tab.keyboard.press("0")
    settle(tab)
    assert view(tab)["zoom"] == 1


def test_the_scene_swings_until_it_is_touched(opened, page):
    tab = opened(page, reduced_motion="no-preference")
    azimuth = view(tab)["azimuth"]
    tab.wait_for_function("before => poseView.viewer.view.azimuth !== before", arg=azimuth)
    tab.mouse.move(*middle_of(tab, "#scene"))
    tab.mouse.down()
    azimuth = view(tab)["azimuth"]
    tab.wait_for_timeout(100)
    assert view(tab)["azimuth"] == azimuth


def test_several_people_stand_side_by_side_and_one_can_be_chosen(opened, page):
    tab = opened(page)
    both = tab.evaluate(LIMBS)
    assert tab.locator("#people button").all_inner_texts() == ["Everyone", "1", "2"]
    places = tab.evaluate("() => poseView.frames[0].people.map(person => person.place)")
    assert places[0][0] < places[1][0], "as in the photo"
    assert places[1][0] - places[0][0] == pytest.approx(1.5, abs=0.05), "150 pixels, 100 of which are a unit"
    tab.locator("#people button", has_text="2").click()
    settle(tab)
    one = tab.evaluate(LIMBS)
    assert one["left"][2] != both["left"][2]
    assert one["left"][0] + one["right"][0] == pytest.approx(1, abs=0.1), "whoever is alone stands in the middle"


def test_the_floor_stays_when_people_move(opened, people):
    tab = opened(page_of(people[:1]))

    def show(across):
        tab.evaluate(
            """across => { const [person] = poseView.frames[0].people;
          poseView.viewer.setPeople([{ ...person, place: [person.place[0] + across, person.place[1]] }]); }""",
            across,
        )
        settle(tab)
        return tab.evaluate(LIMBS)["left"]

    before, moved, after = show(0), show(0.4), show(0)
    assert moved[0] - before[0] > 0.05, "the person moves on the floor, which does not follow"
    assert moved[2] == pytest.approx(before[2], rel=0.02), "nor does the scale change"
    assert after == before
    far = show(6)
    assert far[0] < 1 and far[2] < before[2] / 2, "the floor grows to hold whoever would leave it"


def test_a_finger_turns_scrolls_and_two_zoom(opened, page):
    tab = opened(page, PHONE, has_touch=True, is_mobile=True, device_scale_factor=2)
    touch = tab.context.new_cdp_session(tab)
    x, y = middle_of(tab, "#scene")

    def fingers(kind, *points):
        places = [{"x": px, "y": py, "id": number} for number, (px, py) in enumerate(points)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    def swipe(dx, dy):
        fingers("touchStart", (x, y))
        for part in range(1, 11):
            fingers("touchMove", (x + dx * part / 10, y + dy * part / 10))
        fingers("touchEnd")
        tab.wait_for_timeout(100)

    swipe(100, 0)
    assert view(tab)["azimuth"] == pytest.approx(-50, abs=10)
    assert tab.evaluate("scrollY") == 0
    turned = view(tab)
    swipe(0, -60)
    assert tab.evaluate("scrollY") > 10, "the page scrolls under a finger that moves up"
    assert view(tab)["elevation"] == pytest.approx(turned["elevation"], abs=3)
    x, y = middle_of(tab, "#scene")
    fingers("touchStart", (x, y - 30), (x, y + 30))
    for part in range(1, 11):
        fingers("touchMove", (x, y - 30 - 3 * part), (x, y + 30 + 3 * part))
    fingers("touchEnd")
    assert view(tab)["zoom"] == pytest.approx(2, abs=0.1)
    assert tab.evaluate("visualViewport.scale") == 1, "the page itself does not zoom"
    tab.evaluate("scrollTo(0, 0)")
    x, y = middle_of(tab, "#scene")
    fingers("touchStart", (x - 30, y), (x + 30, y))
    for part in range(1, 11):
        fingers("touchMove", (x - 30, y - 6 * part), (x + 30, y - 6 * part))
    fingers("touchEnd")
    assert view(tab)["pan"][1] == pytest.approx(-60, abs=3), "two fingers move the scene"
    assert tab.evaluate("scrollY") == 0, "and not the page"


@pytest.mark.parametrize("size", [PHONE, DESKTOP, (844, 390)])
def test_nothing_is_cut_off(opened, page, size):
    tab = opened(page, size)
    assert tab.evaluate("document.documentElement.scrollWidth") == size[0]
    for button in tab.locator("button:visible").all():
        box = button.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= size[0]
        assert box["height"] >= 36, "large enough for a finger"
    scene = tab.locator(".panel.scene").bounding_box()
    for button in tab.locator(".views button").all():
        box = button.bounding_box()
        assert scene["x"] <= box["x"] and box["x"] + box["width"] <= scene["x"] + scene["width"]
    photo, panel = (tab.locator(name).bounding_box() for name in ("#photo", ".panel.photo"))
    assert photo == panel, "the photo fills its panel"
    assert photo["width"] / photo["height"] == pytest.approx(400 / 300, rel=0.02)
    if size == DESKTOP:
        assert tab.evaluate("document.documentElement.scrollHeight") == size[1], "all is in sight"


def test_uncertainty_is_shown_on_demand(opened, people, page):
    sure = opened(page)
    assert not sure.locator("#clouds").is_visible()
    unsure = replace(people[0], uncertainty=np.full(17, 0.2))
    tab = opened(page_of([unsure]))
    covered = """() => { const canvas = document.getElementById("scene");
      const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data; let count = 0;
      for (let at = 3; at < pixels.length; at += 4) count += pixels[at] > 0;
      return count; }"""
    without = tab.evaluate(covered)
    tab.locator("#clouds").click()
    settle(tab)
    assert tab.evaluate(covered) > 1.15 * without
    assert tab.evaluate(LIMBS)["left"][2] > 0, "limbs are inside the clouds"


def test_dark_and_light(opened, page):
    backgrounds = [opened(page, color_scheme=scheme).evaluate("getComputedStyle(document.body).backgroundColor")
                   for scheme in ("light", "dark")]  # fmt: skip
    bright = [sum(map(int, re.findall(r"\d+", colour))) for colour in backgrounds]
    assert bright[0] > 700 and bright[1] < 100


def grey(number):
    return np.full((300, 320, 3), 20 + 10 * number, np.uint8)


def record(folder, people):
    """A recording of 20 frames, a second, in which the first person drifts and the second one comes in the tenth."""
    folder.mkdir()
    frames = VideoFrames(write_video(folder / "in.mp4", [grey(number) for number in range(20)]))
    with Recording(folder, "clip.mp4", frames.rate) as recording:
        for number, frame in enumerate(frames):
            shown = [shifted(people[0], number), *([people[1]] if number >= 10 else [])]
            recording.add(frame, Scene(shown, CAMERA, len(shown)), [1, 2][: len(shown)])
    return folder


@pytest.fixture(scope="module")
def film(people, tmp_path_factory):
    return record(tmp_path_factory.mktemp("film") / "clip", people)


# The number of the frame that the video shows, by the grey at its lower edge, and of the poses that the scene shows.
FRAMES_SHOWN = """() => {
  const pen = new OffscreenCanvas(90, 60).getContext("2d");
  pen.drawImage(document.getElementById("video"), 0, 0, 90, 60);
  return [(pen.getImageData(5, 58, 1, 1).data[0] - 20) / 10, poseView.state.frame];
}"""


def test_the_poses_keep_step_with_the_video(opened, film):
    tab = opened(film / "pose.html")
    assert tab.locator("#people button").all_inner_texts() == ["Everyone", "1", "2"], "everybody in the video"
    tab.wait_for_function("() => document.getElementById('video').readyState >= 2")
    for number in (3, 12, 19, 0):
        tab.evaluate(
            """number => { const seek = document.getElementById("seek"); seek.value = number;
                     seek.dispatchEvent(new Event("input")); }""",
            number,
        )
        tab.wait_for_function("() => !document.getElementById('video').seeking")
        tab.wait_for_timeout(150)
        in_video, in_scene = tab.evaluate(FRAMES_SHOWN)
        assert in_scene == number
        assert in_video == pytest.approx(number, abs=0.6)
    tab.locator("#play").click()
    seen = []
    for _ in range(12):
        tab.wait_for_timeout(60)
        seen.append(tab.evaluate(FRAMES_SHOWN))
    assert len({number for _, number in seen}) > 3, "it plays"
    tab.locator("#play").click()
    tab.wait_for_timeout(200)
    in_video, in_scene = tab.evaluate(FRAMES_SHOWN)
    assert in_video == pytest.approx(in_scene, abs=0.6)
    paused = view_of_time(tab)
    tab.wait_for_timeout(200)
    assert view_of_time(tab) == paused


def view_of_time(tab):
    return tab.evaluate("[document.getElementById('video').currentTime, poseView.state.frame]")


def test_a_large_video_stays_beside_the_page(opened, people, tmp_path, monkeypatch):
    monkeypatch.setattr("utils.demo.viewer.FILM_BYTES", 0)
    folder = record(tmp_path / "clip", people)
    tab = opened(folder / "pose.html")
    tab.wait_for_function("() => document.getElementById('video').readyState >= 2")
    assert tab.locator("#problem").inner_text() == ""
    (folder / "pose.mp4").unlink()
    tab = opened(folder / "pose.html", problems=("ERR_FILE_NOT_FOUND",))
    tab.wait_for_function("() => document.getElementById('problem').textContent")
    assert "pose.mp4 is not beside this page" in tab.locator("#problem").inner_text()
    tab.focus("#seek")
    tab.keyboard.press("ArrowRight")
    assert tab.evaluate("poseView.state.frame") == 1, "the poses can be looked at without it"


def test_browsers_that_do_not_tell_their_frames_play_as_well(opened, film):
    tab = opened(film / "pose.html", script="delete HTMLVideoElement.prototype.requestVideoFrameCallback")
    tab.keyboard.press(" ")
    tab.wait_for_function("() => poseView.state.frame > 3")
    tab.keyboard.press(" ")
    tab.wait_for_timeout(100)
    in_video, in_scene = tab.evaluate(FRAMES_SHOWN)
    assert in_video == pytest.approx(in_scene, abs=1.1)
