"""Set damaged packs aside, where nothing reads them, each with a note of what is wrong with it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from artfs.chunks.packfile import named_pack
from artfs.chunks.writer import pack_path
from artfs.errors import IntegrityError, StorageError
from artfs.files import sync_directory, write_all
from artfs.store.fsck.finding import Finding, Quarantined
from artfs.store.fsck.salvage import Saved, salvage
from artfs.store.layout import Layout

__all__ = ["set_aside"]


def set_aside(layout: Layout, damaged: Mapping[Path, Sequence[Finding]]) -> Iterator[Quarantined]:
    """Save what is sound in damaged packs, have the index forget those and what is lost with them, and move them away.

    The index also forgets packs that are missing. Whoever is killed leaves the packs that are not moved yet where they
    were: to be found, and set aside, once more.

    Args:
        layout: Of the store. Its index is sound, and neither gc nor another repair is at it.
        damaged: Pack files, and what was found.

    Yields:
        What was moved.

    Raises:
        IntegrityError: The index is damaged.
        StorageError: The system refused; nothing is lost.
    """
    saved = salvage(layout, _by_id(layout, damaged))
    try:
        for path, findings in damaged.items():
            yield _move(layout, path, findings, saved.get(_id(path), Saved(0, [])))
    except OSError as error:
        raise StorageError.of(error, f"setting packs aside in {layout.quarantine}") from error


def _by_id(layout: Layout, damaged: Mapping[Path, Sequence[Finding]]) -> dict[bytes, Path]:
    """The files that are a pack's only one: not those that are in a wrong place, while another is in the right one."""
    found = {}
    for path in damaged:
        pack = _id(path)
        right = pack_path(layout.packs, pack)
        if pack and (path == right or not right.exists()):
            found[pack] = path
    return found


def _id(path: Path) -> bytes:
    """Of the pack of that name; nothing if packs do not have such names."""
    try:
        return named_pack(path)
    except IntegrityError:
        return b""


def _move(layout: Layout, path: Path, findings: Sequence[Finding], saved: Saved) -> Quarantined:
    directory = layout.quarantine
    directory.mkdir(mode=0o700, exist_ok=True)
    sync_directory(layout.root)
    target, number = directory / path.name, 1
    while target.exists():
        number += 1
        target = directory / f"{path.stem}.{number}.pack"
    was = str(path.relative_to(layout.root))
    _write_note(target.with_suffix(".txt"), was, findings, saved)
    sync_directory(directory)
    path.rename(target)
    sync_directory(directory)
    sync_directory(path.parent)
    return Quarantined(was, str(target.relative_to(layout.root)), saved.chunks, len(saved.lost))


def _write_note(path: Path, pack: str, findings: Sequence[Finding], saved: Saved) -> None:
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    lines = [
        f"{pack} was damaged, and set aside on {when}.",
        *(f"{finding.invariant} {finding.message}" for finding in findings),
        f"{saved.chunks} chunks were copied to other packs; {len(saved.lost)} are lost{':' if saved.lost else '.'}",
        *(chunk.hex() for chunk in saved.lost),
    ]
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        write_all(descriptor, "".join(f"{line}\n" for line in lines).encode(errors="backslashreplace"), 0)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
