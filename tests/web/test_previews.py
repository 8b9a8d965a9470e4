"""Previews: by contents, from the first bytes, and of what is damaged or hostile too."""

from __future__ import annotations

import io
import json
import pickle
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from artfs.web.previews import parquet
from artfs.web.previews.preview import make_preview
from artfs.web.previews.source import READ_BYTES, Source

_PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
_PARQUET = """
import sys, pyarrow as pa, pyarrow.parquet as pq
for size in sys.argv[2:]:
    rows = range(int(size))
    table = pa.table({"id": pa.array(rows, pa.int64()), "text": [f"row {n}" for n in rows]})
    pq.write_table(table, f"{sys.argv[1]}/{size}", compression="none", use_dictionary=False)
"""


class _Reads:
    """The bytes of a file of any length, which notes how many were read."""

    def __init__(self, begin: bytes, size: int | None = None) -> None:
        self.begin = begin
        self.size = len(begin) if size is None else size
        self.bytes_read = 0

    def __call__(self, offset: int, size: int) -> bytes:
        size = max(0, min(size, self.size - offset))
        self.bytes_read += size
        return self.begin[offset : offset + size].ljust(size, b"x")


def _preview(name: str, data: bytes | _Reads) -> Any:
    reads = data if isinstance(data, _Reads) else _Reads(data)
    document = make_preview(Source(name.encode(), reads.size, reads, reads(0, READ_BYTES)))
    assert json.loads(json.dumps(document)) == document
    return document


def _safetensors(header: object, tail: int = 64) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(tail)


def _npy(header: str, data: bytes = b"") -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data


def _zip(name: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr(name, b"x")
    return data.getvalue()


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (_PNG, "image"),
        (b"\xff\xd8\xff\xe0" + bytes(9), "image"),
        (b"GIF89a" + bytes(9), "image"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "image"),
        (b"\0\0\0\x1cftypavif", "image"),
        (b"RIFF\x10\0\0\0WAVEfmt ", "audio"),
        (b"fLaC" + bytes(9), "audio"),
        (b"ID3\x04" + bytes(9), "audio"),
        (b"\0\0\0\x1cftypisom", "video"),
        (b"\x1aE\xdf\xa3" + bytes(9), "video"),
        (b"%PDF-1.7\n", "pdf"),
        (pickle.dumps({"a": 1}, protocol=4), "pickle"),
        (pickle.dumps({"a": 1}, protocol=2), "pickle"),
        (_zip("model/data.pkl"), "pickle"),
        (_zip("readme"), "zip"),
        (b"\x89HDF\r\n\x1a\n" + bytes(9), "hdf5"),
        (b"<!DOCTYPE html><p>x", "html"),
        (b"\n <html lang=en>", "html"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', "text"),
        (b"plain\n", "text"),
        (b"", "text"),
        (b'{"a": [1]}', "json"),
        (b"[1, 2]", "json"),
        (b"{not json", "text"),
        (b"BM is how this begins\n", "text"),
        (b"a\0b", "other"),
        (b"\xff\xfe\xfd", "other"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_format_is_found_by_contents_whatever_the_name_says(data: bytes, kind: str) -> None:
    for name in ("x.png", "x", "x.bin"):
        assert _preview(name, data)["kind"] == kind


def test_a_name_tells_kinds_of_text_apart_and_nothing_else() -> None:
    assert _preview("report.HTML", b"<h1>Report</h1>")["kind"] == "html"
    assert _preview("a.csv", b"a,b\n1,2\n")["kind"] == "table"
    for name in ("a.html", "a.csv", "a.json", "a.npy", "a.safetensors", "a.parquet"):
        assert _preview(name, b"\x01\0\xff" * 9)["kind"] == "other"


def test_text_is_its_beginning_and_no_character_of_it_is_cut_in_two() -> None:
    text = "ä" * READ_BYTES
    for shift in ("", "x"):
        found = _preview("notes.md", (shift + text).encode())
        assert (found["kind"], found["cut"]) == ("text", True)
        assert (shift + text).startswith(found["text"])
        assert len(found["text"].encode()) >= READ_BYTES - 1
    assert _preview("notes.md", b"whole\n") == {"kind": "text", "text": "whole\n", "cut": False}


def test_long_json_is_shown_from_its_beginning() -> None:
    found = _preview("a.json", b'{"a": "' + b"x" * READ_BYTES + b'"}')
    assert (found["kind"], found["cut"]) == ("json", True)


def test_rows_of_csv_are_the_first_hundred_that_are_whole() -> None:
    lines = [f"{number},text {number}" for number in range(40_000)]
    found = _preview("labels.csv", "\n".join(["id,name", *lines]).encode())
    assert found["columns"] == [{"name": "id"}, {"name": "name"}]
    assert found["rows"] == [line.split(",") for line in lines[:100]]
    assert found["cut"]
    short = _preview("labels.tsv", b'a\tb\n1\t"two\nlines"\n')
    assert (short["rows"], short["cut"]) == ([["1", "two\nlines"]], False)
    long = _preview("labels.csv", b"a\n" + b"x" * 5000 + b"\n")
    assert len(long["rows"][0][0]) == 2001


def test_a_table_of_wandb_shows_its_rows_though_its_end_is_missing() -> None:
    rows = [[number, f"row {number}", None] for number in range(9000)]
    data = json.dumps({"columns": ["id", "text", "none"], "data": rows, "ncols": 3}).encode()
    found = _preview("t.table.json", data)
    assert [column["name"] for column in found["columns"]] == ["id", "text", "none"]
    assert (found["rows"], found["cut"]) == (rows[:100], True)
    whole = json.dumps({"columns": ["a"], "data": [[1]]}).encode()
    assert _preview("t", whole) == {"kind": "table", "columns": [{"name": "a"}], "rows": [[1]], "cut": False}


def test_an_array_has_its_shape_and_its_first_values() -> None:
    values = struct.pack("<5000f", *range(5000))
    found = _preview("a.npy", _npy("{'descr': '<f4', 'fortran_order': False, 'shape': (50, 100), }\n", values))
    assert (found["dtype"], found["shape"], found["cut"]) == ("<f4", [50, 100], True)
    assert found["values"] == [float(number) for number in range(2000)]
    big = _preview("a.npy", _npy("{'descr': '>i2', 'fortran_order': False, 'shape': (2,), }\n", b"\0\x01\xff\xff"))
    assert (big["values"], big["cut"]) == ([1, -1], False)
    mixed = _preview("a.npy", _npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", bytes(4)))
    assert (mixed["dtype"], mixed["values"]) == ("structured", [])


def test_tensors_are_listed_from_the_header_however_long_the_file() -> None:
    header = {f"layer.{n}": {"dtype": "F32", "shape": [2, n], "data_offsets": [n, n + 8]} for n in range(3000)}
    data = _Reads(_safetensors({"__metadata__": {"format": "pt"}, **header}), size=10 << 30)
    found = _preview("model.safetensors", data)
    assert found["tensors"][1] == {"name": "layer.1", "dtype": "F32", "shape": [2, 1], "size": 8}
    assert (len(found["tensors"]), found["total"], found["cut"]) == (2000, 3000, True)
    assert found["metadata"] == {"format": "pt"}
    assert data.bytes_read <= 1 << 20


@pytest.mark.parametrize(
    "data",
    [
        _safetensors(b"{" * 100_000),
        _safetensors({"a": 1}),
        _safetensors({"a": {"dtype": "F32"}}),
        _safetensors(b'{"a": '),
        struct.pack("<Q", 1 << 62) + b"{}",
        struct.pack("<Q", 0) + b"{}",
        _npy("{" * 5000),
        _npy("(" * 5000),
        _npy("__import__('os').system('touch ran')"),
        _npy("{'descr': '<f4', 'shape': 7}"),
        _npy("{'descr': '<f4', 'shape': ('a',)}"),
        b"\x93NUMPY\x01\x00\xff\xff{",
        b"\x93NUMPY",
        b"PAR1",
        b"PAR1" + bytes(100) + b"\xff\xff\xff\xffPAR1",
        b"PK\x03\x04",
        b"\x80",
    ],
)
def test_a_damaged_or_hostile_header_is_shown_as_bytes_at_most(data: bytes, tmp_path: Path) -> None:
    found = _preview("x", data)
    assert found["kind"] in {"other", "array", "parquet", "zip"}
    assert "values" not in found
    assert "note" in found
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "begin",
    [b"", b"\x93NUMPY\x01\x00\x10\x00", _PNG, b"PAR1", b"{", b"a,b\n", b"%PDF-", struct.pack("<Q", 9 << 30) + b"{"],
)
@pytest.mark.parametrize("name", ["x", "x.csv", "x.html", "x.table.json"])
def test_a_preview_of_ten_gigabytes_reads_at_most_one_mebibyte(begin: bytes, name: str) -> None:
    data = _Reads(begin, size=10 << 30)
    assert "kind" in _preview(name, data)
    assert data.bytes_read <= 1 << 20


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of two Parquet files, which are called after the number of their rows."""
    directory = tmp_path_factory.mktemp("parquet")
    subprocess.run([sys.executable, "-c", _PARQUET, str(directory), "150", "100000"], check=True)
    return directory


def test_a_parquet_file_has_its_columns_and_its_first_rows(tables: Path) -> None:
    found = _preview("x", (tables / "150").read_bytes())
    assert found["columns"] == [{"name": "id", "type": "int64"}, {"name": "text", "type": "string"}]
    assert found["rows"] == [[number, f"row {number}"] for number in range(100)]
    assert (found["total_rows"], found["cut"]) == (150, True)


def test_of_a_large_parquet_file_the_columns_are_read_from_its_end(tables: Path) -> None:
    data = _Reads((tables / "100000").read_bytes())
    found = _preview("x", data)
    assert [column["name"] for column in found["columns"]] == ["id", "text"]
    assert (found["rows"], found["total_rows"], found["cut"]) == ([], 100_000, True)
    assert data.bytes_read <= 1 << 20 < data.size


def test_without_pyarrow_a_parquet_file_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "find_spec", lambda _name: None)
    assert "pip install pyarrow" in _preview("x", b"PAR1" + bytes(9))["note"]
