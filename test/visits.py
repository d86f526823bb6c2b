"""The page in web/ as tests visit it: served on this machine, opened in a real browser."""

import json
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SAMPLE = Path(__file__).with_name("input_sample.png")
WAIT_MS = 60_000


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


class Server(ThreadingHTTPServer):
    """Serves a folder on the loopback interface at `address`, as `python -m http.server` does."""

    daemon_threads = True

    def __init__(self, folder, port=0):
        super().__init__(("127.0.0.1", port), partial(QuietHandler, directory=str(folder)))
        self.address = f"http://127.0.0.1:{self.server_address[1]}/"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        """Browsers end connections whenever they like."""

    def end(self):
        self.shutdown()
        self.server_close()


class Page:
    """A page that is ready, and all that it has asked of any network."""

    def __init__(self, browser, address, script="", **options):
        self.context = browser.new_context(accept_downloads=True, **options)
        self.requests, self.errors = [], []
        self.context.on("request", lambda request: self.requests.append(request.url))
        self.context.on("weberror", lambda error: self.errors.append(str(error.error)))
        if script:
            self.context.add_init_script(script)
        self.page = self.context.new_page()
        self.page.goto(address)

    def ready(self):
        self.page.wait_for_selector("html[data-ready]", timeout=WAIT_MS)
        return self

    def open(self, path, frames=1):
        """Opens a file, as by its button; returns the first frame's people."""
        self.page.evaluate("() => { if (page.state.source) page.state.source.isOld = true; }")
        self.page.set_input_files("#file", path)
        return self.people(frames)

    def open_sample(self):
        """Opens the sample, unless it is open."""
        if self.page.evaluate("page.state.source?.name") != SAMPLE.name or self.problem():
            self.open(SAMPLE)

    def people(self, frames=1):
        """The first frame's people, once so many frames have been lifted."""
        has_come = "page.state.source && !page.state.source.isOld && page.state.frames.length >= arg"
        self.until(f"({has_come}) || problem.textContent", frames)
        assert self.problem() == ""
        return json.loads(self.page.evaluate("JSON.stringify(page.state.frames[0].people)"))

    def until(self, condition, arg=None):
        """Waits for a JavaScript expression to become true, in which `arg` may occur."""
        self.page.wait_for_function(f"arg => {condition}", arg=arg, timeout=WAIT_MS)

    def problem(self):
        return self.page.inner_text("#problem")

    def refusal(self, path):
        """What the page says of a file that it cannot use."""
        self.page.evaluate("() => { problem.textContent = ''; }")
        self.page.set_input_files("#file", path)
        self.until("problem.textContent")
        return self.problem()

    def saved(self, kind):
        with self.page.expect_download() as download:
            self.page.click(f"#saves button:text-is('{kind}')")
        return download.value.suggested_filename, Path(download.value.path()).read_bytes()
