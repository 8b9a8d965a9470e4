"""Checks of this machine and of a store, apart from mounting, that change nothing."""

from __future__ import annotations

import os
import platform
import resource
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from artfs.access import system_reason
from artfs.cli.render.output import size_text
from artfs.errors import ArtfsError
from artfs.fuse.device.doctor import Check
from artfs.mountinfo import file_system_type

__all__ = ["check_limits", "check_software", "check_store"]

_LIBRARIES: Final = ("blake3", "lmdb", "msgspec", "pyfastcdc", "pyfuse3", "trio", "zstandard")
_ADDRESSES: Final = 1 << 30
_DESCRIPTORS: Final = 1024
_LOW_SPACE: Final = 1 << 30
_FEW_INODES: Final = 10_000
_REMOTE: Final = ("9p", "ceph", "cifs", "fuse.glusterfs", "fuse.sshfs", "glusterfs", "lustre", "nfs", "nfs4", "smb3")
_LOG_BYTES: Final = 64 << 10


def check_software() -> Iterator[Check]:
    """Check Python and the libraries."""
    yield Check("python", "ok", f"{platform.python_version()} on {platform.machine()}")
    missing, found = [], []
    for name in _LIBRARIES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        yield Check("libraries", "problem", f"missing: {', '.join(missing)}", "install artfs again, with pip")
        return
    try:
        from artfs.chunks.chunker import Chunker, ChunkParams

        Chunker(ChunkParams())
    except (ArtfsError, ImportError) as error:
        said, _colon, advice = str(error).partition("; ")
        yield Check("libraries", "problem", said, advice or "install artfs again, with pip")
        return
    yield Check("libraries", "ok", ", ".join(found))


def check_limits() -> Iterator[Check]:
    """Check the resource limits of this process."""
    files, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files != resource.RLIM_INFINITY and files < _DESCRIPTORS:
        yield Check("open files", "warning", f"at most {files:,}", f"`ulimit -n {_DESCRIPTORS}` before mounting")
    else:
        yield Check("open files", "ok", "no limit" if files == resource.RLIM_INFINITY else f"at most {files:,}")
    space, _hard = resource.getrlimit(resource.RLIMIT_AS)
    if space != resource.RLIM_INFINITY and space < _ADDRESSES:
        found = f"at most {size_text(space)} of addresses, and the index is mapped as a whole"
        yield Check("address space", "warning", found, "`ulimit -v unlimited` if a command finds no memory")
    else:
        yield Check("address space", "ok", "no limit that matters")
    length, _hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    if length != resource.RLIM_INFINITY:
        found = f"files of at most {size_text(length)}"
        yield Check("file size", "warning", found, "`ulimit -f unlimited`, or large packs cannot be written")


def check_store(path: Path) -> Iterator[Check]:
    """Check a store and its disk; `artfs fsck` checks each byte.

    Args:
        path: Its directory.
    """
    try:
        is_there = path.exists()
    except OSError as error:
        yield _closed(path, error)
        return
    if not is_there:
        yield Check("store", "ok", f"none at {path} yet: the first `artfs put` makes it")
        yield from _disk(_existing(path))
        return
    from artfs.store import open_store

    try:
        with open_store(path) as store, store.catalog.view() as view:
            artifacts = sum(1 for _artifact in view.artifacts())
            behind = store.catalog.behind
    except ArtfsError as error:
        said, _colon, advice = str(error).rpartition(": ")
        yield Check("store", "problem", said, advice)
    else:
        found = f"{path}, with {artifacts:,} {'artifact' if artifacts == 1 else 'artifacts'}"
        if behind is not None:
            yield Check("store", "warning", f"{found}; its index is behind its journal", str(behind))
        elif not os.access(path, os.W_OK):
            yield Check("store", "warning", f"{found}, which you cannot write", "only reading works")
        else:
            yield Check("store", "ok", f"{found} (`artfs fsck` checks each of its bytes)")
    if not os.access(path, os.R_OK | os.X_OK):
        return
    for check in (_owners(path), _disk(path), _quarantine(path / "quarantine"), _logs(path / "logs")):
        try:
            yield from check
        except OSError as error:
            yield _closed(path, error)


def _closed(path: Path, error: OSError) -> Check:
    said, _colon, advice = system_reason(error, error.filename or os.fspath(path)).rpartition(": ")
    return Check("store", "problem", f"{path} cannot be looked at: {said or advice}", advice if said else "")


def _owners(path: Path) -> Iterator[Check]:
    """Check for files that those whose store it is cannot use."""
    from artfs.store.fsck.owners import check_owners
    from artfs.store.layout import read_layout

    try:
        foreign = [finding.message for finding in check_owners(read_layout(path))]
    except ArtfsError:
        return  # as the check of the store says
    if foreign:
        found = f"{len(foreign):,} {'file' if len(foreign) == 1 else 'files'} that may be closed to you: {foreign[0]}"
        yield Check("owners", "warning", found, "have root run `artfs fsck --repair`")


def _quarantine(directory: Path) -> Iterator[Check]:
    """Check for damaged packs in quarantine."""
    packs = [entry.stat().st_size for entry in directory.glob("*.pack")]
    if packs:
        found = f"{len(packs):,} damaged {'pack' if len(packs) == 1 else 'packs'} set aside, {size_text(sum(packs))}"
        advice = f"remove {directory} when `artfs fsck --read-data` finds nothing, or what it finds is given up"
        yield Check("quarantine", "warning", found, advice)


def _existing(path: Path) -> Path:
    return next(place for place in (path, *path.parents) if place.exists())


def _disk(path: Path) -> Iterator[Check]:
    room = os.statvfs(path)
    free = room.f_bavail * room.f_frsize
    if free < _LOW_SPACE:
        advice = "make room: `artfs rm` and other programs' files; nothing is lost when it runs out"
        yield Check("room", "warning", f"{size_text(free)} left on the store's disk", advice)
    elif room.f_files and room.f_favail < _FEW_INODES:
        yield Check("room", "warning", f"{room.f_favail:,} inodes left on the store's disk", "remove some files")
    else:
        yield Check("room", "ok", f"{size_text(free)} left on the store's disk")
    kind = file_system_type(path)
    if kind in _REMOTE:
        advice = "keep the store on a local disk: the index is mapped into memory and locked by several processes"
        yield Check("file system", "problem", f"{kind}, over a network", advice)
    else:
        yield Check("file system", "ok", kind or "not known")


def _logs(directory: Path) -> Iterator[Check]:
    """Check the ends of the mounts' logs for errors."""
    for log in sorted(directory.glob("mount-*.log")):
        try:
            with open(log, "rb") as file:
                file.seek(-min(_LOG_BYTES, os.fstat(file.fileno()).st_size), os.SEEK_END)
                lines = file.read().splitlines()
        except OSError:
            continue
        errors = [line for line in lines if b" ERROR [" in line]
        if errors:
            last = errors[-1].decode(errors="replace")
            yield Check("log", "warning", f"{len(errors):,} errors at the end of {log}; the last: {last}")
