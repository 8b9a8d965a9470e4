"""Paths in a mount of versions, read as references: `~/art/animals/v1/tom.png` is `animals:v1/tom.png`."""

from __future__ import annotations

import os
from collections.abc import Sequence

from artfs.cli.settings import Settings
from artfs.errors import InvalidInputError
from artfs.mountinfo import MountInfo, mounts, mounts_of
from artfs.names import quoted

__all__ = ["is_in_mount", "ref_of_path"]


def ref_of_path(word: str, settings: Settings) -> str | None:
    """Return the reference that a word is a path to, and behind a slash the path inside the version.

    A word with a slash is a path if it leads into a mount, and a bare one where you are inside a version and it names
    something there. Where `animals/tom.png` could be both, as at the top of the mount, it is a path if there is one.

    Args:
        word: As it was typed.
        settings: Of the command line. If it names no store, the mount's becomes its store.

    Returns:
        None if the word is no path in a mount, or the mount's own directory.

    Raises:
        InvalidInputError: The mount is one of another store than that which was named.
    """
    found = _mounts_of_versions()
    if not found or not _may_be_path(word, found):
        return None
    place = _place(os.path.abspath(word), found)
    if place is None or not place[1]:
        return None
    mount, (artifact, *rest) = place
    _use_store_of(mount, settings, word)
    if rest and _is_project(os.path.join(mount.mountpoint, artifact), mount):
        artifact, rest = f"{artifact}/{rest[0]}", rest[1:]
    return f"{artifact}:{'/'.join(rest)}" if rest else artifact


def _is_project(path: str, mount: MountInfo) -> bool:
    """True if a directory at the top of a mount is a project's, by its inode number."""
    if os.fspath(mount.root) != "/":  # a part of it is mounted elsewhere
        return False
    from artfs.vfs.inodes import PROJECT_POSITION, position_of

    try:
        return position_of(os.stat(path).st_ino) == PROJECT_POSITION
    except OSError:
        return False


def is_in_mount(path: str) -> bool:
    """True if a path leads into a mount of versions."""
    return _place(os.path.abspath(path), _mounts_of_versions()) is not None


def _mounts_of_versions() -> list[MountInfo]:
    return [mount for mount in mounts() if not mount.staging]


def _may_be_path(word: str, found: Sequence[MountInfo]) -> bool:
    """True if a word is a path, should that lead into a mount."""
    if word in {".", ".."} or word.startswith(("/", "./", "../")):
        return True
    here = _place(os.getcwd(), found)
    if here is None:
        return "/" in word
    inside_version = len(here[1]) > 1
    return ("/" in word or (inside_version and ":" not in word)) and os.path.lexists(word)


def _place(path: str, found: Sequence[MountInfo]) -> tuple[MountInfo, list[str]] | None:
    """Find the mount that a path goes through, and the names from the top of its file tree on."""
    by_directory = {os.fspath(mount.mountpoint): mount for mount in found}
    names = path.strip("/").split("/")
    above = "/"
    for at, name in enumerate(names):
        above = os.path.join(above, name)
        mount = by_directory.get(os.path.realpath(above))
        if mount is not None:
            return mount, [*filter(None, os.fspath(mount.root).split("/")), *names[at + 1 :]]
    return None


def _use_store_of(mount: MountInfo, settings: Settings, word: str) -> None:
    if mount.mountpoint in {known.mountpoint for known in mounts_of(settings.store_path)}:
        return
    if settings.store is not None:
        raise InvalidInputError(
            f"{quoted(word)} is in a mount of the store {quoted(os.fspath(mount.store))}, and this command is about"
            f" {quoted(os.fspath(settings.store_path))}: name one store"
        )
    settings.store = os.fspath(mount.store)
