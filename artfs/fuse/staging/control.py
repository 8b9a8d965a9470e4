"""Control files in `.artfs/`: a draft's to commit it, the mount's to stage, discard and undelete drafts.

- The text of a control file is made when it is read from its beginning.
- A request is one write from the beginning.
"""

from __future__ import annotations

import contextlib
import errno
import stat
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Final

import msgspec
import pyfuse3

from artfs.drafts.commit.merged_base import differs_from_shown
from artfs.drafts.commit.status import changes
from artfs.drafts.control.commit_request import NO_CHECKPOINT, encode_meta, parse_meta, parse_request, with_requester
from artfs.drafts.control.stage_request import StageReply, error_reply, parse_discard, parse_stage, parse_undelete
from artfs.drafts.db.schema import BASE
from artfs.drafts.namespace.inodes import Attributes, os_error
from artfs.drafts.salvage.describe import describe_damage
from artfs.errors import ArtfsError, ConflictError, InvalidInputError
from artfs.fuse.staging.commit_queue import CommitQueue, PendingCommit
from artfs.fuse.staging.conflicts_file import read_conflicts
from artfs.fuse.staging.inode_numbers import (
    CONTROL,
    CONTROL_NAMES,
    ROOT,
    ROOT_CONTROL_NAMES,
    control_handle,
    local_of_handle,
    split,
)
from artfs.fuse.staging.recovery.replies import ControlReplies
from artfs.fuse.staging.served_drafts import ServedDraft, ServedDrafts
from artfs.names import printable
from artfs.store import Store

__all__ = ["ControlFiles", "Requester"]

_READ_ONLY: Final = (b"status", b"result", b"drafts", b"conflicts")
_OTHERS_MAY_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
_STATUS_LINES: Final = 1000
_STATUS_CHANGES: Final = 50_000
"""`status` lists no changes of a draft that has more: all requests wait meanwhile."""
_INVALIDATE_SECONDS: Final = 0.05

_json = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Requester:
    """The process that opened a control file; a write request does not name it.

    Attributes:
        uid: Its user.
        gid: Its group.
        pid: Its process id.
        appends: It opened the file for appending, so the offset of its writes means nothing.
    """

    uid: int
    gid: int
    pid: int
    appends: bool


class ControlFiles:
    """Reads and writes of control files, and their attributes.

    Args:
        drafts: The drafts of the mount.
        commits: Their commits.
        store: Open in this process; has the bases of the drafts.
        owner: User and group of the mount's control files; a draft's belong to the draft's owner.
        run_of: Finds the run of a thread.
        replies: Replies to the last requests, also those of the server before.
    """

    def __init__(
        self,
        drafts: ServedDrafts,
        commits: CommitQueue,
        store: Store,
        owner: tuple[int, int],
        run_of: Callable[[int], str | None],
        replies: ControlReplies,
    ) -> None:
        self._drafts = drafts
        self._commits = commits
        self._store = store
        self._owner = owner
        self._run_of = run_of
        self._openings = 0
        self._requesters: dict[int, Requester] = {}
        self._texts: dict[int, bytes] = {}
        self._replies = replies
        self._since = time.time_ns()

    # ------------------------------------------------------------------------------------- names and attributes

    def names(self, draft: int) -> tuple[bytes, ...]:
        """Names in a control directory; their local numbers follow the directory's."""
        return CONTROL_NAMES if draft else ROOT_CONTROL_NAMES

    def find(self, draft: int, name: bytes) -> int:
        """Find the local number of a control file; 0 if there is none of that name."""
        names = self.names(draft)
        return CONTROL + 1 + names.index(name) if name in names else 0

    def _name_of(self, draft: int, local: int) -> bytes:
        at = local - CONTROL - 1
        names = self.names(draft)
        if not 0 <= at < len(names):
            raise os_error(errno.ESTALE)
        return names[at]

    def attributes(self, draft: int, local: int) -> Attributes:
        """Attributes of a control directory or file. A user who may write into a draft may commit it.

        Raises:
            OSError: ESTALE: there is none of that number.
        """
        uid, gid = self._owner
        others = 0
        if draft:
            root = self._drafts.by_number(draft).draft.attributes(BASE)
            uid, gid, others = root.uid, root.gid, root.mode & _OTHERS_MAY_WRITE
        if local == CONTROL:
            mode = stat.S_IFDIR | 0o755
        elif self._name_of(draft, local) in _READ_ONLY:
            mode = stat.S_IFREG | 0o444
        else:
            mode = stat.S_IFREG | 0o644 | others
        return Attributes(local, mode, 1, uid, gid, 0, 0, self._since, self._since, self._since)

    # ------------------------------------------------------------------------------------- open, read and write

    def open(self, ino: int, requester: Requester) -> int:
        """Open a control file; return its handle."""
        self._openings += 1
        handle = control_handle(ino, self._openings)
        self._requesters[handle] = requester
        return handle

    def close(self, handle: int) -> None:
        """Close a control file."""
        self._requesters.pop(handle, None)
        self._texts.pop(handle, None)

    def read(self, handle: int, offset: int, size: int) -> bytes:
        """Read from the text that a control file had when it was read from its beginning."""
        if offset == 0 or handle not in self._texts:
            draft, local = split(handle)
            self._texts[handle] = self._text(draft, self._name_of(draft, local_of_handle(local)))
        return self._texts[handle][offset : offset + size]

    def _text(self, draft: int, name: bytes) -> bytes:
        if name == b"drafts":
            found = [(location.name, location.number) for location in self._drafts.locations()]
            rows = [{"name": name, "number": at, "runs": self._drafts.writers(at)} for name, at in found]
            return _json(rows) + b"\n"
        if not draft:
            return _json(self._replies.get(name)) + b"\n"
        served = self._drafts.by_number(draft)
        match name:
            case b"commit":
                return self._commits.status_line(served).encode("utf-8", "surrogateescape")
            case b"result":
                return _json(list(self._commits.results(served))) + b"\n"
            case b"conflicts":
                return read_conflicts(served.location.path)
            case b"status":
                return self.status(served).encode("utf-8", "surrogateescape")
            case _:
                return encode_meta(parse_meta(served.draft.get_meta()))

    def status(self, served: ServedDraft) -> str:
        """Text of `status`: the first 1000 changes since the base.

        It checkpoints the rows, from which `artfs status` lists all changes; where the disk has no room for that, it
        says so in a line that begins with `NO_CHECKPOINT`.
        """
        origin = served.draft.origin
        upstream = served.draft.upstream()
        lines = [f"{upstream.artifact} from {origin.base_ref or 'nothing'}"]
        if upstream.is_ahead:
            lines.append(f"behind {upstream.newest_ref}: commit with --merge or --replace")
        if origin.own_root:
            lines.append(f"merged: {differs_from_shown(origin)}")
        if not served.checkpoint_blocked:
            try:
                served.draft.checkpoint()
            except OSError as error:
                lines.append(f"{NO_CHECKPOINT}{error.strerror}")
        if served.draft.damage is not None:
            lines.append(f"damaged: {describe_damage(served.draft.damage)}")
        if served.draft.is_dirty(_STATUS_CHANGES):
            return "\n".join([*lines, "very many changes: `artfs status` lists them\n"])
        try:
            found = list(islice(changes(served.draft.view(), self._store.pages), _STATUS_LINES + 1))
        except InvalidInputError as error:
            return "\n".join([*lines, f"error: {error}\n"])
        lines += [f"{change.kind} {printable(change.path)}" for change in found[:_STATUS_LINES]]
        if len(found) > _STATUS_LINES:
            lines.append("and more: `artfs status` lists all")
        return "\n".join(lines) + "\n"

    def write(self, handle: int, offset: int, text: bytes) -> PendingCommit | None:
        """Carry out a request; return the commit to wait for, if it began one.

        Raises:
            ArtfsError: The request was refused.
        """
        draft, local = split(handle)
        name = self._name_of(draft, local_of_handle(local))
        # A file opened before the last server died has no requester: who may open it is trusted like its owner.
        requester = self._requesters.get(handle) or Requester(*self._owner, 0, appends=True)
        if offset and not requester.appends:
            raise InvalidInputError("a request is one write from the file's beginning")
        if not draft:
            self._change_drafts(name, text, (requester.uid, requester.gid))
            return None
        served = self._drafts.by_number(draft)
        if name == b"meta":
            served.draft.set_meta(encode_meta(parse_meta(text)))
            return None
        try:
            request = parse_request(text)
        except ArtfsError as error:
            if not self._commits.is_busy(served):
                self._commits.refuse(served, error)
            raise
        run = self._run_of(requester.pid)
        return self._commits.add(served, with_requester(request, requester.uid, requester.pid, run))

    def _change_drafts(self, name: bytes, text: bytes, owner: tuple[int, int]) -> None:
        token = ""
        try:
            if name == b"stage":
                request = parse_stage(text)
                token = request.token
                served, base = self._drafts.stage(request, owner)
                self._replies.set(name, StageReply(token, served.location.name, base))
            elif name == b"undelete":
                undelete = parse_undelete(text)
                token = undelete.token
                served = self._drafts.undelete(undelete)
                self._replies.set(name, StageReply(token, served.location.name, served.draft.origin.base_ref))
            else:
                discard = parse_discard(text)
                token = discard.token
                found = self._drafts.by_name(discard.name)
                if found is not None and self._commits.is_busy(found):
                    raise ConflictError(f"{discard.name} is being committed: wait until that is done")
                kept = self._drafts.discard(discard)
                _invalidate_draft(discard.name)
                self._replies.set(name, StageReply(token, discard.name, kept=kept))
        except (ArtfsError, OSError) as error:
            self._replies.set(name, error_reply(token, error))
            raise


def _invalidate_draft(name: str) -> None:
    """Make the kernel drop the cached name of a discarded draft.

    The notification waits for lookups in the mount's root to end, which may wait for this process in turn. So another
    thread sends it, and is done at once when there is no lookup. Otherwise the name expires a moment later anyway.
    """

    def notify() -> None:
        with contextlib.suppress(OSError):  # the kernel does not know the name, or the file system is unmounted
            pyfuse3.invalidate_inode(ROOT, attr_only=True)
            pyfuse3.invalidate_entry(ROOT, name.encode())

    thread = threading.Thread(target=notify, daemon=True)
    thread.start()
    thread.join(_INVALIDATE_SECONDS)
