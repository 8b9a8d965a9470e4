"""Previews of arrays and tensors, from their headers, without the libraries that write them.

npy: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
safetensors: https://github.com/huggingface/safetensors (a length of 8 bytes, then JSON).
"""

from __future__ import annotations

import ast
import sys
from array import array
from math import prod
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from artfs.documents.document import Document
    from artfs.web.previews.source import Source

__all__ = ["array_preview", "tensors_preview"]

_MAX_VALUES: Final = 2000
_MAX_HEADER: Final = 16 << 20
_MAX_TENSORS: Final = 2000
_CODES: Final = {
    "f4": "f",
    "f8": "d",
    "i1": "b",
    "i2": "h",
    "i4": "i",
    "i8": "q",
    "u1": "B",
    "u2": "H",
    "u4": "I",
    "u8": "Q",
}
_BAD_LITERAL: Final = (ValueError, SyntaxError, TypeError, RecursionError, MemoryError)


def array_preview(source: Source) -> Document | None:
    """Preview an npy file: shape, type, and the first values as they lie there; None if its header is damaged."""
    head = source.head
    length, start = (2, 10) if head[6:7] == b"\x01" else (4, 12)
    end = start + int.from_bytes(head[8 : 8 + length], "little")
    if end > len(head):
        return None
    try:
        header = ast.literal_eval(head[start:end].decode("latin-1").strip())
        shape, dtype = [int(size) for size in header["shape"]], header["descr"]
    except (*_BAD_LITERAL, KeyError):
        return None
    values = _values(head[end:], dtype) if isinstance(dtype, str) else []
    count = min(prod(shape), len(values), _MAX_VALUES)
    return {
        "kind": "array",
        "dtype": dtype if isinstance(dtype, str) else "structured",
        "shape": shape,
        "values": list(values[:count]),
        "cut": prod(shape) > count,
    }


def _values(data: bytes, dtype: str) -> array[Any] | list[Any]:
    """Return the numbers in bytes of a type like `<f4`; none of a type that is not drawn."""
    code = _CODES.get(dtype[1:])
    if code is None:
        return []
    values: array[Any] = array(code)
    values.frombytes(data[: len(data) // values.itemsize * values.itemsize])
    if (dtype[0] == ">") != (sys.byteorder == "big") and values.itemsize > 1:
        values.byteswap()
    return values


def tensors_preview(source: Source) -> Document | None:
    """Preview a safetensors file: what is in it, from the header; None if it is none."""
    length = int.from_bytes(source.head[:8], "little")
    if source.head[8:9] != b"{" or not 2 <= length <= min(_MAX_HEADER, source.size - 8):
        return None
    text = source.head[8:] + (source.read(len(source.head), 8 + length - len(source.head)) if source.cut else b"")
    try:
        header = msgspec.json.decode(text[:length])
        metadata = header.pop("__metadata__", {})
        found = [_tensor(name, row) for name, row in list(header.items())[:_MAX_TENSORS]]
    except (*_BAD_LITERAL, KeyError, AttributeError):  # msgspec's are ValueErrors
        return None
    return {
        "kind": "tensors",
        "tensors": found,
        "metadata": metadata if isinstance(metadata, dict) else {},
        "total": len(header),
        "cut": len(header) > len(found),
    }


def _tensor(name: str, row: Any) -> Document:
    start, end = row["data_offsets"]
    return {
        "name": name,
        "dtype": str(row["dtype"]),
        "shape": [int(size) for size in row["shape"]],
        "size": end - start,
    }
