"""Shape annotations are checked while testing, and only then."""

import os
import shutil

# Before PyTorch is imported, here and in the processes that tests start: its threads wait by spinning, and on a busy
# machine, such as one that runs two test processes, two of them take a hundred times as long as one.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from jaxtyping import install_import_hook

install_import_hook(
    ["losses", "utils.evaluation.alignment", "utils.evaluation.metrics", "utils.geometry", "utils.normalization"],
    "beartype.beartype",
)


@pytest.fixture(scope="session")
def launch():
    """Starts a real browser with some flags, driven by Playwright; it is closed at the end."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs Playwright: pip install playwright")
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        yield lambda *flags: driver.chromium.launch(executable_path=path, args=["--no-sandbox", *flags])


@pytest.fixture(scope="session")
def chromium(launch):
    """A browser in which each test opens pages of its own."""
    browser = launch()
    yield browser
    browser.close()
