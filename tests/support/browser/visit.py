"""A real browser that looks at a server of `artfs ui`, headless."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

__all__ = ["Visit", "open_browser"]

_WIDTH, _HEIGHT = 1440, 860


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Start Chromium, the system's."""
    with sync_playwright() as playwright:
        # Root, as tests run in containers, has no sandbox; what is shown is the tests' own.
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        try:
            yield browser
        finally:
            browser.close()


class Visit:
    """One page of a browser on a server, which notes what goes wrong in it.

    Args:
        browser: The browser.
        url: What `artfs ui` printed: it has the token.
        width: Of the window.
        colours: "light" or "dark".

    Attributes:
        page: The page.
        errors: Errors of scripts, and messages of the browser that a policy was violated.
        foreign: URLs of other hosts that were asked for.
    """

    def __init__(self, browser: Browser, url: str, *, width: int = _WIDTH, colours: Any = "light") -> None:
        self.base, _hash, self._token = url.partition("#")
        self.context: BrowserContext = browser.new_context(
            viewport={"width": width, "height": _HEIGHT}, color_scheme=colours, accept_downloads=True
        )
        self.context.set_default_timeout(20_000)
        self.errors: list[str] = []
        self.foreign: list[str] = []
        self.page = self.watch(self.context.new_page())

    def watch(self, page: Page) -> Page:
        """Note what goes wrong in a page."""
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda message: self._heard(message.text) if message.type == "error" else None)
        page.on("request", lambda request: self._asked(request.url))
        return page

    def _heard(self, text: str) -> None:
        if "Failed to load resource" not in text:  # an answer that is an error is shown on the page
            self.errors.append(text)

    def _asked(self, url: str) -> None:
        if not url.startswith((self.base, "blob:", "data:")):
            self.foreign.append(url)

    def go(self, route: str) -> Page:
        """Go to a route, the first time by the URL with the token."""
        if self.page.url == "about:blank":
            self.page.goto(f"{self.base}#{self._token}/{route.removeprefix('#/')}")
        else:
            self.page.evaluate("route => { location.hash = route; }", route)
        self.settle()
        return self.page

    def settle(self) -> None:
        """Wait until nothing on the page is being read any more."""
        self.page.wait_for_function(
            "() => document.querySelector('main') && !document.querySelector('.loading')"
            " && !document.body.innerText.includes('Reading…')"
            " && [...document.images].every((image) => image.complete || image.loading === 'lazy')"
        )

    def close(self) -> None:
        """Close the page; nothing may have gone wrong in it."""
        self.context.close()
        assert self.errors == []
        assert self.foreign == []
