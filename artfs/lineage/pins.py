"""Inside a run an alias is one version: the one that it was when the run first asked.

Whoever asks first makes the pin, a file that is whole when it appears and never replaced: workers of any mount, the
Python API and the command line all come to the same version.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from artfs.errors import IntegrityError
from artfs.names import VersionRef

if TYPE_CHECKING:
    from artfs.catalog import AliasRow, View
    from artfs.lineage.home import RunHome

__all__ = ["pin", "pin_version"]


def pin(home: RunHome, alias: AliasRow) -> int:
    """Which version an alias is for a run, from now on: N of vN.

    Args:
        home: Of the run.
        alias: As it is now.

    Raises:
        OSError: The pin can neither be read nor made.
        IntegrityError: It is damaged.
    """
    name = hashlib.blake2b(alias.name.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    path = home.pins / f"{alias.artifact}.{name}"
    with contextlib.suppress(FileNotFoundError):
        return _read(path)
    draft = home.pins / f".{secrets.token_hex(8)}"
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:  # the run follows aliases, or is over
        return alias.index
    try:
        try:
            os.write(descriptor, b"%d" % alias.index)
        finally:
            os.close(descriptor)
        os.link(draft, path)
    except FileExistsError:
        return _read(path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            draft.unlink()
    return alias.index


def _read(path: Path) -> int:
    text = path.read_bytes()
    if not (text.isdigit() and len(text) < 20):
        raise IntegrityError(f"{path} is damaged: remove it, and the run takes the alias as it is then")
    return int(text)


def pin_version(home: RunHome | None, view: View, ref: VersionRef) -> VersionRef:
    """What a reference means inside a run: the version that its alias is there, by number.

    Args:
        home: Of the run; None outside of one.
        view: Of the catalog.
        ref: As given.

    Raises:
        NotFoundError: There is no such version.
        OSError: The pin can neither be read nor made.
        IntegrityError: It is damaged.
    """
    if home is None or isinstance(ref.selector, int):
        return ref
    artifact = view.artifact_by_name(ref.name)
    alias = None if artifact is None else view.alias(artifact.serial, ref.selector)
    return ref if alias is None else VersionRef(ref.name, pin(home, alias))
