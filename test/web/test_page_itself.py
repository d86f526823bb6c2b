"""What the page promises: nothing leaves, it works offline, on phones and by keyboard, and it says what went wrong."""

import http.server
import os
import time

import numpy as np
import pytest
from PIL import Image
from samples_videos import write_video
from visits import SAMPLE, Page, Server

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}


@pytest.fixture
def stranger(tmp_path):
    """Another server, which would take anything; it counts its visitors."""
    visits = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            visits.append(self.path)
            self.send_response(200)
            self.send_header("Access-Control-Allow-Origin", "*")
            self.end_headers()

        do_POST = do_GET

        def log_message(self, *args):
            pass

    server = Server(tmp_path)
    server.RequestHandlerClass = Handler
    server.visits = visits
    yield server
    server.end()


SEND = """async address => {
    const refused = await fetch(address).then(() => "sent", error => error.name);
    try { new WebSocket(address.replace("http", "ws")); } catch {}
    if (globalThis.Image) new Image().src = address;
    if (navigator.sendBeacon) navigator.sendBeacon(address, "x");
    return refused;
}"""


def test_neither_page_nor_worker_can_talk_to_strangers(visit, stranger):
    page = visit().ready()
    (worker,) = page.page.workers
    for place in (page.page, worker):
        assert place.evaluate(SEND, stranger.address) == "TypeError"
    page.page.wait_for_timeout(300)
    assert stranger.visits == []


def test_no_request_leaves_while_people_are_lifted(visitor):
    """PAGE_SECONDS=70 watches for longer, since some libraries report after a minute."""
    visitor.page.wait_for_selector("html[data-kept]")
    visitor.requests.clear()
    begun, seconds = time.monotonic(), float(os.environ.get("PAGE_SECONDS", "0"))
    while True:
        visitor.open(SAMPLE)
        visitor.page.wait_for_timeout(500)
        assert [url for url in visitor.requests if not url.startswith("blob:")] == []
        if time.monotonic() - begun > seconds:
            break


def test_the_page_works_offline_after_its_first_load(chromium, page_folder):
    server = Server(page_folder)
    page = Page(chromium, server.address).ready()
    page.page.wait_for_selector("html[data-kept]")
    server.end()
    page.page.reload()
    page.ready()
    page.page.click("text=Try a sample")
    assert len(page.people()) == 1
    page.page.click("summary")
    page.page.select_option("#lifter", "mpii_2d_only")
    page.until("problem.textContent")
    assert "cannot be fetched" in page.problem()
    page.context.close()


def broken_files(folder):
    sample = SAMPLE.read_bytes()
    files = {
        "empty.jpg": (b"", "is empty"),
        "cut_off.png": (sample[:2000], "is damaged"),
        "text.jpg": (b"no picture", "is damaged"),
        "notes.txt": (b"no picture", "neither a picture nor a video"),
        "unknown": (b"no picture", "browser cannot play"),
        "noise.mp4": (np.random.default_rng(0).bytes(5000), "browser cannot play"),
    }
    for name, (content, words) in files.items():
        (folder / name).write_bytes(content)
        yield folder / name, words
    Image.fromarray(np.full((300, 400, 3), 90, np.uint8)).save(folder / "wall.png")
    yield folder / "wall.png", "Nobody was found"


def test_a_broken_file_gives_a_sentence_and_the_next_one_works(visitor, tmp_path):
    for path, words in broken_files(tmp_path):
        sentence = visitor.refusal(path)
        assert words in sentence, path
        assert sentence.endswith(".")
        assert sentence.count("\n") == 0
    visitor.open(SAMPLE)


def test_a_video_without_people_is_no_error(visitor, tmp_path):
    path = write_video(tmp_path / "wall.mp4", [np.full((64, 64, 3), 90, np.uint8)] * 3)
    assert visitor.open(path) == []
    assert visitor.page.inner_text("#found") == "Nobody is seen."
    visitor.page.click("#saves button:text-is('JSON')")
    assert "nobody" in visitor.problem()


def test_a_setting_out_of_range_is_refused_in_a_sentence(visitor):
    visitor.open_sample()
    visitor.page.evaluate("() => { document.getElementById('settings').open = true; }")
    before = visitor.page.evaluate("page.state.frame.people[0].pose")
    visitor.page.fill("#fov", "900")
    visitor.page.press("#fov", "Enter")
    assert visitor.problem() == "Field of view in degrees must be from 5 to 150."
    visitor.page.fill("#fov", "90")
    visitor.page.press("#fov", "Enter")
    visitor.until("page.state.frame && page.state.frame.people[0].pose[9][2] != arg[9][2]", before)
    assert "90 degrees" in visitor.page.inner_text("#camera-note")
    assert visitor.problem() == ""
    visitor.page.fill("#fov", "55")
    visitor.page.press("#fov", "Enter")
    visitor.until("page.state.frame && page.state.frame.people[0].pose[9][2] == arg[9][2]", before)


@pytest.mark.parametrize(
    ("removed", "name"), [("OffscreenCanvas", "OffscreenCanvas"), ("WebAssembly", "WebAssembly with SIMD")]
)
def test_an_old_browser_is_told_what_it_lacks(visit, removed, name):
    page = visit(f"delete globalThis.{removed};")
    page.until("problem.textContent")
    assert page.problem() == f"This browser is too old for this page: it lacks {name}."


def test_an_unprepared_page_says_what_to_do(chromium, page_folder, tmp_path):
    for path in page_folder.iterdir():
        if path.name not in ("generated", "offline.js"):
            (tmp_path / path.name).symlink_to(path)
    server = Server(tmp_path)
    page = Page(chromium, server.address)
    page.until("problem.textContent")
    assert "make web" in page.problem()
    page.context.close()
    server.end()


SCREENS = [(390, 844), (844, 390), (768, 1024), (1440, 900)]
CUT_OFF = """() => [...document.querySelectorAll("button, select, summary, input, .panel")].filter(one => {
    const { left, right, height } = one.getBoundingClientRect();
    return one.checkVisibility() && height && (left < 0 || right > innerWidth || height < 34);
}).map(one => one.outerHTML.slice(0, 80))"""


def test_nothing_is_cut_off_on_any_screen(visit, two_and_a_half):
    page = visit(**PHONE).ready()
    for opened in (False, True):
        if opened:
            page.open(two_and_a_half)
            page.page.click("summary")
        for width, height in SCREENS:
            page.page.set_viewport_size({"width": width, "height": height})
            page.page.wait_for_timeout(100)
            assert page.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (width, height)
            assert page.page.evaluate(CUT_OFF) == [], (width, height)


def test_everything_can_be_done_by_keyboard(visit):
    page = visit().ready()
    page.page.keyboard.press("Tab")
    for _ in range(12):
        if page.page.evaluate("document.activeElement.textContent") == "Try a sample":
            break
        page.page.keyboard.press("Tab")
    page.page.keyboard.press("Enter")
    page.people()
    page.page.evaluate("document.activeElement.blur()")
    names = []
    for _ in range(20):
        page.page.keyboard.press("Tab")
        names.append(page.page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()"))
    assert {"scene", "front", "side", "above", "Open …", "Camera", "keypoints", "PNG", "JSON", "Settings"} <= set(names)
    page.page.focus("#scene")
    before = page.page.evaluate("page.viewer.view.azimuth")
    page.page.keyboard.press("ArrowRight")
    assert page.page.evaluate("page.viewer.view.azimuth") != before


UNNAMED = """() => [...document.querySelectorAll("button, input, select, canvas, progress")]
    .filter(one => !(one.textContent.trim() || one.ariaLabel || one.labels?.length || one.hidden))
    .map(one => one.outerHTML)"""


def test_every_control_has_a_name(visitor):
    assert visitor.page.evaluate(UNNAMED) == []
