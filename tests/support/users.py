"""Real users of this system, made for a test, and what they do at the same time."""

from __future__ import annotations

import secrets
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from tests.support.mounts.mounts import ROOT, as_user, wait_until

__all__ = ["Done", "Shell", "new_group", "new_user"]

_BUSY = (1, 10)
"""Exit codes of useradd and its kin while another one has the files of users or groups locked."""


def _administer(*command: str) -> None:
    """Run a command of the package passwd, once the others that are running have ended."""

    def ended() -> bool:
        code = subprocess.run(command, capture_output=True, check=False).returncode
        assert code in (0, *_BUSY), command
        return code == 0

    wait_until(ended, 60)


@contextmanager
def new_group() -> Iterator[str]:
    """A new group, removed at the end; its name."""
    name = f"artfs-{secrets.token_hex(6)}"
    _administer("groupadd", name)
    yield name
    _administer("groupdel", name)


@contextmanager
def new_user(group: str | None = None) -> Iterator[str]:
    """A new user, with a group of its own and perhaps another one, removed at the end; its name."""
    name = f"artfs-{secrets.token_hex(6)}"
    _administer("useradd", "--no-create-home", "--user-group", *(["--groups", group] if group else []), name)
    yield name
    _administer("userdel", "--force", name)  # also if a process of a test that was cut short is left


class Done(NamedTuple):
    """How a command ended.

    Attributes:
        code: Its exit code.
        out: What it printed, on both outputs.
    """

    code: int
    out: str


class Shell:
    """A shell of a user, which stays: what it mounts is there for its next command. It has the umask 077.

    Args:
        login: The user.
        store: The store of its `artfs` commands.
    """

    def __init__(self, login: str, store: Path) -> None:
        self.login = login
        command = as_user("env", f"ARTFS_STORE={store}", f"PYTHONPATH={ROOT}", "sh", login=login)
        self._shell = subprocess.Popen(
            command, cwd="/", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.done("umask", "077")

    def run(self, *words: str | Path) -> Done:
        """Run a command to its end."""
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        mark = secrets.token_hex(8)
        self._shell.stdin.write(f"{shlex.join([str(word) for word in words])} </dev/null; echo {mark} $?\n")
        self._shell.stdin.flush()
        said = []
        for line in self._shell.stdout:
            before, found, code = line.partition(mark)
            said.append(before)
            if found:
                return Done(int(code), "".join(said))
        raise AssertionError(f"the shell of {self.login} ended: {''.join(said)}")

    def done(self, *words: str | Path) -> str:
        """Run a command that must end well; what it printed."""
        ended = self.run(*words)
        assert ended.code == 0, ended
        return ended.out.removesuffix("\n")

    def artfs(self, *words: str | Path) -> str:
        """Run `artfs`, which must end well; what it printed."""
        return self.done(sys.executable, "-m", "artfs.cli", *words)

    def try_artfs(self, *words: str | Path) -> Done:
        """Run `artfs`."""
        return self.run(sys.executable, "-m", "artfs.cli", *words)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._shell.communicate(timeout=60)
