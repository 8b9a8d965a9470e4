"""Pins: within one run, an alias always means the version found at its first use.

The first process that asks creates the pin, a file that is whole when it appears and never replaced. So workers of any
mount, the Python API and the command line all get the same version.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from artfs.errors import IntegrityError
from artfs.files.store_files import link, open_file, remove_file
from artfs.names import VersionRef

if TYPE_CHECKING:
    from artfs.catalog import AliasRow, View
    from artfs.lineage.run_directories import RunDirectory

__all__ = ["pin_alias", "pin_version"]


def pin_alias(directory: RunDirectory, alias: AliasRow) -> int:
    """Return the version that an alias is for a run from now on (N of vN).

    Args:
        directory: The run's directory.
        alias: The alias as it is now.

    Raises:
        OSError: The pin can neither be read nor made.
        IntegrityError: It is damaged.
    """
    name = hashlib.blake2b(alias.name.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    path = directory.pins / f"{alias.artifact}.{name}"
    with contextlib.suppress(FileNotFoundError):
        return _read(path)
    temporary = directory.pins / f".{secrets.token_hex(8)}"
    try:
        descriptor = open_file(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    except FileNotFoundError:  # the run follows aliases, or has ended
        return alias.index
    try:
        try:
            os.write(descriptor, b"%d" % alias.index)
        finally:
            os.close(descriptor)
        link(temporary, path)
    except FileExistsError:
        return _read(path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            remove_file(temporary)
    return alias.index


def _read(path: Path) -> int:
    text = path.read_bytes()
    if not (text.isdigit() and len(text) < 20):
        raise IntegrityError(f"{path} is damaged: remove it, and the run takes the alias as it is then")
    return int(text)


def pin_version(directory: RunDirectory | None, view: View, ref: VersionRef) -> VersionRef:
    """Replace the alias in a reference by the version that it is inside a run.

    Args:
        directory: The run's directory; None outside of a run.
        view: The catalog.
        ref: The reference as given.

    Raises:
        NotFoundError: There is no such version.
        OSError: The pin can neither be read nor made.
        IntegrityError: It is damaged.
    """
    if directory is None or isinstance(ref.selector, int):
        return ref
    artifact = view.artifact_by_name(ref.name)
    alias = None if artifact is None else view.alias(artifact.serial, ref.selector)
    return ref if alias is None else VersionRef(ref.name, pin_alias(directory, alias))
