"""References to objects elsewhere through a mount, `warm` and `cache`."""

from __future__ import annotations

import errno
import random
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.support.commands import Commands
from tests.support.objects.web import Request, WebServer, web_server

_LARGE = random.Random(1).randbytes(6 << 20)
_SMALL = _LARGE[:40_000]


@pytest.fixture
def server(artfs: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    """A web server with what `far:v0` refers to: `large`, `small` and `other`."""
    monkeypatch.setenv("ARTFS_CACHE", str(tmp_path / "cache"))
    artfs.environment["ARTFS_CACHE"] = str(tmp_path / "cache")
    with web_server(WebServer()) as server:
        for name, data in (("large", _LARGE), ("small", _SMALL), ("other", _SMALL)):
            server.put(name, data)
        references = [word for name in ("large", "small", "other") for word in ("--ref", server.url(name))]
        artfs.done("put", *references, "-n", "far")
        server.requests.clear()
        yield server


@pytest.fixture
def mounted(artfs: Commands, server: WebServer, tmp_path: Path) -> Iterator[Path]:
    """The version in a mount."""
    assert server.objects
    place = tmp_path / "art"
    place.mkdir()
    ended = artfs.process("mount", place)
    assert (ended.code, ended.err) == (0, b""), ended
    yield place / "far/v0"
    artfs.process("umount", "--lazy", place)


def test_a_mount_reads_by_range_and_what_was_read_is_cached_for_all(
    artfs: Commands, server: WebServer, mounted: Path
) -> None:
    with (mounted / "large").open("rb") as file:
        file.seek(5 << 20)
        assert file.read(100) == _LARGE[5 << 20 : (5 << 20) + 100]
    assert (mounted / "small").read_bytes() == _SMALL
    assert (mounted / "large").read_bytes() == _LARGE
    asked = _ranges(server)
    assert len(asked) < 20
    assert artfs.done("cat", "far/large").out == _LARGE
    assert artfs.done("cat", "far/small").out == _SMALL
    assert _ranges(server) == asked
    shown = artfs.done("cache", "show", "--json").json
    info = artfs.done("info", "--json").json["cache"]
    assert {key: info[key] for key in ("directory", "hits", "requests")}.items() <= shown.items()
    assert shown["used"] <= info["used"] < 2 * len(_LARGE) < info["size"]
    assert f"; {info['hits']:,} reads from it, {len(asked)} requests to servers" in artfs.done("info").text
    assert shown["objects"] == 2
    assert shown["requests"] == len(asked)
    assert shown["fetched_bytes"] >= len(_LARGE) + len(_SMALL)
    assert shown["hits"] > 0


def test_what_changed_or_is_gone_is_an_error_with_a_line_in_the_log(
    artfs: Commands, server: WebServer, mounted: Path
) -> None:
    server.put("small", _SMALL[::-1])
    server.remove("other")
    for name in ("small", "other"):
        with pytest.raises(OSError, match="Input/output error") as caught:
            (mounted / name).read_bytes()
        assert caught.value.errno == errno.EIO
    (log,) = (artfs.store / "logs").glob("*.log")
    lines = log.read_text().splitlines()
    for name in ("small", "other"):
        assert any(f"far:v0/{name}" in line and server.url(name) in line for line in lines), lines
    assert artfs.done("cache", "show", "--json").json["objects"] == 0


def test_warm_fetches_references_and_keeps_them_and_they_are_read_without_the_server(
    artfs: Commands, server: WebServer
) -> None:
    size = len(_LARGE) + 2 * len(_SMALL)
    assert artfs.done("warm", "far", "--keep", "--json").json["fetched"] == size
    assert "6.1 MiB of its references are in the cache" in artfs.done("warm", "far").text
    server.fault = _fail
    for name, data in (("large", _LARGE), ("small", _SMALL), ("other", _SMALL)):
        assert artfs.done("cat", f"far/{name}").out == data
    assert artfs.done("cache", "show", "--json").json["kept"] == 3
    assert artfs.done("cache", "clear").text == "freed 0 B"
    assert artfs.done("cat", "far/small").out == _SMALL
    artfs.done("warm", "far", "--no-keep")
    assert artfs.done("cache", "clear", "--json").json["freed"] >= size
    shown = artfs.done("cache", "show").text
    assert "0, 0 of them kept" in shown


def test_a_store_without_references_starts_no_fetcher_and_makes_no_cache(
    artfs: Commands, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARTFS_CACHE", str(tmp_path / "cache"))
    artfs.done("put", images, "-n", "animals")
    artfs.done("cat", "animals/labels.csv")
    artfs.done("warm", "animals")
    assert artfs.done("info", "--json").json["cache"] is None
    assert "cache:" not in artfs.done("info").text
    assert not (tmp_path / "cache").exists()


def test_info_tells_of_a_cache_that_cannot_be_used_and_of_the_store_all_the_same(
    artfs: Commands, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARTFS_CACHE", str(tmp_path / "cache"))
    artfs.done("put", images, "-n", "animals")
    artfs.done("cache", "show")
    (tmp_path / "config.toml").write_text("[cache]\nsize = 'plenty'\n")
    told = artfs.noted("info")
    assert b"'plenty' is no size" in told.err
    assert "artifacts: 1" in told.lines
    assert "cache:" not in told.text


def _fail(handler: BaseHTTPRequestHandler, _request: Request) -> bool:
    handler.send_error(500)
    return True


def _ranges(server: WebServer) -> list[tuple[str, str]]:
    """Return what was asked for so far."""
    headers = [(request.path, request.headers) for request in server.requests if request.method == "GET"]
    return [(path, {name.lower(): value for name, value in given.items()}.get("range", "")) for path, given in headers]
