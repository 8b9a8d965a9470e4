"""Dry run of `artfs put`: what it would store, found out without writing anything."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from artfs.cli.render.differences import print_differences, print_differences_json
from artfs.cli.render.output import print_line, size_text
from artfs.documents.differences import DifferenceCounts
from artfs.errors import InvalidInputError, StoreNotFoundError
from artfs.format.node import Entry, Kind
from artfs.store.read.compare import compare_with_local, local_entries
from artfs.store.write.put import scan_paths
from artfs.store.write.scan import SourceDirectory

if TYPE_CHECKING:
    from artfs.catalog import Version
    from artfs.cli.put_references import Elsewhere
    from artfs.cli.settings import Settings
    from artfs.names import ArtifactName
    from artfs.store import Store
    from artfs.store.tree.diff import Difference
    from artfs.store.write.outside_links import OutsideLinks

__all__ = ["print_plan"]


def print_plan(
    settings: Settings,
    paths: Sequence[str],
    name: ArtifactName,
    *,
    name_in: bytes | None,
    links: OutsideLinks,
    exclude: bytes,
    elsewhere: Elsewhere,
    as_json: bool,
) -> None:
    """Print what a put would store, against the latest version of the artifact; make nothing, not even a store.

    Args:
        settings: Of the command.
        paths: As `Store.put` takes them.
        name: The artifact.
        name_in: As `Store.put` takes it.
        links: As `Store.put` takes it.
        exclude: As `Store.put` takes it.
        elsewhere: References and imports.
        as_json: Print a JSON document.

    Raises:
        SourceError: A put could not store something.
        InvalidInputError: One of the paths is a pipe.
    """
    raw = [os.fsencode(path) for path in paths]
    nothing = SourceDirectory(b"", b"", 0o755, 0)
    top = scan_paths(raw, os.fsencode(settings.store_path), name_in, links, exclude) if paths else nothing
    files = [file for directory in top.walk() for file in directory.files]
    if any(file.is_pipe for file in files):
        raise InvalidInputError(
            "what is in a pipe is known when it was read: leave --dry-run out, or put it into a file"
        )
    size = sum(file.size for file in files)
    try:
        store = settings.open_store()
    except StoreNotFoundError:
        _print(None, name, None, top, len(files), size, elsewhere, as_json=as_json)
        return
    with store:
        with store.catalog.view() as view:
            artifact = view.artifact_by_name(name)
            latest = None if artifact is None else view.latest(artifact.serial)
        _print(store, name, latest, top, len(files), size, elsewhere, as_json=as_json)


def _print(
    store: Store | None,
    name: ArtifactName,
    latest: Version | None,
    top: SourceDirectory,
    files: int,
    size: int,
    elsewhere: Elsewhere,
    *,
    as_json: bool,
) -> None:
    counts = _PlanCounts()
    differences = _changes(store, latest, top)
    if elsewhere:
        from artfs.cli.put_references import changes_by_references, found_references

        found = found_references(elsewhere)
        files, size = files + len(found), size + sum(entry.size for entry in found.values())
        differences = changes_by_references(store, latest, differences, found)
    changes = counts.watch(differences)
    against = None if latest is None else f"{name}:{latest.name}"
    if as_json:
        head = {"dry_run": True, "artifact": name, "old": against, "files": files, "bytes": size}
        print_differences_json(head, changes, counts)
        return
    print_differences(changes)
    since = "" if against is None else f" since {against}"
    print_line(f"{files:,} files, {size_text(size)} would be stored in {name}; {counts.plan_text()}{since}")


def _changes(store: Store | None, latest: Version | None, top: SourceDirectory) -> Iterator[Difference]:
    if store is None or latest is None:
        return local_entries(top)
    from artfs.store import root_entry

    return compare_with_local(store, root_entry(latest), top)


class _PlanCounts(DifferenceCounts):
    """Counts of a dry run: of files, with the bytes that a put would read as new."""

    def __init__(self) -> None:
        super().__init__()
        self.files = {"added": 0, "removed": 0, "modified": 0}

    def watch(self, differences: Iterator[Difference]) -> Iterator[Difference]:
        """Count differences and pass them on."""
        for difference in super().watch(differences):
            if _is_file(difference.new or difference.old):
                self.files[difference.what] += 1
            yield difference

    def plan_text(self) -> str:
        """One line for people."""
        new, changed, gone = (self.files[what] for what in ("added", "modified", "removed"))
        return f"{new:,} new and {changed:,} changed with {size_text(self.sizes['added'])}, {gone:,} removed"


def _is_file(entry: Entry | None) -> bool:
    return entry is not None and entry.kind in (Kind.FILE, Kind.REFERENCE)
