"""Publication of a draft's tree, or of what comes of merging its changes with a version that it does not have."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Final

from artfs.catalog import EdgeKind, LoggedVersion, NewVersion, Version, VersionUse
from artfs.drafts.commit.attempt import record_attempt
from artfs.drafts.commit.upstream import Upstream, newer_version_error, upstream_of
from artfs.drafts.control.commit_request import CommitRequest
from artfs.drafts.db.schema import BASE
from artfs.drafts.storer.store_session import StoreSession
from artfs.drafts.view import FrozenDraft
from artfs.errors import ConflictError, NewerVersionError
from artfs.format.digest import DIGEST_SIZE
from artfs.format.node import Entry, Kind
from artfs.format.operations import Tree
from artfs.store import Store, root_entry
from artfs.store.tree.build import as_directory
from artfs.store.tree.merge_choices import MergeChoices
from artfs.store.tree.shared_contents import share_contents
from artfs.store.write.merge import merge_with

__all__ = ["DraftPublisher"]

_MAX_TRIES: Final = 100
"""A commit gives up after so many others were published while it merged."""
_WAYS_ON: Final = (
    "commit with --merge and for each --mine PATH (as it is here) or --theirs PATH (as it is there), where . is all of"
    " them, or with --replace to make a version of what is here alone"
)
_NO_ROOT: Final = bytes(DIGEST_SIZE)


class DraftPublisher:
    """Publishes the tree of a frozen draft.

    Args:
        store: Gets the version.
        draft: The draft's directory.
        frozen: The draft.
        session: Writes the pages that merging makes; while it is open, gc removes nothing that is read here.
    """

    def __init__(self, store: Store, draft: Path, frozen: FrozenDraft, session: StoreSession) -> None:
        self._store = store
        self._draft = draft
        self._frozen = frozen
        self._session = session

    def check_upstream(self, request: CommitRequest) -> Upstream:
        """Find the draft's upstream.

        Raises:
            NewerVersionError: It is ahead, and the request is for a plain commit.
        """
        upstream = upstream_of(self._store.catalog, self._draft, self._frozen.origin)
        if upstream.is_ahead and not (request.merge or request.replace):
            raise newer_version_error(self._frozen.origin, upstream)
        return upstream

    def publish(self, request: CommitRequest, version: NewVersion, tree: Tree) -> tuple[LoggedVersion, str]:
        """Publish the tree. Where another version comes first, decide again.

        Args:
            request: Says what to do where the upstream is ahead.
            version: Describes the version.
            tree: The draft's own; its pages are durable.

        Returns:
            The version, and the reference of the one that the changes were merged onto; empty: it has `tree`.

        Raises:
            NewerVersionError: The upstream is ahead, and the request is for a plain commit.
            MergeConflictError: Names were changed in both.
            ArtfsError: It cannot be done; nothing was published.
        """
        # The base is an input of who read it, and of all if something of it is left.
        readers = self._frozen.readers()
        shown = self._frozen.origin.shown_root
        keeps_base = bool(version.logged_by and shown) and share_contents(shown, tree.root, self._store.pages)
        for _ in range(_MAX_TRIES):
            upstream = self.check_upstream(request)
            onto, merged = (None, "") if request.replace else self._merge_target(upstream)
            for run in (version.logged_by, *version.also_logged_by):
                if run is not None:
                    if keeps_base or onto is not None or run in readers:
                        self._record_use(run, request, self._frozen.origin.base)
                    if onto is not None and upstream.newest is not None:
                        self._record_use(run, request, upstream.newest.serial)
            to_publish = tree if onto is None else self._merge(tree, onto, merged, request)
            follows = None if request.replace else upstream.follows
            described = replace(version, name=upstream.artifact, follows=follows)
            record_attempt(self._draft, tree.root if onto is None else _NO_ROOT)
            try:
                logged = self._store.catalog.create_version(
                    described, to_publish, request.who, if_changed=request.if_changed
                )
            except NewerVersionError:
                continue
            return logged, merged
        raise ConflictError("other commits were first again and again: commit again")

    def _merge_target(self, upstream: Upstream) -> tuple[Entry | None, str]:
        """The root directory that the draft's changes are put onto, and its version; None: the draft shows all of it.

        A draft that was merged does not show all of its base: its changes go on being merged onto that.
        """
        if upstream.is_ahead and upstream.newest is not None:
            return root_entry(upstream.newest), upstream.newest_ref
        origin = self._frozen.origin
        if origin.shown_root == origin.base_root:
            return None, ""
        return self._root_entry(origin.base_root), origin.base_ref

    def _merge(self, tree: Tree, theirs: Entry, ref: str, request: CommitRequest) -> Tree:
        """Merge what was changed in the draft since it was last committed, or opened."""
        shown = self._frozen.origin.shown_root
        base = self._root_entry(shown) if shown else None
        pages, writer = self._store.pages, self._session.writer
        choices = MergeChoices(request.mine, request.theirs)
        merged = merge_with(theirs, ref, tree, base, pages, writer, choices, ways_on=_WAYS_ON)
        writer.flush()
        return merged

    def _root_entry(self, root: bytes) -> Entry:
        """The root directory with these pages: of the base, or of the draft's last commit."""
        with self._store.catalog.view() as view:
            base = view.by_serial(self._frozen.origin.base)
        if isinstance(base, Version) and base.tree.root == root:
            return root_entry(base)
        mode = self._frozen.inode(BASE).mode & 0o1777  # not recorded: as if it had not been changed here
        return as_directory(Entry(b"", Kind.DIRECTORY, mode, 0, 0, b""), self._store.pages.top(root))

    def _record_use(self, run: str, request: CommitRequest, serial: int) -> None:
        """Record that a run used a version that goes into its own, unless it logged that itself."""
        with self._store.catalog.view() as view:
            version = view.by_serial(serial)
            own = isinstance(version, Version) and view.edge(run, EdgeKind.LOGGED, version) is not None
        if isinstance(version, Version) and not own:
            use = VersionUse(version.artifact, version.index, time.time_ns(), how="commit")
            self._store.catalog.use_versions(run, [use], request.who)
