"""Real input for the tests: packages from the registries, fetched and unpacked once for each checkout.

What is fetched lies unpacked under `.cache/testdata/`, one directory for each package and version. A directory appears
there whole or not at all, and a lock on a file beside it makes test processes that want the same one wait for the one
that fetches. Nothing is skipped when a registry does not answer: the caller gets a `FetchError` with the client's own
words. The trees are shared by all tests, so a test that would change one copies it first.
"""

from __future__ import annotations

import fcntl
import os
import shlex
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

__all__ = ["FetchError", "debian_package", "fetched_once", "npm_package", "npm_program", "run_client", "wheel"]

_CACHE = Path(__file__).parents[3] / ".cache" / "testdata"
_CLIENT_TIMEOUT_S = 240


class FetchError(Exception):
    """A package could not be fetched or unpacked; the message has the command and the end of what it said."""


def wheel(name: str, version: str) -> Path:
    """Fetches a wheel with pip and returns the directory that it was unpacked to."""

    def fetch(scratch: Path, tree: Path) -> None:
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--progress-bar=off"]
        run_client([*pip, "--no-deps", "--only-binary=:all:", "--dest", str(scratch), f"{name}=={version}"])
        with zipfile.ZipFile(_only_file(scratch, "*.whl")) as archive:
            archive.extractall(tree)

    return fetched_once(f"{name}-{version}", fetch)


def npm_package(name: str, version: str) -> Path:
    """Fetches an npm package and returns the directory that it was unpacked to."""

    def fetch(scratch: Path, tree: Path) -> None:
        run_client(["npm", "pack", "--silent", "--pack-destination", str(scratch), f"{name}@{version}"])
        tree.mkdir()
        archive = _only_file(scratch, "*.tgz")
        run_client(["tar", "--extract", "--no-same-owner", "--file", str(archive), "--directory", str(tree)])

    return fetched_once(f"{name}-{version}", fetch)


def npm_program(name: str, version: str) -> Path:
    """Installs an npm package with what it needs and returns the directory that has its `node_modules`."""

    def fetch(_scratch: Path, tree: Path) -> None:
        tree.mkdir()
        options = ["--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(tree)]
        run_client(["npm", "install", *options, f"{name}@{version}"])

    return fetched_once(f"npm-{name}-{version}", fetch)


def debian_package(name: str) -> Path:
    """Fetches a Debian package, in this system's version of it, and returns the directory that it was unpacked to."""

    def fetch(scratch: Path, tree: Path) -> None:
        try:
            run_client(["apt-get", "--quiet", "download", name], cwd=scratch)
        except FetchError:
            # The system's package lists are missing or older than what the mirror still has. Lists of our own can be
            # had without being root.
            lists = scratch / "apt"
            (lists / "lists" / "partial").mkdir(parents=True)
            own = [f"-oDir::State::Lists={lists / 'lists'}", f"-oDir::Cache={lists}"]
            run_client(["apt-get", "--quiet", *own, "update"])
            run_client(["apt-get", "--quiet", *own, "download", name], cwd=scratch)
        run_client(["dpkg-deb", "--extract", str(_only_file(scratch, "*.deb")), str(tree)])

    return fetched_once(name, fetch)


def fetched_once(key: str, fetch: Callable[[Path, Path], None], *, cache: Path = _CACHE) -> Path:
    """Returns the directory `key` of the cache, having let `fetch` make it if it was not there.

    Args:
        key: the directory's name.
        fetch: called with an empty directory for its own use and the path of the directory that it is to make.
        cache: the directory that holds them all.

    Raises:
        FetchError: from `fetch`; the next call tries again.
    """
    tree = cache / key
    if not tree.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with _locked(cache / f"{key}.lock"):
            if not tree.exists():
                with tempfile.TemporaryDirectory(dir=cache, prefix=f"{key}.") as name:
                    scratch = Path(name, "scratch")
                    scratch.mkdir()
                    fetch(scratch, Path(name, "tree"))
                    Path(name, "tree").rename(tree)
    return tree


def run_client(command: Sequence[str], *, cwd: Path | None = None) -> None:
    """Runs a registry's client or an unpacker.

    Raises:
        FetchError: it is not installed, failed, or took too long.
    """
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_CLIENT_TIMEOUT_S,
            check=False,
        )
    except FileNotFoundError:
        raise FetchError(f"{command[0]} is not installed; scripts/test installs what the tests need") from None
    except subprocess.TimeoutExpired:
        raise FetchError(f"no end of `{shlex.join(command)}` after {_CLIENT_TIMEOUT_S} s") from None
    if done.returncode:
        said = os.fsdecode(done.stdout).strip()[-2000:]
        raise FetchError(f"`{shlex.join(command)}` failed with status {done.returncode}:\n{said}")


def _only_file(directory: Path, pattern: str) -> Path:
    found = list(directory.glob(pattern))
    if len(found) != 1:
        raise FetchError(f"one {pattern} was to arrive, not {len(found)}")
    return found[0]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
