"""Servers that fail, seen through a mount: a clear error in a bounded time, never other bytes, and well again after."""

from __future__ import annotations

import errno
import random
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from artfs.objects import RemoteObject
from artfs.objects.cache import Cache
from tests.support.mounts.mounts import wait_until
from tests.support.objects import faults
from tests.support.objects.farstore import FarStore, far_store
from tests.support.objects.servers import SECRET_KEY
from tests.support.objects.web import WebServer, web_server

_TIMEOUT_S = 0.5
_BOUND_S = 10.0
"""Several times what a read may take: the kernel asks twice, and other work goes on on the machine."""
_SAID = {
    "stall": "gave up after",
    "reset": "the connection was",
    "cut": "the answer was cut off",
    "unavailable": "the server answers 503",
    "other_bytes": "is not what the artifact refers to any more",
    "other_range": "the server sends another range",
    "redirect": "is not what the artifact refers to any more",
    "changed": "is not what the artifact refers to any more",
    "gone": "is gone",
}
_DATA = random.Random(1).randbytes(100_000)
_SCHEMES = ("s3", "http")


class _Scene:
    """A mounted version with an object for each scheme and fault, on a server whose faults go by path."""

    def __init__(self, far: FarStore, elsewhere: WebServer) -> None:
        self.mounted = far.mounted
        self.server = far.server
        self.elsewhere = elsewhere
        self.faults: dict[str, faults.Fault] = {}
        self.released = threading.Event()
        self.uris = {f"{each}-{fault}": far.uri(f"{each}-{fault}", each) for each in _SCHEMES for fault in _SAID}
        for name in self.uris:
            self.server.put(f"bucket/{name}", _DATA)
        self._entries = far.refer(self.uris)
        self._cache = far.cache
        self.server.fault = faults.of_path(self.faults)
        self.mounted.mount()

    def break_(self, name: str, fault: str) -> None:
        """Let a fault happen at each request for an object."""
        path = f"/bucket/{name}"
        match fault:
            case "changed":
                self.server.put(f"bucket/{name}", _DATA[::-1])
            case "gone":
                self.server.remove(f"bucket/{name}")
            case "redirect":
                self.elsewhere.objects[f"{path}?token={SECRET_KEY}"] = (_DATA[::-1], 0)
                self.faults[path] = faults.redirect(f"http://localhost:{self.elsewhere.port}{path}?token={SECRET_KEY}")
            case "unavailable":
                self.faults[path] = faults.status(503, "SlowDown", SECRET_KEY)
            case "stall":
                self.faults[path] = faults.stall(self.released)
            case _:
                self.faults[path] = getattr(faults, fault)

    def mend(self, name: str) -> None:
        """Let the object be as it was."""
        self.faults.pop(f"/bucket/{name}", None)
        self.server.put(f"bucket/{name}", _DATA)

    def lines(self, name: str) -> list[str]:
        """Return the lines of the log about an entry."""
        return [line for line in self.mounted.troubles() if f"far:v0/{name}:" in line]

    def is_cached(self, name: str) -> bool:
        """Return whether the cache has anything of an object."""
        remote = RemoteObject(self.uris[name], len(_DATA), self._entries[name].etag)
        with Cache(self._cache) as cache:
            opened = cache.open(remote)
            if opened is not None:
                opened.close()
            return opened is not None


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Scene]:
    """The version in a mount, whose fetcher gives up soon."""
    top = tmp_path_factory.mktemp("faults")
    with (
        far_store(top, timeout_seconds=_TIMEOUT_S) as far,
        web_server(WebServer(conditions=False)) as elsewhere,
    ):
        scene = _Scene(far, elsewhere)
        yield scene
        scene.released.set()


def _read(path: Path) -> bytes | None:
    """Return the bytes of a file; None if the read failed."""
    try:
        return path.read_bytes()
    except OSError:
        return None


@pytest.mark.parametrize("scheme", _SCHEMES)
@pytest.mark.parametrize("fault", _SAID)
def test_a_fault_is_eio_with_a_line_in_the_log_and_nothing_of_it_stays(scene: _Scene, scheme: str, fault: str) -> None:
    name = f"{scheme}-{fault}"
    path = scene.mounted.mountpoint / "far/v0" / name
    scene.break_(name, fault)
    began = time.monotonic()
    with pytest.raises(OSError, match="Input/output error") as caught:
        path.read_bytes()
    assert time.monotonic() - began < _BOUND_S
    assert caught.value.errno == errno.EIO
    lines = wait_until(partial(scene.lines, name))  # by way of the supervisor
    assert len(lines) <= 2  # the kernel reads ahead, and then what the program asked for
    assert all(scene.uris[name] in line and _SAID[fault] in line for line in lines), lines
    assert SECRET_KEY not in "".join(scene.mounted.log())
    assert not scene.is_cached(name)
    scene.mend(name)
    assert wait_until(partial(_read, path)) == _DATA  # a busy machine may need more than the timeout
    assert scene.is_cached(name)


def test_credentials_do_not_follow_a_redirect_to_another_host(scene: _Scene) -> None:
    assert any("authorization" in request.headers for request in scene.server.requests)
    assert scene.elsewhere.requests
    assert not any("authorization" in request.headers for request in scene.elsewhere.requests)
