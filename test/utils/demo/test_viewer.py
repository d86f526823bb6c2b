import json
import re
import shutil
import subprocess

import numpy as np
import pytest
from samples_keypoints import lifted, standing

from utils.demo.viewer import jpeg_url, viewer_page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
# Drags the pose by 120 pixels and tells what happened in attributes of <html>.
DRAG = """<script>
window.addEventListener("load", () => setTimeout(() => {
  const scene = document.getElementById("scene"), told = document.documentElement.dataset;
  window.poseView.turning = false;
  const before = scene.toDataURL(), azimuth = window.poseView.azimuth;
  const fire = (type, x) => scene.dispatchEvent(new PointerEvent(type, { clientX: x, clientY: 50, bubbles: true }));
  fire("pointerdown", 200); fire("pointermove", 320); fire("pointerup", 320);
  told.changed = scene.toDataURL() !== before;
  told.turned = window.poseView.azimuth - azimuth;
  fire("pointermove", 500);
  told.let_go = window.poseView.azimuth - azimuth === Number(told.turned);
  scene.dispatchEvent(new MouseEvent("dblclick", { bubbles: true }));
  told.reset = window.poseView.azimuth;
  const pixels = scene.getContext("2d").getImageData(0, 0, scene.width, scene.height).data;
  const sums = { left: [0, 0], right: [0, 0] };
  for (let at = 0; at < pixels.length; at += 4) {
    const lead = pixels[at + 2] - pixels[at], x = (at / 4) % scene.width;
    const side = lead > 60 ? "left" : lead < -60 ? "right" : null;
    if (side) { sums[side][0] += x; sums[side][1] += 1; }
  }
  told.left_of = sums.right[0] / sums.right[1] < sums.left[0] / sums.left[1];
}, 400));
</script>"""


@pytest.fixture(scope="module")
def people():
    return [lifted(standing())] * 2


@pytest.fixture(scope="module")
def page(people):
    return viewer_page(np.full((300, 200, 3), 120, np.uint8), people)


def test_page_loads_nothing(page):
    assert "default-src 'none'" in page
    assert not re.search(r"(src|href)\s*=\s*[\"'](?!data:)", page)
    assert "http://" not in page
    assert "https://" not in page


def test_page_holds_the_poses(page, people):
    data = json.loads(re.search(r'type="application/json">(.*?)</script>', page, re.S)[1])
    assert len(data["people"]) == 2
    assert np.allclose(data["people"][0]["pose"], people[0].pose, atol=1e-3)
    assert len(data["radii"]) == len(data["bones"]) == len(data["colours"]) == 16


def test_large_photos_are_embedded_small(people):
    assert len(viewer_page(np.zeros((4000, 6000, 3), np.uint8), people)) < 200_000


def test_jpeg_url():
    assert jpeg_url(np.zeros((4, 4, 3), np.uint8)).startswith("data:image/jpeg;base64,/9j/")


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")
def test_the_pose_turns_under_the_mouse_in_a_real_browser(page, tmp_path):
    (tmp_path / "pose.html").write_text(page.replace("</body>", DRAG + "</body>"), encoding="utf-8")
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--proxy-server=127.0.0.1:9",
               f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=3000", "--dump-dom",
               f"file://{tmp_path / 'pose.html'}"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    told = dict(re.findall(r'data-([\w-]+)="([^"]*)"', done.stdout.split(">", 3)[1] + done.stdout.split(">", 3)[0]))
    assert told["drawn"] == "2"
    assert told["changed"] == "true"
    assert float(told["turned"]) == -60
    assert told["let_go"] == "true"
    assert told["reset"] == "0"
    assert told["left_of"] == "true", "a person who faces the camera has the left side on the right of the picture"
    assert done.stdout.count("person 1") == 1
