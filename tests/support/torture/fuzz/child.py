"""Fuzz decoders, each in a process of its own: `python -m tests.support.torture.fuzz.child TOP NAME... -- OPTIONS...`.

The decoders are instrumented once, for all of these processes, since that takes a second or two. The fuzzer ends the
process that it runs in. What it tells goes to the file `log` of TOP/NAME, and how it ended to `status`.
"""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import atheris

from artfs.format.pack import MAX_PLAIN_SIZE

_LIMIT: Final = 2 * MAX_PLAIN_SIZE
_PAGE_SIZE: Final = resource.getpagesize()


def _bounded(call: Callable[[bytes], object]) -> Callable[[bytes], None]:
    """Give each call twice the chunk limit of address space besides what the process has when it begins."""
    own = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
    _soft, most = resource.getrlimit(resource.RLIMIT_AS)

    def run(data: bytes) -> None:
        has = int(os.pread(own, 64, 0).split()[0]) * _PAGE_SIZE
        resource.setrlimit(resource.RLIMIT_AS, (has + _LIMIT, most))
        try:
            call(data)
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (most, most))

    return run


def _fuzz(directory: Path, options: list[str], call: Callable[[bytes], object]) -> None:
    """Fuzz, which ends this process."""
    log = os.open(directory / "log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    given = [*options, f"-artifact_prefix={directory}/", str(directory / "corpus")]
    atheris.Setup([sys.argv[0], *given], _bounded(call))
    atheris.Fuzz()


def main() -> None:
    top, *rest = sys.argv[1:]
    end = rest.index("--")
    with atheris.instrument_imports(include=["artfs", "tests.support.torture.fuzz.planted"]):
        from tests.support.torture.fuzz.planted import PLANTED
        from tests.support.torture.fuzz.target import attempt
        from tests.support.torture.fuzz.targets import TARGETS
    for name in rest[:end]:
        target = {**TARGETS, **PLANTED}[name]
        child = os.fork()
        if not child:
            _fuzz(Path(top, name), rest[end + 1 :], partial(attempt, target))
        _, status = os.waitpid(child, 0)
        Path(top, name, "status").write_text(str(os.waitstatus_to_exitcode(status)))


if __name__ == "__main__":
    main()
