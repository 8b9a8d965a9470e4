"""The server of `artfs ui`: how it starts, what it prints, how it ends, and what it opens."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from artfs.cli.commands import ui
from artfs.documents.document import Document
from artfs.web.application import API_ROUTES
from artfs.web.server import WebServer
from tests.support.commands import Commands, store_state
from tests.support.visitors import Visitor


@pytest.fixture
def artfs(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Commands:
    """Runs commands on a store with one artifact."""
    commands = Commands(tmp_path / "store", capfdbinary, monkeypatch)
    (tmp_path / "labels.csv").write_text("tom,cat\n")
    commands.done("put", tmp_path / "labels.csv", "-n", "animals")
    return commands


@contextmanager
def _running(artfs: Commands) -> Iterator[tuple[Visitor, subprocess.Popen[bytes]]]:
    """Run `artfs ui` as a process, and find it by the line that it prints."""
    line = artfs.line("ui", "--no-browser")
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=artfs.environment) as process:
        try:
            assert process.stdout is not None
            url, _hash, fragment = process.stdout.readline().decode().strip().partition("#")
            assert url.startswith("http://127.0.0.1:")
            yield Visitor(int(url.rstrip("/").rpartition(":")[2]), fragment.removeprefix("token=")), process
        finally:
            process.kill()


def _interrupt(process: subprocess.Popen[bytes]) -> tuple[int, bytes]:
    process.send_signal(signal.SIGINT)
    _out, err = process.communicate(timeout=20)
    return process.returncode, err


def test_it_answers_until_ctrl_c_beside_others_and_shows_what_is_committed_meanwhile(artfs: Commands) -> None:
    with _running(artfs) as (visitor, process), _running(artfs) as (other, other_process):
        before = visitor.document("/api/state")
        assert before == other.document("/api/state")
        assert artfs.process("alias", "add", "animals:v0", "best").code == 0
        for each in (visitor, other):
            assert each.document("/api/state")["seq"] == before["seq"] + 1
        assert visitor.ask("/api/state", token=other.token).status == 401
        assert _interrupt(process) == (0, b"")
        assert other.document("/api/state")["seq"] == before["seq"] + 1
        assert _interrupt(other_process) == (0, b"")


def test_it_writes_nothing_but_the_lease_of_a_reader(artfs: Commands) -> None:
    before = _but_readers(artfs.store)
    server = WebServer(artfs.store, check=_no_checks)
    visitor = Visitor(server.port, server.token)
    known = {"name": "animals", "ref": "animals", "old": "animals:v0", "new": "animals:v0"}
    routes = [route.format_map(known) for route in API_ROUTES if "{id}" not in route]
    for route in routes:
        path = "?path=labels.csv" if "/preview/" in route else ""
        assert visitor.ask(f"{route}{path}").status == 200, route
    assert len(routes) == len(API_ROUTES) - 2  # what is of one run
    assert server.close()
    assert _but_readers(artfs.store) == before


def _but_readers(store: Path) -> dict[str, bytes]:
    return {path: data for path, data in store_state(store).items() if not path.startswith("readers")}


def test_a_request_that_goes_on_is_not_waited_for_for_long(artfs: Commands) -> None:
    with _running(artfs) as (visitor, process), socket.create_connection(("127.0.0.1", visitor.port)) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n")  # and no more
        visitor.document("/api/state")
        assert _interrupt(process) == (0, b"")


def test_a_port_that_is_in_use_is_named(artfs: Commands) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        message = artfs("ui", "--no-browser", "--port", str(port)).failed(2)
    assert message == f"port {port} is in use: give another with --port, or leave it out for one that is free"


def test_without_its_libraries_one_line_says_what_to_install(artfs: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ui, "find_spec", lambda name: None if name == "uvicorn" else object())
    message = artfs("ui").failed(2)
    assert message == "uvicorn must be installed for this: `pip install 'artfs[ui]'`"


def test_where_there_is_no_store_it_says_so_and_makes_none(artfs: Commands, tmp_path: Path) -> None:
    assert "there is no store at" in artfs("ui", "--no-browser", "--store", str(tmp_path / "none")).failed(6)
    assert not (tmp_path / "none").exists()


def test_a_store_whose_index_was_made_again_or_that_was_away_is_opened_again(artfs: Commands) -> None:
    server = WebServer(artfs.store, check=_no_checks)
    visitor = Visitor(server.port, server.token)
    try:
        state = visitor.document("/api/state")
        moved = artfs.store.rename(artfs.store.with_name("moved"))
        gone = visitor.refused("/api/state", 503)
        assert (gone["kind"], gone["exit_code"]) == ("store_not_found", 6)
        shutil.copytree(moved / "index", moved / "index-2")
        shutil.rmtree(moved / "index")
        (moved / "index-2").rename(moved / "index")
        moved.rename(artfs.store)
        assert visitor.document("/api/state") == state
    finally:
        assert server.close()


def test_what_is_wrong_with_a_request_is_a_document_as_the_command_line_has_it(visitor: Visitor) -> None:
    assert visitor.refused("/api/nothing", 404)["kind"] == "not_found"


def _no_checks() -> Document:
    return {"well": True, "checks": []}


def test_where_the_page_is_not_built_the_start_page_says_so_and_else_it_is_the_page(
    visitor: Visitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("artfs.web.pages._DIRECTORY", tmp_path)
    reply = visitor.ask("/", token=None)
    assert (reply.status, reply.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert b"The page is not built" in reply.body
    (tmp_path / "index.html").write_text("<title>built</title>")
    (tmp_path / "app.js").write_text("1")
    assert visitor.ask("/", token=None).body == b"<title>built</title>"
    script = visitor.ask("/static/app.js", token=None)
    assert (script.body, script.headers["Content-Type"]) == (b"1", "text/javascript; charset=utf-8")
