"""Imports that are killed: `import_child STORE BUNDLE OFFSET...`.

For each offset a process imports the bundle and dies of SIGKILL when it asks for a byte behind that one. In between
another looks at the store: it prints, as JSON, which versions are there, how many packs, and what is wrong with it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, NoReturn, cast

from artfs.catalog import current_actor
from artfs.drafts.fsck import check_store
from artfs.store import open_store
from artfs.transfer import import_bundle, read_bundle, receive_content
from tests.support.data.bundles import leftovers, refs_in


class _Deadly:
    """A file whose reader dies at an offset."""

    def __init__(self, path: str, offset: int) -> None:
        self._file = open(path, "rb")  # noqa: SIM115 - it is read until the process dies
        self._left = offset

    def read(self, size: int) -> bytes:
        self._left -= size
        if self._left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return self._file.read(size)


def _import(store: str, file: object) -> None:
    with open_store(store) as opened:
        import_bundle(opened, read_bundle(cast(BinaryIO, file), "the bundle"), current_actor())


def _in_child(work: Callable[[], object]) -> int:
    pid = os.fork()
    if not pid:
        _be_child(work)
    return os.waitpid(pid, 0)[1]


def _be_child(work: Callable[[], object]) -> NoReturn:
    try:
        work()
    except BaseException as error:  # noqa: BLE001 - the child must not go on as its parent
        print(error, file=sys.stderr, flush=True)
        os._exit(1)
    os._exit(0)


def _look(store: str) -> None:
    findings = [str(finding) for finding in check_store(Path(store), read_data=True).findings]
    with open_store(store) as opened:
        found = {"refs": refs_in(opened), "packs": len(leftovers(Path(store))), "findings": findings}
    print(json.dumps(found), flush=True)


def main() -> None:
    store, bundle, *offsets = sys.argv[1:]
    setattr(receive_content, "_BATCH_BYTES", 50_000)  # noqa: B010 # it is Final for all others
    setattr(receive_content, "_SETTLE_BYTES", 100_000)  # noqa: B010
    for offset in offsets:
        status = _in_child(lambda offset=offset: _import(store, _Deadly(bundle, int(offset))))  # type: ignore[misc]
        assert os.WTERMSIG(status) == signal.SIGKILL, status
        assert not _in_child(lambda: _look(store))


if __name__ == "__main__":
    main()
