"""The two sides of a diff: versions, and local directories as a put would store them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from artfs.cli.mounted_path import is_in_mount
from artfs.cli.render.output import print_note
from artfs.documents.document import Document, json_text
from artfs.errors import InvalidInputError, NotFoundError
from artfs.names import ArtifactName, VersionRef, parse_ref, printable, quoted

if TYPE_CHECKING:
    from artfs.catalog import Version
    from artfs.format.node import Entry
    from artfs.store import Store
    from artfs.store.tree.diff import Difference

__all__ = ["Directory", "OneVersion", "Side", "differences", "parse_sides"]

_FORM = "`artfs diff REF REF`, `artfs diff NAME v1 v2`, `artfs diff DIR REF` or `artfs diff REF DIR`"


@dataclass(frozen=True, slots=True)
class OneVersion:
    """A version.

    Attributes:
        ref: Names it.
        version: The version.
    """

    ref: VersionRef
    version: Version

    @property
    def name(self) -> str:
        """The artifact and the version, as `animals:v3`."""
        return f"{self.ref.name}:{self.version.name}"

    def document(self, key: str) -> Document:
        """The member of a JSON object that says which it is."""
        return {key: self.name}

    def read(self, store: Store, path: bytes, entry: Entry) -> bytes:
        """Read a file of it, which is small; `path` is where it is."""
        del path
        return bytes(store.content.read(entry, 0, entry.size))


@dataclass(frozen=True, slots=True)
class Directory:
    """A local directory.

    Attributes:
        path: As given.
    """

    path: str

    def document(self, key: str) -> Document:
        """The member of a JSON object that says which it is."""
        return json_text(key, os.fsencode(self.path))

    def read(self, store: Store, path: bytes, entry: Entry) -> bytes:
        """Read a file of it, which is small; what it has grown by since is left out."""
        del store
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with open(os.open(os.path.join(os.path.realpath(os.fsencode(self.path)), path), flags), "rb") as file:
            return file.read(entry.size)


Side = OneVersion | Directory


def parse_sides(store: Store, words: Sequence[str]) -> tuple[Side, Side]:
    """Find out what is to be compared.

    Args:
        store: Has the versions.
        words: Two references or directories, of which one at least is a reference; or a name and two of its versions.
            A word without `/` that is both an artifact and a directory is the artifact, unless the other word is the
            same reference. What such a word is taken for, a note says.

    Raises:
        InvalidInputError: They are none of this.
        NotFoundError: There is no such version or directory.
    """
    if len(words) == 3:  # a name and two versions
        name, *selectors = words
        if ":" in name or any(":" in selector or not selector for selector in selectors):
            raise InvalidInputError(f"three words are a name and two of its versions: {_FORM}")
        old, new = (_version(store, parse_ref(f"{name}:{selector}")) for selector in selectors)
        return old, new
    if len(words) != 2:  # two sides
        raise InvalidInputError(f"two sides are compared: {_FORM}")
    sides = _of_one_name(store, words) or (_side(store, words[0]), _side(store, words[1]))
    if all(isinstance(side, Directory) for side in sides):
        raise InvalidInputError(f"two directories are given, and one side has to be a version: {_FORM}")
    return sides


def _of_one_name(store: Store, words: Sequence[str]) -> tuple[Side, Side] | None:
    """Take one of two words that are the same reference for the directory of that name here, if there is one."""
    at = next((at for at in (1, 0) if _is_both(store, words[at])), None)
    if at is None or words[1 - at].partition(":")[0] != words[at] or parse_ref(words[0]) != parse_ref(words[1]):
        return None
    version, directory = _version(store, parse_ref(words[0])), Directory(f"./{words[at]}")
    print_note(f"{version.name} is compared with the directory {directory.path}")
    return (version, directory) if at == 1 else (directory, version)


def _is_path(word: str) -> bool:
    return word in (".", "..") or word.startswith(("/", "./", "../")) or ("/" in word and ":" not in word)


def _may_be_directory(word: str) -> bool:
    return ":" not in word and not _is_path(word) and os.path.isdir(word)


def _is_both(store: Store, word: str) -> bool:
    """True for an artifact's name that a directory here has too, other than its own in a mount."""
    return _may_be_directory(word) and _exists(store, word) and not is_in_mount(word)


def _side(store: Store, word: str) -> Side:
    if _is_path(word):
        if not os.path.isdir(word):
            raise NotFoundError(f"there is no directory {quoted(word)}: {_FORM}")
        return Directory(word)
    if _may_be_directory(word) and not _exists(store, word):
        return Directory(word)
    ref = parse_ref(word)
    if ":" not in word and not _exists(store, ref.name):
        raise NotFoundError(f"{printable(word)} is neither an artifact nor a directory here: {_FORM}")
    version = _version(store, ref)
    if _is_both(store, word):
        print_note(f"{word} is {version.name} here: ./{word} is the directory")
    return version


def _exists(store: Store, name: str) -> bool:
    with store.catalog.view() as view:
        return view.artifact_by_name(ArtifactName(name)) is not None


def _version(store: Store, ref: VersionRef) -> OneVersion:
    return OneVersion(ref, store.version(ref))


def differences(store: Store, old: Side, new: Side) -> Iterator[Difference]:
    """Yield the differences from one side to the other.

    Raises:
        SourceError: A local file cannot be read, or a put could not store it.
    """
    if isinstance(old, OneVersion) and isinstance(new, OneVersion):
        yield from store.diff(old.version, new.version)
    elif isinstance(old, OneVersion) and isinstance(new, Directory):
        yield from _from_version(store, old, new)
    elif isinstance(old, Directory) and isinstance(new, OneVersion):
        from artfs.store.tree.diff import Difference

        for difference in _from_version(store, new, old):
            yield Difference(difference.path, difference.new, difference.old)


def _from_version(store: Store, version: OneVersion, directory: Directory) -> Iterator[Difference]:
    from artfs.store import root_entry
    from artfs.store.read.compare import compare_with_local
    from artfs.store.write.scan import scan

    top = scan(os.path.realpath(os.fsencode(directory.path)))
    return compare_with_local(store, root_entry(version.version), top)
