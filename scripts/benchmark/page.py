"""Rows about `artfs ui`: its start, the documents that take longest, and the layout of a graph in the browser."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.client import HTTPConnection
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from benchmark.errors import BenchError
from benchmark.rows import Comparison, Row
from benchmark.workshop import Workshop

_LAYOUT = Path(__file__).parents[2] / "artfs" / "web" / "client" / "bench" / "layout.js"
_SHAPES = ("chain", "fan-in", "fan-out", "pipeline")
_LAYOUT_MS = 300
_SERVER = ("starlette", "uvicorn")
Ask = Callable[[str], float]
"""Asks a server for a document of the API, and returns the seconds until it is there."""


def rows(shop: Workshop) -> list[Row]:
    """Return the rows about the page."""
    sizes = shop.settings.sizes
    nodes, versions, files = f"{sizes.nodes:,}", f"{sizes.versions:,}", f"{sizes.crowd:,}"
    limits: list[tuple[str, str, Callable[[Workshop], float], float]] = [
        ("ui-start", "`artfs ui` from its start until it has printed the URL", _start, 1.5),
        ("ui-graph", f"the graph of {nodes} versions and runs", _graph, 0.5),
        ("ui-folder", f"the first page of a folder of {files} files", _folder, 1.5),
        ("ui-versions", f"the first page of an artifact of {versions} versions", _versions, 1.5),
        ("ui-versions-change", "the same page after one more was stored", _versions_change, 0.5),
    ]
    missing = [name for name in _SERVER if find_spec(name) is None]
    skipped = f"{' and '.join(missing)} must be installed" if missing else None
    return [
        *(
            Row(name, title, "s", {"artfs": partial(measure, shop)}, (Comparison(at_most=limit),), skipped)
            for name, title, measure, limit in limits
        ),
        Row(
            "graph-layout",
            "layout of a graph for the page of `artfs ui`",
            "ms",
            {shape: partial(_layout, shape) for shape in _SHAPES},
            tuple(Comparison(shape, at_most=_LAYOUT_MS) for shape in _SHAPES),
            None if shutil.which("node") else "node is not installed",
        ),
    ]


def _start(shop: Workshop) -> float:
    store, start = shop.small_store, time.monotonic()
    with _served(shop, store):
        return time.monotonic() - start


def _graph(shop: Workshop) -> float:
    with _served(shop, shop.lineage) as ask:
        return ask("api/graph")


def _folder(shop: Workshop) -> float:
    with _served(shop, shop.crowd) as ask:
        return ask("api/files/crowd:v1")


def _versions(shop: Workshop) -> float:
    with _served(shop, shop.many) as ask:
        return ask("api/artifacts/many")


def _versions_change(shop: Workshop) -> float:
    with _served(shop, shop.many) as ask:
        ask("api/artifacts/many")
        shop.artfs(shop.many, "put", __file__, "-n", "many")
        return ask("api/artifacts/many")


@contextmanager
def _served(shop: Workshop, store: Path) -> Iterator[Ask]:
    """Serve a store in a block, by a process that has just been started: nothing is kept from an earlier request."""
    process = shop.programs.start(
        [*shop.settings.artfs, "--store", store, "ui", "--no-browser"], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    with process.stdout as printed:
        try:
            url = urlsplit(printed.readline().decode().strip())
            if url.port is None:
                raise BenchError("`artfs ui` printed no URL")
            yield partial(_ask, url.port, url.fragment.removeprefix("token="))
        finally:
            process.terminate()
            process.wait()


def _ask(port: int, token: str, document: str) -> float:
    connection, start = HTTPConnection("127.0.0.1", port), time.monotonic()
    connection.request("GET", f"/{document}", headers={"X-Artfs-Token": token})
    answer = connection.getresponse()
    answer.read()
    seconds = time.monotonic() - start
    connection.close()
    if answer.status != 200:
        raise BenchError(f"{document}: `artfs ui` answered {answer.status}")
    return seconds


def _layout(shape: str) -> float:
    done = subprocess.run(["node", str(_LAYOUT), shape], capture_output=True, text=True, check=True)
    return float(done.stdout)
