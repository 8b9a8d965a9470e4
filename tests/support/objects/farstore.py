"""A mounted store whose files are on a web server of the test's process, and readers who hold each byte against it."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

import artfs
from artfs.api.artifact.manifest_entry import ManifestEntry
from artfs.objects.cache.eviction import cached_files, exclusively
from tests.support.mounts.mountedstore import MountedStore
from tests.support.objects import sources
from tests.support.objects.servers import SECRET_KEY
from tests.support.objects.web import WebServer, web_server

__all__ = ["FarStore", "far_store", "fetcher_of", "read_by_many", "read_files"]

_PORTION = 128 << 10


@dataclass(frozen=True, slots=True)
class FarStore:
    """A store, a mount of it with a cache of its own, and a server.

    Attributes:
        server: It speaks S3 too, without a list of objects.
        mounted: The store, which is mounted when `mount` is called.
        cache: The directory of the cache.
    """

    server: WebServer
    mounted: MountedStore
    cache: Path

    def uri(self, name: str, scheme: str = "http") -> str:
        """Return the URI of an object by a scheme."""
        return f"s3://bucket/{name}" if scheme == "s3" else self.server.url(f"bucket/{name}")

    def refer(self, uris: Mapping[str, str]) -> dict[str, ManifestEntry]:
        """Log `far:v0` with references by name, and return them."""
        artifact = artfs.Artifact("far", store=self.mounted.store)
        entries = {name: artifact.add_reference(uri, name=name)[0] for name, uri in uris.items()}
        artifact.save()
        artifact.store.close()
        return entries

    def mount(self, contents: Mapping[str, bytes]) -> Path:
        """Put objects on the server, log references to them, and return the directory that has them in the mount."""
        for name, data in contents.items():
            self.server.put(f"bucket/{name}", data)
        self.refer({name: self.uri(name) for name in contents})
        return self.mounted.mount() / "far/v0"


@contextmanager
def far_store(top: Path, *, cache_size: int | None = None, timeout_seconds: float | None = None) -> Iterator[FarStore]:
    """Make a store and a server, and have programs of this block reach it as their user would.

    Args:
        top: An empty directory.
        cache_size: What the user's configuration says of it, in bytes.
        timeout_seconds: After how long a read fails.
    """
    with pytest.MonkeyPatch.context() as patch, web_server(WebServer()) as server, MountedStore(top) as mounted:
        (top / ".netrc").write_text(f"machine 127.0.0.1 login ann password {SECRET_KEY}\n")
        (top / ".netrc").chmod(0o600)
        variables = sources.s3_environment(f"http://127.0.0.1:{server.port}", top)
        variables |= {"ARTFS_CACHE": str(top / "cache"), "ARTFS_CONFIG": str(top / "config.toml")}
        if cache_size is not None:
            (top / "config.toml").write_text(f"[cache]\nsize = {cache_size}\n")
        if timeout_seconds is not None:
            variables["ARTFS_FETCHER_TIMEOUT_SECONDS"] = str(timeout_seconds)
        for name, value in variables.items():
            patch.setenv(name, value)
        yield FarStore(server, mounted, top / "cache")


def read_files(top: Path, contents: Mapping[str, bytes], names: Iterable[str]) -> list[str]:
    """Read files whole and past the kernel's cache; return a line for each that failed or had other bytes."""
    wrong = []
    for name in names:
        try:
            with (top / name).open("rb", buffering=0) as file:
                data = b"".join(iter(partial(file.read, _PORTION), b""))
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        except OSError as error:
            wrong.append(f"{name}: {error.strerror}")
        else:
            if data != contents[name]:
                wrong.append(f"{name}: other bytes")
    return wrong


def read_by_many(
    cache: Path, top: Path, contents: Mapping[str, bytes], *, readers: int, times: int
) -> tuple[list[str], int]:
    """Let threads share out the files of a mount among them, in another order each time.

    Args:
        cache: The directory of the cache that they are read through.
        top: Where the files are in the mount.
        contents: What is in them.
        readers: Threads.
        times: How often each file is read.

    Returns:
        What was wrong, as `read_files` has it, and the most bytes that the cache took meanwhile.
    """
    ended = threading.Event()
    names = [name for number in range(times) for name in random.Random(number).sample(sorted(contents), len(contents))]
    with ThreadPoolExecutor(readers + 1) as pool:
        most = pool.submit(_most_room, cache, ended)
        try:
            parts = pool.map(lambda number: read_files(top, contents, names[number::readers]), range(readers))
            wrong = [line for part in parts for line in part]
        finally:
            ended.set()
        return wrong, most.result()


def _most_room(cache: Path, ended: threading.Event) -> int:
    """Look again and again at what objects take in a cache, until an event is set; return the most."""
    most = 0
    while not ended.wait(0.005):
        if (cache / "objects").exists():
            with exclusively(cache / "evict.lock"):  # nothing leaves it while it is counted
                most = max(most, sum(file.room for file in cached_files(cache / "objects")))
    return most


def fetcher_of(cache: Path) -> int:
    """Return the process that is the fetcher of a cache, which has its lock; 0 if there is none."""
    inodes = {path.stat().st_ino for path in cache.glob("fetcher-*.lock")}
    for line in Path("/proc/locks").read_text().splitlines():
        fields = line.split()
        if fields[1] == "FLOCK" and int(fields[-3].rpartition(":")[2]) in inodes:
            return int(fields[-4])
    return 0
