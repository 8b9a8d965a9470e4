"""Previews of Parquet files, by pyarrow where it is installed, in a process of its own that a hostile file may end.

The process gets a file in memory that is as long as the real one, and has of it only the end, where the schema is, and
the beginning. Rows are shown if the beginning has all of the first group of rows.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

import msgspec

from artfs.files import write_all
from artfs.web.previews.texts import MAX_ROWS, table_document

if TYPE_CHECKING:
    from artfs.documents.document import Document
    from artfs.web.previews.source import Source

__all__ = ["parquet_preview"]

_BEGIN: Final = 512 << 10
_MAX_FOOTER: Final = 384 << 10
_SECONDS: Final = 20
_PROGRAM: Final = """
import json, resource, sys
resource.setrlimit(resource.RLIMIT_CPU, (15, 15))
import pyarrow.parquet
descriptor, begin, rows = map(int, sys.argv[1:])
file = pyarrow.parquet.ParquetFile(open(descriptor, "rb"))
metadata = file.metadata
found = []
if metadata.num_row_groups:
    group = metadata.row_group(0)
    columns = [group.column(number) for number in range(group.num_columns)]
    starts = [min(filter(None, (one.data_page_offset, one.dictionary_page_offset))) for one in columns]
    ends = [start + one.total_compressed_size for start, one in zip(starts, columns)]
    if group.total_byte_size <= 64 << 20 and max(ends, default=0) <= begin:
        batch = next(file.iter_batches(rows + 1, row_groups=[0]))
        values = [column.to_pylist() for column in batch.columns]
        found = [list(row) for row in zip(*values)]
schema = [{"name": field.name, "type": str(field.type)} for field in file.schema_arrow]
print(json.dumps({"columns": schema, "rows": found, "total": metadata.num_rows}, default=str))
"""


def parquet_preview(source: Source) -> Document:
    """Preview a Parquet file: its columns, and its first rows."""
    if find_spec("pyarrow") is None:
        return {"kind": "parquet", "note": "Parquet table: `pip install pyarrow` shows what is in it"}
    tail = source.read(source.size - 8, 8)
    footer = int.from_bytes(tail[:4], "little") + 8
    if tail[4:] != b"PAR1" or footer > min(_MAX_FOOTER, source.size):
        return {"kind": "parquet", "note": "Parquet table, whose schema is damaged or very long"}
    found = _ask(source, footer)
    if found is None:
        return {"kind": "parquet", "note": "Parquet table that pyarrow cannot read"}
    rows, total = found["rows"], found["total"]
    return table_document(found["columns"], rows, cut=total > min(len(rows), MAX_ROWS), total=total)


def _ask(source: Source, footer: int) -> Document | None:
    """Have pyarrow read what the preview has of the file; None if it cannot."""
    begin = min(_BEGIN, source.size)
    memory = os.memfd_create("parquet", os.MFD_CLOEXEC)
    try:
        os.ftruncate(memory, source.size)
        write_all(memory, source.read(0, begin), 0)
        write_all(memory, source.read(source.size - footer, footer), source.size - footer)
        line = [sys.executable, "-I", "-c", _PROGRAM, str(memory), str(begin), str(MAX_ROWS)]
        ended = subprocess.run(  # noqa: S603 # this interpreter, with the program above
            line, check=False, capture_output=True, pass_fds=[memory], timeout=_SECONDS
        )
    except subprocess.TimeoutExpired:
        return None
    finally:
        os.close(memory)
    if ended.returncode:
        return None
    found: Document = msgspec.json.decode(ended.stdout)
    return found
