"""References in drafts: what they refer to is read, and they stay what they are until their bytes change."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

import artfs
from artfs.api.artifact.publish import log
from artfs.drafts.commit.status import changes
from artfs.drafts.db.schema import BASE
from artfs.drafts.draft import Draft
from artfs.drafts.gc_roots import roots_of_drafts
from artfs.drafts.storer import DraftStorer
from artfs.errors import ReferenceUnreadableError
from artfs.format.node import Kind
from artfs.format.reference import stored_file
from artfs.names import parse_entry_path, parse_ref
from artfs.store import open_store, root_entry
from artfs.store.tree.links import root_of_file
from tests.support.data.drafts import commit, make_draft

SMALL, LARGE = b"small", bytes(range(251)) * 20_000


@pytest.mark.parametrize("checksum", [True, "content"])
def test_a_reference_is_read_moved_and_changed_in_a_draft(tmp_path: Path, checksum: bool | Literal["content"]) -> None:
    top = tmp_path / "data"
    top.mkdir()
    for name, data in {"kept": SMALL, "small": SMALL, "large": LARGE, "cut": LARGE}.items():
        (top / name).write_bytes(data)
    with open_store(tmp_path / "store", create=True) as store:
        artifact = artfs.Artifact("base", store=store)
        artifact.add_reference(top.as_uri(), checksum=checksum)
        log(store, artifact)
        base = store.version(parse_ref("base"))
        draft, storer = Draft(make_draft(tmp_path / "draft", base), store), DraftStorer(store)
        inodes = {name: attributes.ino for name, attributes, _offset in draft.listdir(BASE)}
        assert bytes(draft.files.read(inodes[b"large"], 0, len(LARGE))) == LARGE
        draft.set_attributes(inodes[b"kept"], mode=0o600)
        draft.rename(BASE, b"kept", BASE, b"moved")
        assert [(change.kind, change.path) for change in changes(draft.view(), store.pages)] == [
            ("D", b"kept"),
            ("A", b"moved"),
        ]
        draft.files.write(inodes[b"small"], 0, b"S")
        draft.files.write(inodes[b"large"], 1000, b"L")
        draft.set_attributes(inodes[b"cut"], size=3_000_000)
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
        assert bytes(draft.files.read(inodes[b"cut"], 0, 3_000_000)) == LARGE[:3_000_000]
        storer.close()
        draft.close()


def test_a_reference_of_unknown_size_is_never_empty_in_a_draft(tmp_path: Path) -> None:
    """It can be renamed, truncated and replaced; a program that reads it gets an error."""
    with open_store(tmp_path / "store", create=True) as store:
        artifact = artfs.Artifact("base", store=store)
        for name in ("kept", "cut"):
            artifact.add_reference("tape://shelf/7", name=name)
        log(store, artifact)
        draft, storer = (
            Draft(make_draft(tmp_path / "draft", store.version(parse_ref("base"))), store),
            DraftStorer(store),
        )
        inodes = {name: attributes.ino for name, attributes, _offset in draft.listdir(BASE)}
        draft.rename(BASE, b"kept", BASE, b"moved")
        for ino in inodes.values():
            assert draft.attributes(ino).size == 1
            with pytest.raises(ReferenceUnreadableError, match="by its URI alone"):
                draft.files.read(ino, 0, 1)
            with pytest.raises(OSError, match="Input/output error"):
                draft.files.write(ino, 1, b"appended")
            with pytest.raises(OSError, match="Input/output error"):
                draft.set_attributes(ino, size=10)
        assert draft.set_attributes(inodes[b"cut"], size=0).size == 0
        assert draft.files.read(inodes[b"cut"], 0, 1) == b""
        commit(draft, storer)
        version = store.version(parse_ref("base"))
        kinds = {path: store.entry(version, parse_entry_path(path)).kind for path in ("moved", "cut")}
        assert kinds == {"moved": Kind.REFERENCE, "cut": Kind.FILE}
        storer.close()
        draft.close()


def test_gc_keeps_the_chunk_lists_of_references_that_a_draft_has(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(LARGE)
    with open_store(tmp_path / "store", create=True) as store:
        artifact = artfs.Artifact("base", store=store)
        artifact.add_reference((tmp_path / "large").as_uri(), checksum="content")
        log(store, artifact)
        draft = Draft(make_draft(store.layout.drafts / "1.base", store.version(parse_ref("base"))), store)
        (attributes,) = (attributes for _name, attributes, _offset in draft.listdir(BASE))
        draft.rename(BASE, b"large", BASE, b"moved")
        draft.close()
        roots = set(roots_of_drafts(store.layout.drafts))
        (entry,) = store.children(root_entry(store.version(parse_ref("base"))))
        file = stored_file(entry)
        assert file is not None
        assert root_of_file(file) in roots
        draft = Draft(store.layout.drafts / "1.base", store)
        assert bytes(draft.files.read(attributes.ino, 0, len(LARGE))) == LARGE
        draft.close()
