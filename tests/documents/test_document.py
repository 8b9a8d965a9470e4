"""Values in JSON documents."""

from __future__ import annotations

import time
from base64 import b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artfs.documents.artifacts import entry_document
from artfs.documents.document import iso_time, json_text, local_time
from artfs.format.node import Entry, Kind
from artfs.testing.strategies import entries


@pytest.mark.parametrize(
    ("time_ns", "text"),
    [
        (0, "1970-01-01T00:00:00.000000000Z"),
        (-1, "1969-12-31T23:59:59.999999999Z"),
        (2**63 - 1, "2262-04-11T23:47:16.854775807Z"),
        (-(2**63), "1677-09-21T00:12:43.145224192Z"),
    ],
)
def test_a_time_keeps_its_nanoseconds(time_ns: int, text: str) -> None:
    assert iso_time(time_ns) == text


def test_a_time_for_people_is_of_their_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    for zone, text in (("UTC", "2001-09-09 01:46"), ("IST-5:30", "2001-09-09 07:16")):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        assert local_time(10**18) == text
    monkeypatch.undo()
    time.tzset()


@given(st.binary())
def test_bytes_survive_as_text_or_beside_it(raw: bytes) -> None:
    values = json_text("path", raw)
    assert (b64decode(values["path_base64"]) if "path_base64" in values else values["path"].encode()) == raw


@given(entries())
def test_an_entry_of_each_kind_has_its_keys(entry: Entry) -> None:
    document = entry_document(b"a/b", entry)
    extra = {Kind.DIRECTORY: {"entries"}, Kind.SYMLINK: {"target", "target_base64"}}.get(Kind(entry.kind), set())
    assert {"path", "kind", "mode", "mtime", "size", "digest"} <= set(document)
    assert set(document) - {"path", "kind", "mode", "mtime", "size", "digest"} <= extra
