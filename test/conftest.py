"""Shape annotations are checked while testing, and only then."""

import gc
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


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Marks the tests that start a browser, so that `make test` can leave them to `make test-browser`."""
    for item in items:
        if "launch" in item.fixturenames:
            item.add_marker("browser")


def pytest_collection_finish():
    """Spares the garbage collector from looking through all imported libraries again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def fork_server():
    """A process from which runs of main.py are forked, so that each begins at once."""
    pytest.importorskip("resource", reason="needs a system that forks")
    import faults

    return faults.start_server()


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
