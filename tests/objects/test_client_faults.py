"""Servers that fail: each request ends in a bounded time, and its error says what happened and holds no secret."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from artfs.errors import InvalidInputError, ReferenceChangedError, ReferenceGoneError, SourceError
from artfs.format.digest import Data
from artfs.objects import RemoteObject, TransientError
from artfs.objects.client import Client
from artfs.objects.settings import load_settings
from tests.support.objects import faults, sources
from tests.support.objects.servers import SECRET_KEY
from tests.support.objects.web import WebServer, web_server

_DATA = bytes(range(256)) * 40
_Result = TypeVar("_Result")


class _Case:
    """An object on a server that may fail, as a URI of one scheme."""

    def __init__(self, server: WebServer, scheme: str, home: Path) -> None:
        self.server = server
        self.variables = sources.s3_environment(f"http://127.0.0.1:{server.port}", home)
        server.put("bucket/key", _DATA)
        self.uri = "s3://bucket/key" if scheme == "s3" else server.url("bucket/key")
        self.remote = self.found()

    def found(self) -> RemoteObject:
        return self.with_client(self._found)

    async def _found(self, client: Client) -> RemoteObject:
        ((found,),) = [page async for page in client.find(self.uri, checksum=True)]
        return found.object

    def get(self, start: int = 0, end: int = len(_DATA)) -> Data:
        return self.with_client(lambda client: client.get(self.remote, start, end))

    def with_client(self, work: Callable[[Client], Coroutine[Any, Any, _Result]]) -> _Result:
        async def run() -> _Result:
            client = Client(load_settings(self.variables), self.variables)
            try:
                return await work(client)
            finally:
                await client.close()

        return asyncio.run(run())


@pytest.fixture(params=["s3", "http"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[_Case]:
    with web_server(WebServer()) as server:
        yield _Case(server, request.param, tmp_path)


@pytest.mark.parametrize(
    "fault", [faults.status(503, "SlowDown", SECRET_KEY), faults.status(429), faults.cut, faults.reset]
)
def test_what_may_pass_is_told_from_what_is_final(case: _Case, fault: faults.Fault) -> None:
    asked = len(case.server.requests)
    case.server.fault = fault
    with pytest.raises(TransientError) as caught:
        case.get()
    assert len(case.server.requests) - asked == 1  # it is the fetcher that asks again
    assert SECRET_KEY not in str(caught.value)
    case.server.fault = faults.healthy
    assert case.get() == _DATA


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (403, "AccessDenied", SourceError),
        (401, "", SourceError),
        (404, "NoSuchKey", ReferenceGoneError),
        (404, "NoSuchBucket", SourceError),
        (400, "AuthorizationHeaderMalformed", SourceError),
    ],
)
def test_a_refusal_is_final_and_says_the_status_and_nothing_of_the_body(
    case: _Case, status: int, code: str, error: type[SourceError]
) -> None:
    case.server.fault = faults.status(status, code, SECRET_KEY)
    with pytest.raises(error) as caught:
        case.get()
    assert not isinstance(caught.value, TransientError)
    assert SECRET_KEY not in str(caught.value)
    assert case.uri in str(caught.value)


def test_a_server_that_stalls_is_given_up_in_a_bounded_time(case: _Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("artfs.objects.client.connections.STALLED_S", 0.3)
    monkeypatch.setattr("artfs.objects.client.web_connections.STALLED_S", 0.3)
    released = threading.Event()
    case.server.fault = faults.stall(released)
    try:
        with pytest.raises(TransientError):
            case.get()
    finally:
        released.set()


def test_an_object_in_another_state_is_refused_also_by_a_server_that_heeds_no_condition(case: _Case) -> None:
    case.server.conditions = False
    case.server.put("bucket/key", _DATA[::-1])
    with pytest.raises(ReferenceChangedError):
        case.get()


def test_a_redirect_to_another_host_is_followed_without_credentials(tmp_path: Path) -> None:
    with web_server(WebServer()) as target, web_server(WebServer()) as server:
        (tmp_path / ".netrc").write_text(f"machine 127.0.0.1 login ann password {SECRET_KEY}\n")
        (tmp_path / ".netrc").chmod(0o600)
        case = _Case(server, "http", tmp_path)
        target.put("bucket/key", _DATA)

        server.fault = faults.redirect(f"http://localhost:{target.port}/bucket/key?X-Amz-Signature={SECRET_KEY}")
        target.objects[f"/bucket/key?X-Amz-Signature={SECRET_KEY}"] = target.objects["/bucket/key"]
        assert case.get() == _DATA
        assert "authorization" in server.requests[-1].headers
        assert "authorization" not in target.requests[-1].headers
        target.objects.clear()
        with pytest.raises(ReferenceGoneError) as caught:
            case.get()
        assert SECRET_KEY not in str(caught.value)
        server.fault = faults.redirect("/bucket/key")
        with pytest.raises(SourceError, match="redirected more than"):
            case.get()


def test_a_server_that_tells_no_length_is_read_once_for_the_size_and_its_growth_is_noticed(tmp_path: Path) -> None:
    with web_server(WebServer(etags="none", modified=False, ranges=False, lengths=False)) as server:
        case = _Case(server, "http", tmp_path)
        assert case.remote.size == len(_DATA)
        assert case.get(100, 200) == _DATA[100:200]
        assert case.get() == _DATA
        server.put("bucket/key", _DATA + b"more")
        with pytest.raises(ReferenceChangedError):
            case.get(100)


def test_a_server_without_ranges_is_asked_once_for_one_pass(tmp_path: Path) -> None:
    with web_server(WebServer(ranges=False)) as server:
        case = _Case(server, "http", tmp_path)
        server.requests.clear()

        async def in_portions(client: Client) -> bytes:
            read = [await client.get(case.remote, at, at + 1024) for at in range(0, len(_DATA), 1024)]
            return b"".join(read)

        assert case.with_client(in_portions) == _DATA
        assert len(server.requests) == 1


def test_a_query_is_part_of_the_url_and_a_name_is_unescaped(tmp_path: Path) -> None:
    with web_server(WebServer()) as server:
        server.objects["/a%20b?download=1"] = (_DATA, 0)
        case = _Case(server, "http", tmp_path)
        case.uri = f"HTTP://127.0.0.1:{server.port}/a%20b?download=1#part"
        case.remote = case.found()
        assert case.get(1, 3) == _DATA[1:3]
        assert case.remote.uri == f"http://127.0.0.1:{server.port}/a%20b?download=1"


@pytest.mark.parametrize("uri", ["s3://", "s3:bucket/key", "gs:///key", "https:///x", "az://"])
def test_a_uri_without_bucket_or_host_is_refused_with_the_form(uri: str, tmp_path: Path) -> None:
    with web_server(WebServer()) as server:
        case = _Case(server, "http", tmp_path)
        case.uri = uri
        with pytest.raises(InvalidInputError, match="names no server: write"):
            case.found()


def test_without_obstore_one_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with web_server(WebServer()) as server:
        case = _Case(server, "http", tmp_path)
        monkeypatch.setitem(sys.modules, "obstore", None)
        assert case.get() == _DATA  # the web needs none
        case.uri = "s3://bucket/key"
        with pytest.raises(SourceError, match=r"pip install 'artfs\[objects\]'"):
            case.found()
