"""A store whose drafts are mounted, as tests of the staging mount see it."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from artfs.catalog import NewVersion
from artfs.fuse import unmount
from artfs.mountinfo import MountInfo, find_mount
from artfs.names import parse_artifact_name
from artfs.store import open_store
from tests.support.mounts.mounts import ROOT, children, is_alive, troubles_of, wait_until

__all__ = ["StagedStore"]

_ENDED = ("committed", "failed")


class StagedStore:
    """A store and where its drafts are mounted, gone when the context is left.

    Attributes:
        top: A directory for all of it.
        store: The store's directory.
        mountpoint: Where `mount` mounts the drafts.
    """

    def __init__(self, top: Path) -> None:
        self.top = top
        self.store = top / "store"
        self.mountpoint = top / "stage"
        self.mountpoint.mkdir()
        open_store(self.store, create=True).close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if find_mount(os.fspath(self.mountpoint)) is not None:
                self.umount()
        finally:
            while (mount := find_mount(os.fspath(self.mountpoint))) is not None:
                if mount.pid is not None:
                    os.kill(mount.pid, signal.SIGKILL)
                subprocess.run(["umount", "-l", self.mountpoint], check=True)

    # ------------------------------------------------------------------------------------------------- the mount

    def try_mount(self, *kernel: str, at: Path | None = None, **options: bool | int) -> tuple[int, str]:
        """Mount the drafts, as an older kernel would have it if `kernel` says so; exit code and error."""
        command = [
            sys.executable,
            "-m",
            "tests.support.programs.stage_mount",
            str(self.store),
            str(at or self.mountpoint),
        ]
        ended = subprocess.run(
            [*command, json.dumps(options), *kernel], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
        )
        assert ended.stderr == ""
        return ended.returncode, ended.stdout.strip()

    def mount(self, *kernel: str, **options: bool | int) -> Path:
        """Mount the drafts; where."""
        ended = self.try_mount(*kernel, at=None, **options)
        assert ended == (0, ""), ended
        return self.mountpoint

    def umount(self) -> None:
        """Unmount them; no process is left."""
        family = [self.supervisor, *children(self.supervisor)]
        unmount(self.mountpoint)
        wait_until(lambda: not any(is_alive(pid) for pid in family))

    @property
    def info(self) -> MountInfo:
        """What the kernel's table says of the mount."""
        found = find_mount(os.fspath(self.mountpoint))
        assert found is not None
        return found

    @property
    def supervisor(self) -> int:
        """Its process id."""
        pid = self.info.pid
        assert pid is not None
        return pid

    @property
    def server(self) -> int:
        """The process id of the one that answers requests."""
        return self._process("artfs-staging")

    @property
    def storer(self) -> int:
        """The process id of the one that stores."""
        return self._process("artfs-storer")

    def _process(self, name: str) -> int:
        def find() -> int:
            for child in children(self.supervisor):
                try:
                    if Path(f"/proc/{child}/comm").read_text().strip() == name:
                        return child
                except OSError:
                    continue
            return 0

        return wait_until(find)

    def kill(self, victim: Callable[[], int]) -> None:
        """Kill a process, and wait for its successor."""
        pid = victim()
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not is_alive(pid))
        assert victim() != pid

    def log(self) -> str:
        """All that was logged."""
        return "".join(path.read_text() for path in sorted((self.store / "logs").glob("*.log*")))

    def troubles(self) -> list[str]:
        """What was logged that is worse than information."""
        return troubles_of(self.log().splitlines())

    # ------------------------------------------------------------------------------------------------- drafts

    def stage(self, artifact: str, **request: object) -> Path:
        """Open a draft; its directory."""
        self.write("stage", {"artifact": artifact, **request})
        reply = json.loads(self.read("stage"))
        return self.mountpoint / str(reply["name"])

    def read(self, name: str) -> bytes:
        """Read a control file of the mount."""
        return (self.mountpoint / ".artfs" / name).read_bytes()

    def write(self, name: str, request: dict[str, object]) -> None:
        """Write to a control file of the mount."""
        (self.mountpoint / ".artfs" / name).write_bytes(json.dumps(request).encode())

    def ask(self, draft: Path, mark: str = "", **request: object) -> str:
        """Ask for a commit; its token."""
        token = mark or secrets.token_hex(8)
        (draft / ".artfs/commit").write_bytes(json.dumps({"token": token, **request}).encode())
        return token

    def result(self, draft: Path, token: str) -> dict[str, Any]:
        """What `result` says of a commit."""
        found = [result for result in json.loads((draft / ".artfs/result").read_bytes()) if result["token"] == token]
        return dict(found[-1])

    def ended(self, draft: Path, token: str) -> dict[str, Any]:
        """Wait for a commit to end."""
        wait_until(lambda: self.result(draft, token)["state"] in _ENDED, 60.0)
        return self.result(draft, token)

    def commit(self, draft: Path, **request: object) -> str:
        """Commit a draft, which must go well; the version."""
        result = self.ended(draft, self.ask(draft, "", **request))
        assert result["state"] == "committed", result
        return str(result["ref"])

    # ------------------------------------------------------------------------------------------------- versions

    def put(self, source: Path, name: str) -> str:
        """Store a directory as a version, beside the mount."""
        with open_store(self.store) as store:
            logged = store.put([source], NewVersion(parse_artifact_name(name)))
            with store.catalog.view() as view:
                return str(view.ref(logged.version))

    def versions(self, name: str) -> list[str]:
        """All versions of an artifact."""
        with open_store(self.store) as store, store.catalog.view() as view:
            artifact = view.artifact_by_name(parse_artifact_name(name))
            return [] if artifact is None else [str(view.ref(version)) for version in view.versions(artifact.serial)]

    def extracted(self, ref: str) -> Path:
        """A version, taken out of the store into a directory of its own."""
        place = self.top / ("out-" + secrets.token_hex(4))
        command = [sys.executable, "-m", "artfs.cli", "--store", str(self.store), "get", ref, str(place)]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
        return place

    @contextmanager
    def unmounted(self) -> Iterator[None]:
        """Unmount meanwhile."""
        self.umount()
        yield
        self.mount()
