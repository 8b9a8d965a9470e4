"""A bundle as a stream of documents and records, written and read once from its beginning to its end."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import BinaryIO, Final, NamedTuple

import msgspec
from blake3 import blake3

from artfs.chunks.record import EncodedRecord, prove_record
from artfs.errors import BundleDamagedError, BundleFormatError, IntegrityError, SourceError
from artfs.format.bundle import (
    DOCUMENT_HEAD_SIZE,
    DOCUMENT_MAGIC,
    HEADER_SIZE,
    MAX_DOCUMENTS_SIZE,
    Document,
    End,
    decode_document,
    decode_header,
    document_rest,
    encode_document,
    encode_header,
)
from artfs.format.digest import Data
from artfs.format.pack import HEAD_SIZE, RECORD_MAGIC, RecordKind, parse_head, record_size

__all__ = ["BundleReader", "BundleWriter", "Record"]

_NAMES: Final = {RecordKind.CHUNK: "chunk", RecordKind.NODE: "tree node"}


class Record(NamedTuple):
    """A record that was read, every byte of it checked.

    Attributes:
        offset: Where it begins in the bundle.
        record: To be appended to a pack as it is.
        plain: Its plain bytes.
    """

    offset: int
    record: EncodedRecord
    plain: Data


class BundleWriter:
    """Writes a bundle.

    Args:
        write: Takes the bytes. What it raises passes through.
        store_id: The id of the store that is exported from.
    """

    def __init__(self, write: Callable[[Data], object], store_id: bytes) -> None:
        self._write = write
        self._chain = blake3()
        self._counts = dict.fromkeys(("documents", "nodes", "chunks", "size"), 0)
        self._add(encode_header(store_id))

    def _add(self, data: bytes) -> None:
        self._chain.update(data)
        self._write(data)
        self._counts["size"] += len(data)

    def document(self, encoded: bytes) -> None:
        """Write a document (`encode_document`)."""
        self._add(encoded)
        self._counts["documents"] += 1

    def record(self, record: EncodedRecord) -> None:
        """Write a record."""
        self._chain.update(memoryview(record.buffers[0])[:HEAD_SIZE])
        for buffer in record.buffers:
            self._write(buffer)
        self._counts["size"] += record.size
        self._counts["nodes" if record.kind == RecordKind.NODE else "chunks"] += 1

    def end(self) -> End:
        """Write the last document, and return it."""
        end = End(**self._counts, chain=self._chain.digest())
        self._write(encode_document(end))
        return end


class BundleReader:
    """Reads a bundle, and checks every byte of it.

    Iterating gives its documents and records, without the end; when it is over, the bundle was whole.

    Args:
        file: Where it is read from; `read` returns all bytes that it is asked for, but at the end.
        name: What messages call it.

    Attributes:
        store_id: The id of the store that it came from.
        offset: Bytes read so far.

    Raises:
        BundleFormatError: It is no bundle, or a newer artfs wrote it.
        BundleDamagedError: It is cut off or damaged.
        SourceError: It cannot be read.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file = file
        self._name = name
        self._chain = blake3()
        self._counts = {RecordKind.CHUNK: 0, RecordKind.NODE: 0}
        self._documents = self._documents_size = 0
        self.offset = 0
        header = self._read(HEADER_SIZE)
        try:
            self.store_id = decode_header(header)
        except BundleFormatError as error:
            raise BundleFormatError(f"{name} cannot be imported: {error}") from None
        except BundleDamagedError as error:
            raise self.damaged(0, str(error)) if len(header) == HEADER_SIZE else self._cut_off() from None
        self._chain.update(header)

    def __iter__(self) -> Iterator[Document | Record]:
        while True:
            start = self.offset
            front = self._read(DOCUMENT_HEAD_SIZE)
            if len(front) < DOCUMENT_HEAD_SIZE:
                raise self._cut_off()
            if front.startswith(RECORD_MAGIC):
                yield self._record(front, start)
            elif front.startswith(DOCUMENT_MAGIC):
                document, data = self._document(front, start)
                if isinstance(document, End):
                    self._check_end(document, start)
                    return
                self._chain.update(data)
                self._documents += 1
                yield document
            else:
                raise self.damaged(start, "neither a document nor a record begins here")

    def damaged(self, offset: int, what: str) -> BundleDamagedError:
        """Make the error for damage that begins at an offset."""
        return BundleDamagedError(
            f"{self._name} is damaged at byte {offset}: {what}; nothing of it was published: get the file again"
        )

    def _cut_off(self) -> BundleDamagedError:
        return BundleDamagedError(
            f"{self._name} is cut off after {self.offset} bytes; nothing of it was published: import the whole of it, "
            "and what came already is not stored again"
        )

    def _read(self, size: int) -> bytes:
        try:
            data = self._file.read(size)
        except OSError as error:
            raise SourceError(f"cannot read {self._name}: {os.strerror(error.errno or 0)}") from error
        self.offset += len(data)
        return data

    def _read_rest(self, front: bytes, size: int) -> bytes:
        rest = self._read(size)
        if len(rest) < size:
            raise self._cut_off()
        return front + rest

    def _document(self, front: bytes, start: int) -> tuple[Document, bytes]:
        try:
            data = self._read_rest(front, document_rest(front))
            self._documents_size += len(data)
            if self._documents_size > MAX_DOCUMENTS_SIZE:
                raise self.damaged(start, f"there are documents of more than {MAX_DOCUMENTS_SIZE} bytes")
            return decode_document(data), data
        except BundleFormatError as error:
            raise BundleFormatError(f"{self._name} cannot be imported: {error}") from error
        except BundleDamagedError as error:
            raise error if str(error).startswith(self._name) else self.damaged(start, str(error)) from None

    def _record(self, front: bytes, start: int) -> Record:
        head = self._read_rest(front, HEAD_SIZE - len(front))
        name = "the record"
        try:
            parsed, _data_at = parse_head(head)
            name = f"{_NAMES[RecordKind(parsed.kind)]} {parsed.digest.hex()}"
            size = record_size(parsed.codec, parsed.plain_len, parsed.stored_len)
            found = Record(start, *prove_record(self._read_rest(head, size - HEAD_SIZE)))
        except IntegrityError as error:
            raise self.damaged(start, f"{name}: {error}") from error
        self._chain.update(head)
        self._counts[found.record.kind] += 1
        return found

    def _check_end(self, end: End, start: int) -> None:
        nodes, chunks = self._counts[RecordKind.NODE], self._counts[RecordKind.CHUNK]
        found = End(self._documents, nodes, chunks, start, self._chain.digest())
        if msgspec.structs.astuple(end) != msgspec.structs.astuple(found):
            raise self.damaged(
                start, "its end does not fit what was before: something is missing, twice or out of place"
            )
        if self._read(1):
            raise self.damaged(self.offset - 1, "there is more behind its end")
