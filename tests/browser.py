"""A real headless Chromium for tests of pages, skipped where there is none.

``pytest_plugins = ["browser"]`` in a test file gives its fixture ``visit``::

    def test_page(visit, tmp_path):
        page = visit(tmp_path / "page.html", width=390, dark=True)
        page.click("text=Scores")
        assert page.outside == [] and page.alarms == [] and page.overflow() == 0
"""

import shutil
import time
from pathlib import Path

import pytest

ARGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --mute-audio "
    "--disable-background-networking --disable-component-update --disable-sync"
).split()
LOCAL = ("file:", "data:", "blob:", "about:")
HANGS = 120  # seconds after which a page is said to hang, on a busy machine, too
# Pixels by which a page can be scrolled sideways.
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def chromium_path():
    """Return where Chromium is, or None."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="module")  # an event loop is in the way of others' while it runs
def chromium():
    """Return a running browser, as Playwright has it."""
    sync_api = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed"
    )
    path = chromium_path()
    if path is None:
        pytest.skip("chromium is not installed")
    with sync_api.sync_playwright() as playwright:
        # Names of other machines lead nowhere, so that nothing can wait for them.
        args = [*ARGS, "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost"]
        browser = playwright.chromium.launch(
            executable_path=path, args=args, timeout=1000 * HANGS
        )
        yield browser
        browser.close()


class Page:
    """A page of Playwright, whose methods it has, that tells what happened on it.

    Attributes
    ----------
    requests : list of str
        The addresses of all that was loaded, the page first.
    alarms : list of str
        Errors of scripts, messages of the console's levels "error" and "warning" (such
        as what a Content-Security-Policy forbids), and dialogs, which are dismissed.
    """

    def __init__(self, page):
        self.page = page
        self.requests, self.alarms = [], []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.alarms.append(f"error: {error}"))
        page.on("console", self._hear)
        page.on("dialog", self._dismiss)

    def __getattr__(self, name):
        return getattr(self.page, name)

    @property
    def outside(self):
        """The addresses that are not on this machine."""
        return [url for url in self.requests if not url.startswith(LOCAL)]

    def until(self, expression):
        """Wait until an expression of the page's is true."""
        # Playwright's wait_for_function is stopped by a Content-Security-Policy.
        end = time.monotonic() + HANGS
        while not self.page.evaluate(expression):
            assert time.monotonic() < end, f"{expression} is not true"
            self.page.wait_for_timeout(20)

    def overflow(self):
        """Return by how many pixels the page can be scrolled sideways."""
        return self.page.evaluate(OVERFLOW)

    def focused(self):
        """Return the text, or else the label, of what has the focus."""
        return self.page.evaluate(
            "document.activeElement.getAttribute('aria-label') "
            "|| document.activeElement.textContent.trim()"
        )

    def _hear(self, message):
        if message.type in ("error", "warning"):
            self.alarms.append(f"{message.type}: {message.text}")

    def _dismiss(self, dialog):
        self.alarms.append(f"dialog: {dialog.message}")
        dialog.dismiss()


@pytest.fixture
def visit(chromium):
    """Return a function that opens a file or an address in a window of its own.

    It takes the width and height in pixels, whether the reader prefers dark pages, and
    options of Playwright's ``new_context``.
    """
    contexts = []

    def open_page(target, *, width=1400, height=900, dark=False, **options):
        size = {"width": width, "height": height}
        scheme = "dark" if dark else "light"
        context = chromium.new_context(viewport=size, color_scheme=scheme, **options)
        contexts.append(context)
        context.set_default_timeout(1000 * HANGS)
        page = Page(context.new_page())
        is_address = isinstance(target, str) and "://" in target
        page.goto(target if is_address else Path(target).resolve().as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
