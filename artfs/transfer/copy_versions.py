"""Copy: take versions from one open store straight into another, with all that only the first has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from artfs.catalog import Actor, Incoming, Version, View
from artfs.chunks.record import encode_record
from artfs.errors import InvalidInputError
from artfs.format.bundle import BundledAlias, BundledEdge, BundledVersion, Summary, VersionIdentity
from artfs.format.digest import digest_and_table
from artfs.format.operations import Origin
from artfs.format.pack import RecordKind
from artfs.store import NullProgress, Progress, Store
from artfs.store.tree.links import Root
from artfs.transfer.bundle_stream import Record
from artfs.transfer.documents import DocumentCollector, documents_of, encoded_documents
from artfs.transfer.histories import copy_histories
from artfs.transfer.import_bundle import Contents, Imported
from artfs.transfer.missing import Seen, missing_below
from artfs.transfer.receive import receive

__all__ = ["Wanted", "copy_versions"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What goes with the versions, and under which name.

    Attributes:
        aliases: All aliases of the versions; where one names another version it stays.
        moved_aliases: Aliases that are to name the one version that is copied, whatever they name now.
        name: The artifact's name in the other store, where it is another one.
        all_runs: All runs of the store, also those that neither used nor logged one of the versions.
    """

    aliases: bool = False
    moved_aliases: Sequence[str] = ()
    name: str | None = None
    all_runs: bool = False


def copy_versions(
    source: Store,
    versions: Sequence[Version],
    target: Store,
    who: Actor,
    wanted: Wanted,
    *,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Imported:
    """Copy versions, with their contents, runs and lineage, and then the histories of these runs.

    One journal record of the target publishes all of it, as an import does; what is there already is recognised, and
    neither read nor written.

    Args:
        source: The store that has them.
        versions: The versions, which are retained (`Store.version`).
        target: The store that takes them.
        who: For its journal.
        wanted: What goes with them.
        dry_run: Write nothing; say what would become of them.
        progress: Counts the bytes of the versions.

    Raises:
        InvalidInputError: A name or alias is for one version or artifact and there are several.
        TypeMismatchError: An artifact of the same name has another type in the target.
        IntegrityError: The source is damaged. If it is the history of a run, all else is copied.
        StorageError: A store cannot be read or written. Nothing was published.
    """
    progress = progress or NullProgress()
    contents = _contents(source, versions, wanted)
    incoming = contents.incoming
    name = f"what comes from {source.path}"
    incoming.move_aliases = bool(wanted.moved_aliases)
    planned = target.catalog.receive_versions(incoming, who, dry_run=True)  # refused before anything is stored
    if dry_run:
        return Imported(contents, planned, 0, 0)
    sending = _Sending(source, versions, target, progress)
    progress.total(0, contents.summary.size)
    received, written = receive(target, incoming, sending.records(), who, name=name, progress=NullProgress())
    copy_histories(source, target, {run.id: received.renamed_runs.get(run.id, run.id) for run in incoming.runs})
    return Imported(contents, received, sending.size, written)


def _contents(source: Store, versions: Sequence[Version], wanted: Wanted) -> Contents:
    """Collect what the catalog knows of the versions, under the names that they are to have."""
    several = len({version.serial for version in versions}) != 1
    if wanted.moved_aliases and several:
        raise InvalidInputError("an alias names one version: give --alias with one REF")
    if wanted.moved_aliases and wanted.aliases:
        raise InvalidInputError("give --alias, which moves what it names, or --aliases, which moves none")
    ordered = sorted(versions, key=lambda version: (version.artifact, version.index))
    with source.catalog.view() as view:
        documents = documents_of(view, ordered, aliases=wanted.aliases, all_runs=wanted.all_runs)
        aliases = [BundledAlias(view.ref(ordered[0]).name, ordered[0].index, each) for each in wanted.moved_aliases]
        names = _names(view, ordered)
    encoded_documents(documents)
    collected = DocumentCollector(Incoming(bytes.fromhex(source.layout.format.store_id)))
    for document in [*documents, *aliases]:
        collected.add(document)
    summary = next(document for document in documents if isinstance(document, Summary))
    if wanted.name is not None:
        if len(names) != 1:
            raise InvalidInputError("one artifact gets another name: give --as with versions of one artifact")
        _rename(collected.incoming, names[0], wanted.name)
    return Contents(summary, collected.incoming)


def _names(view: View, versions: Sequence[Version]) -> list[str]:
    return list(dict.fromkeys(view.ref(version).name for version in versions))


def _rename(incoming: Incoming, old: str, new: str) -> None:
    """Give an artifact that comes another name. What its versions were stays in their origin."""

    def identity(version: VersionIdentity) -> VersionIdentity:
        return msgspec.structs.replace(version, artifact=new) if version.artifact == old else version

    def renamed(version: BundledVersion) -> BundledVersion:
        origin = version.origin or Origin(incoming.store, version.artifact, version.index)
        return msgspec.structs.replace(version, artifact=new, origin=origin)

    def edge(came: BundledEdge) -> BundledEdge:
        return msgspec.structs.replace(came, version=identity(came.version))

    incoming.artifacts = {new: msgspec.structs.replace(incoming.artifacts[old], name=new)}
    incoming.versions = [renamed(version) for version in incoming.versions]
    incoming.aliases = [msgspec.structs.replace(alias, artifact=new) for alias in incoming.aliases]
    incoming.edges = [edge(came) for came in incoming.edges]


class _Sending:
    """Reads from one store what the other lacks.

    Attributes:
        size: Bytes that were read: of records of chunks and nodes.
    """

    def __init__(self, source: Store, versions: Sequence[Version], target: Store, progress: Progress) -> None:
        self._source = source
        self._versions = versions
        self._target = target
        self._progress = progress
        self.size = 0

    def _is_there(self, one: Root) -> bool:
        with self._target.catalog.view() as view:
            missing = view.missing_nodes if one.kind == RecordKind.NODE else view.missing_chunks
            return not missing([one.digest])

    def records(self) -> Iterator[Record]:
        """Yield the nodes and chunks, each behind all that it points to."""
        seen = Seen(self._is_there)
        for version in self._versions:
            done = 0
            for one in missing_below([Root(RecordKind.NODE, version.tree.root)], seen, self._source.node):
                if one.kind == RecordKind.NODE:
                    record = encode_record(RecordKind.NODE, *digest_and_table(one.data), one.data)
                else:
                    record = self._source.content.record(one.digest)
                    step = min(record.plain_len, version.size - done)  # a chunk may be in fewer files than it counts in
                    self._progress.advance(0, step)
                    done += step
                yield Record(self.size, record, one.data)
                self.size += record.size
            self._progress.advance(0, version.size - done)
