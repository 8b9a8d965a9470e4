"""Replies to the last requests to stage, discard and undelete drafts, in shared memory that survives the server.

A client writes its request, and reads the reply after that. A server that dies in between has carried the request out
and answered the write: nothing comes again, so the next server has to know the reply.
"""

from __future__ import annotations

import mmap
import struct
import zlib
from typing import Final

import msgspec

from artfs.closing import Closing
from artfs.drafts.control.stage_request import StageReply
from artfs.format.msgpack import DECODE_ERRORS

__all__ = ["ControlReplies"]

_NAMES: Final = (b"stage", b"discard", b"undelete")
_ROOM: Final = 16 << 10
_HEAD: Final = struct.Struct("=II")
_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(StageReply).decode


class ControlReplies(Closing):
    """The last reply of each control file of a mount. Make it before forking; one server at a time uses it."""

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, _ROOM * len(_NAMES))

    def close(self) -> None:
        """Unmap the memory in this process."""
        self._shared.close()

    def set(self, name: bytes, reply: StageReply) -> None:
        """Set the reply of a control file; a message that is too long for the room is cut off."""
        text = _encode(reply)
        if len(text) > _ROOM - _HEAD.size:
            text = _encode(msgspec.structs.replace(reply, message=reply.message[: _ROOM // 16]))
        at = _ROOM * _NAMES.index(name)
        self._shared[at : at + _HEAD.size + len(text)] = _HEAD.pack(len(text), zlib.crc32(text)) + text

    def get(self, name: bytes) -> StageReply:
        """The reply of a control file; an empty one before the first request, and if a server died while it set it."""
        at = _ROOM * _NAMES.index(name)
        length, check = _HEAD.unpack_from(self._shared, at)
        text = self._shared[at + _HEAD.size : at + _HEAD.size + min(length, _ROOM - _HEAD.size)]
        try:
            return _decode(text) if zlib.crc32(text) == check else StageReply()
        except DECODE_ERRORS:
            return StageReply()
