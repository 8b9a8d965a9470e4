"""References in drafts: what they refer to is read, and they stay what they are until their bytes change."""

from __future__ import annotations

from pathlib import Path

import artfs
from artfs.api.logging import log
from artfs.format.node import Kind
from artfs.names import parse_entry_path, parse_ref
from artfs.store import open_store
from artfs.vfs.draft.draft import Draft
from artfs.vfs.draft.rows import BASE
from artfs.vfs.draft.status import changes
from artfs.vfs.draft.storer import DraftStorer
from tests.support.drafts import commit, make_draft

SMALL, LARGE = b"small", bytes(range(251)) * 20_000


def test_a_reference_is_read_moved_and_changed_in_a_draft(tmp_path: Path) -> None:
    top = tmp_path / "data"
    top.mkdir()
    for name, data in {"kept": SMALL, "small": SMALL, "large": LARGE, "cut": LARGE}.items():
        (top / name).write_bytes(data)
    with open_store(tmp_path / "store", create=True) as store:
        artifact = artfs.Artifact("base", store=store)
        artifact.add_reference(top.as_uri())
        log(store, artifact)
        base = store.version(parse_ref("base"))
        draft, storer = Draft(make_draft(tmp_path / "draft", base), store), DraftStorer(store)
        inodes = {name: attributes.ino for name, attributes, _offset in draft.listdir(BASE)}
        assert bytes(draft.read(inodes[b"large"], 0, len(LARGE))) == LARGE
        draft.change(inodes[b"kept"], mode=0o600)
        draft.rename(BASE, b"kept", BASE, b"moved")
        assert [(change.kind, change.path) for change in changes(draft.tree(), store.pages)] == [
            ("D", b"kept"),
            ("A", b"moved"),
        ]
        draft.write(inodes[b"small"], 0, b"S")
        draft.write(inodes[b"large"], 1000, b"L")
        draft.change(inodes[b"cut"], size=3_000_000)
        commit(draft, storer)
        version = store.version(parse_ref("base"))
        wanted = {
            b"moved": (Kind.REFERENCE, SMALL),
            b"small": (Kind.FILE, b"S" + SMALL[1:]),
            b"large": (Kind.FILE, LARGE[:1000] + b"L" + LARGE[1001:]),
            b"cut": (Kind.FILE, LARGE[:3_000_000]),
        }
        for path, expected in wanted.items():
            entry = store.entry(version, parse_entry_path(path.decode()))
            assert (entry.kind, bytes(store.content.read(entry, 0, entry.size))) == expected
        assert bytes(draft.read(inodes[b"cut"], 0, 3_000_000)) == LARGE[:3_000_000]
        storer.close()
        draft.close()
