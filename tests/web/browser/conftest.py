"""A browser, a store of everything that pages show, and `artfs ui` on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.support.browser.serving import served
from tests.support.browser.visit import Visit, open_browser
from tests.support.data.gallery import make_gallery


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser; while it is open this thread has an event loop that runs, and other tests want one of their own."""
    with open_browser() as opened:
        yield opened


@pytest.fixture(scope="session")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that no test changes."""
    made = tmp_path_factory.mktemp("gallery")
    (made / "work").mkdir()
    return make_gallery(made / "store", made / "work")


@pytest.fixture(scope="session")
def gallery_url(gallery: Path) -> Iterator[str]:
    with served(gallery) as server:
        yield server.url


@pytest.fixture
def visit_at(browser: Browser) -> Iterator[Callable[..., Visit]]:
    """Visits servers by their URLs; when the test ends, nothing may have gone wrong in a page."""
    visits: list[Visit] = []

    def open_visit(url: str, *, width: int = 1440, colours: str = "light") -> Visit:
        visits.append(Visit(browser, url, width=width, colours=colours))
        return visits[-1]

    yield open_visit
    for each in visits:
        each.close()


@pytest.fixture
def visit(visit_at: Callable[..., Visit], gallery_url: str) -> Visit:
    """A visit of the store that no test changes."""
    return visit_at(gallery_url)
