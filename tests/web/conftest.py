"""A store with something of everything, and a server of it in this process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from artfs.api import store_pool
from artfs.web.server import WebServer
from tests.support.data.shown import make_shown_store
from tests.support.visitors import Visitor


@pytest.fixture(scope="session")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that no test changes."""
    made = tmp_path_factory.mktemp("shown")
    work = made / "work"
    work.mkdir()
    return make_shown_store(made / "store", work)


@pytest.fixture(scope="module")
def visitor(shown: Path) -> Iterator[Visitor]:
    """Asks a server of that store, which allows the host `hub.example.org` too."""
    server = WebServer(shown, hosts=["hub.example.org"], check=lambda: {"well": True, "checks": []})
    visitor = Visitor(server.port, server.token)
    try:
        # What is opened when it is first needed is no leak of a test: an event loop, files of the store.
        visitor.document("/api/state")
        with server.store.use() as store:
            store_pool.shared_store(store)
        yield visitor
    finally:
        assert server.close()
