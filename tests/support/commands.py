"""Run the command line: in this process where that is enough, as a process where the process is the point."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest

from artfs.cli.main import main

__all__ = ["Commands", "Ended", "store_state"]

_ROOT = Path(__file__).parents[2]

Argument = str | bytes | Path


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended.

    Attributes:
        code: Its exit code.
        out: Its standard output.
        err: Its standard error, without the note that it made the store, as the first of many a test does.
        made_store: There was that note.
    """

    code: int
    out: bytes
    err: bytes
    made_store: bool = False

    @classmethod
    def of(cls, code: int, out: bytes, err: bytes) -> Ended:
        """Take the note that it made the store out of standard error."""
        lines = err.splitlines(keepends=True)
        left = [line for line in lines if b"made a store in " not in line]
        return cls(code, out, b"".join(left), len(left) < len(lines))

    @property
    def text(self) -> str:
        """Standard output without the last newline."""
        return os.fsdecode(self.out).removesuffix("\n")

    @property
    def lines(self) -> list[str]:
        """The lines of standard output."""
        return self.text.split("\n") if self.out else []

    @property
    def json(self) -> Any:
        """The JSON document that standard output is, decoded as strictly as any program might."""
        return json.loads(self.out.decode("utf-8", "strict"))

    def failed(self, code: int) -> str:
        """Check that it failed as all commands do, and give its line without the `artfs: ` in front."""
        assert self.code == code, self
        assert self.err.startswith(b"artfs: "), self.err
        assert self.err.endswith(b"\n"), self.err
        assert self.err.count(b"\n") == 1, self.err
        return os.fsdecode(self.err)[len("artfs: ") : -1]


class Commands:
    """Runs `artfs` on one store.

    Attributes:
        store: The store's directory; `$ARTFS_STORE` names it.
        environment: What processes are given.
    """

    def __init__(self, store: Path, captured: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
        self.store = store
        self._captured = captured
        monkeypatch.setenv("ARTFS_STORE", str(store))
        self.environment = {**os.environ, "PYTHONPATH": str(_ROOT)}

    def __call__(self, *arguments: Argument) -> Ended:
        """Run a command in this process."""
        self._captured.readouterr()
        code = main([os.fsdecode(argument) for argument in arguments])
        out, err = self._captured.readouterr()
        return Ended.of(code, out, err)

    def done(self, *arguments: Argument) -> Ended:
        """Run a command in this process that must end well and have nothing to complain of."""
        ended = self(*arguments)
        assert (ended.code, ended.err) == (0, b""), ended
        return ended

    def noted(self, *arguments: Argument) -> Ended:
        """Run a command in this process that must end well and has one line to say besides."""
        ended = self(*arguments)
        assert (ended.code, ended.err.count(b"\n")) == (0, 1), ended
        return ended

    def line(self, *arguments: Argument) -> list[bytes]:
        """The command line of a process of its own."""
        return [os.fsencode(argument) for argument in (sys.executable, "-m", "artfs.cli", *arguments)]

    def process(
        self,
        *arguments: Argument,
        prefix: tuple[str, ...] = (),
        environment: Mapping[str, str] | None = None,
        out: IO[bytes] | None = None,
    ) -> Ended:
        """Run a command as a process.

        Args:
            arguments: Of `artfs`.
            prefix: A program, with its own arguments, that runs it.
            environment: Added to the process's.
            out: Its standard output, if that is not to be kept.
        """
        ended = subprocess.run(
            [*map(os.fsencode, prefix), *self.line(*arguments)],
            check=False,
            stdout=out or subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**self.environment, **(environment or {})},
            timeout=120,
        )
        return Ended.of(ended.returncode, ended.stdout or b"", ended.stderr)


def store_state(store: Path) -> dict[str, bytes]:
    """What must not change when a command fails: every file of a store, but for LMDB's table of readers."""
    return {
        str(path.relative_to(store)): path.read_bytes() if path.is_file() else b""
        for path in sorted(store.rglob("*"))
        if path.name != "lock.mdb"
    }
