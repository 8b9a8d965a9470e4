"""Discarded drafts: kept until gc, listed and brought back."""

from __future__ import annotations

import os
from pathlib import Path

from artfs.catalog import current_actor
from artfs.cli.render.output import size_text
from artfs.drafts.gc_roots import collect_store
from artfs.store import open_store
from tests.support.commands import Commands


def _discarded(stored: Commands, draft: Path) -> int:
    """Write into a draft, discard it, and return the number by which it comes back."""
    (draft / "new.png").write_bytes(os.urandom(300_000))
    (draft / "cats/tom.png").write_bytes(b"over" + bytes(range(256)) * 20)
    (draft / "labels.csv").unlink()
    number: int = stored.done("discard", draft, "--force", "--json").json["kept"]
    assert number
    assert not draft.exists()
    return number


def _contents(draft: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in draft.rglob("*") if path.is_file() and not path.is_symlink()}


def _collect(stored: Commands, *, grace_ns: int) -> None:
    with open_store(stored.store) as store:
        collect_store(store, current_actor(), grace_ns=grace_ns)


def test_a_discarded_draft_comes_back_as_it_was_and_is_committed(stored: Commands, draft: Path) -> None:
    """S95."""
    (draft / "before").write_text("before")
    (draft / "new.png").write_bytes(os.urandom(300_000))
    (draft / "labels.csv").unlink()
    before = _contents(draft)
    said = stored.done("discard", draft, "--force").text
    number = int(said.rpartition("--draft ")[2].split("`")[0])
    assert said == f"discarded {draft}; `artfs undelete --draft {number}` brings it back, until gc"
    assert stored.done("undelete", "--draft", str(number)).text == str(draft)
    assert _contents(draft) == before
    assert stored.done("undelete", "--json").json == []
    assert stored.done("commit", draft).text == "animals:v1"
    assert "there is no discarded draft" in stored("undelete", "--draft", str(number)).failed(3)


def test_undelete_lists_versions_whole_artifacts_and_drafts(stored: Commands, draft: Path, images: Path) -> None:
    number = _discarded(stored, draft)
    stored.done("put", images, "-n", "zoo", "-a", "best")
    stored.done("put", images / "labels.csv", "-n", "animals")
    stored.done("rm", "zoo", "--all", "--delete-aliases")
    stored.done("rm", "animals:v1")
    listed = stored.done("undelete", "--json").json
    assert [(item["kind"], item["ref"], item["artifact_deleted"]) for item in listed] == [
        ("version", "animals:v1", False),
        ("version", "zoo:v0", True),
        ("draft", None, False),
    ]
    assert (listed[2]["draft"], listed[2]["number"]) == ("animals", number)
    assert listed[2]["size"] > 300_000
    assert all(23 * 3600 < item["kept_seconds"] <= 24 * 3600 for item in listed)
    assert listed[1]["aliases"] == ["best"]
    lines = stored.done("undelete").lines
    assert "zoo:v0 and its artifact" in lines[2]
    assert lines[2].endswith("artfs undelete zoo:v0")
    assert lines[3].startswith("draft animals ")
    assert lines[3].endswith(f"artfs undelete --draft {number}")
    for words in ("animals:v1", "zoo:v0"):
        stored.done("undelete", words)
    stored.done("undelete", "--draft", str(number))
    assert stored.done("undelete", "--json").json == []


def test_gc_keeps_what_a_discarded_draft_has_until_its_time_is_over(stored: Commands, draft: Path) -> None:
    """Its version, which it shares nearly all with, is deleted meanwhile.

    S95: is kept with all of them until gc, which keeps it as long as a deleted version.
    """
    (draft / "kept").write_bytes(os.urandom(2_000_000))
    os.sync()
    before = _contents(draft)
    stored.done("discard", draft, "--force")
    stored.done("rm", "animals:v0", "--delete-aliases")
    _collect(stored, grace_ns=3600 * 10**9)
    stored.done("fsck", "--read-data")
    [kept] = [item for item in stored.done("undelete", "--json").json if item["kind"] == "draft"]
    stored.done("undelete", "--draft", str(kept["number"]))
    assert _contents(draft) == before
    stored.done("discard", draft, "--force")
    _collect(stored, grace_ns=0)
    assert stored.done("undelete", "--json").json == []
    assert os.listdir(stored.store / "drafts/discarded") == []
    stored.done("fsck", "--read-data")


def test_gc_says_which_discarded_drafts_it_keeps_and_removes(stored: Commands, draft: Path) -> None:
    number = _discarded(stored, draft)
    kept = "kept 1 draft that was discarded less than 1d ago: `artfs gc --now` takes it too"
    for words in (("gc",), ("gc", "--dry-run")):
        assert stored.done(*words).lines[-1] == kept
        shown = stored.done(*words, "--json").json
        assert (shown["drafts"], shown["kept_drafts"]) == ([], ["animals"])
    stored.done("link", "animals:v0", "zoo")
    stored.done("rm", "zoo:v0")
    assert stored.done("gc").lines[-1] == (
        "kept 1 version and 1 draft that were deleted or discarded less than 1d ago: `artfs gc --now` takes them too"
    )
    planned = stored.done("gc", "--now", "--dry-run", "--json").json
    assert [item["kind"] for item in stored.done("undelete", "--json").json] == ["version", "draft"]
    [removed] = planned["drafts"]
    assert (removed["draft"], removed["number"], planned["kept_drafts"]) == ("animals", number, [])
    assert removed["size"] > 300_000
    said = f"remove draft animals ({size_text(removed['size'])})"
    assert stored.done("gc", "--now", "--dry-run").lines[1] == f"would {said}"
    assert stored.done("gc", "--now").lines[:2] == ["removed zoo:v0", said.replace("remove", "removed")]
    assert stored.done("undelete", "--json").json == []


def test_a_draft_comes_back_beside_one_of_its_name_in_another_directory(stored: Commands, draft: Path) -> None:
    number = _discarded(stored, draft)
    stored.done("stage", "animals")
    assert "choose another directory" in stored("undelete", "--draft", str(number)).failed(4)
    assert stored.done("undelete", "--draft", str(number), "--as", "again", "--json").json == {
        "path": str(draft.with_name("again")),
        "draft": "again",
    }
    assert not (draft.with_name("again") / "labels.csv").exists()
    assert (draft / "labels.csv").exists()
    assert "say which draft" in stored("undelete", "--as", "again").failed(2)


def test_nothing_is_kept_of_an_unchanged_draft_or_of_one_that_is_discarded_now(stored: Commands, draft: Path) -> None:
    assert stored.done("discard", draft, "--json").json["kept"] is None
    stored.done("stage", "animals")
    (draft / "new").write_text("new")
    assert stored.done("discard", draft, "--force", "--now").text == f"discarded {draft}"
    assert stored.done("undelete", "--json").json == []


def test_discarded_drafts_are_there_in_the_next_staging_mount(
    stored: Commands, draft: Path, places: tuple[Path, Path]
) -> None:
    number = _discarded(stored, draft)
    assert stored.process("umount", *places).code == 0
    assert "has no staging mount" in stored("undelete", "--draft", str(number)).failed(9)
    assert stored.process("mount", places[0], "--staging", places[1]).code == 0
    assert stored.done("undelete", "--draft", str(number)).text == str(draft)
    assert (draft / "cats/tom.png").read_bytes()[:4] == b"over"


def test_a_name_alone_brings_back_the_one_deleted_version_and_lists_several(stored: Commands, images: Path) -> None:
    assert stored("undelete", "animals").failed(3) == "there is no deleted version of animals to bring back"
    stored.noted("put", images, "-n", "animals", "-a", "good")
    stored.done("rm", "animals:v0", "--delete-aliases")
    assert stored.done("undelete", "animals").text == "brought back animals:v0"
    stored.done("rm", "animals", "--all", "--delete-aliases")
    assert stored("undelete", "animals").failed(4) == (
        "2 versions of animals can be brought back (animals:v1, animals:v0): name one, as in"
        " `artfs undelete animals:v1`, or all with `artfs undelete animals --all`"
    )
    assert stored.done("undelete", "animals", "--all", "--json").json == {"undeleted": ["animals:v1", "animals:v0"]}
    aliases = {row["alias"]: row["version"] for row in stored.done("alias", "ls", "animals", "--json").json}
    assert aliases == {"best": "v0", "good": "v1", "latest": "v1"}
    assert "there is no deleted version of animals" in stored("undelete", "animals", "--all").failed(3)
    assert "write `artfs undelete animals --all`" in stored("undelete", "animals:v0", "--all").failed(2)
    assert "write `artfs undelete animals:vN`" in stored("undelete", "animals:best").failed(2)
    assert "say which" in stored("undelete", "--all").failed(2)


def test_an_alias_that_several_versions_had_comes_back_to_the_newest(stored: Commands, images: Path) -> None:
    stored.noted("put", images, "-n", "animals")
    stored.done("rm", "animals:v0", "--delete-aliases")
    stored.done("alias", "add", "animals:v1", "best")
    stored.done("rm", "animals:v1", "--delete-aliases")
    stored.done("undelete", "animals", "--all")
    assert stored.done("show", "animals:best", "--json").json["version"] == "v1"


def test_the_name_of_a_discarded_draft_leads_to_it(stored: Commands, draft: Path) -> None:
    number = _discarded(stored, draft)
    assert stored("undelete", "animals").failed(3) == (
        f"no version of animals can be brought back, but a discarded draft can: `artfs undelete --draft {number}`"
    )


def test_several_drafts_are_discarded_at_once_or_none(stored: Commands, staging: Path) -> None:
    drafts = [Path(stored.done("stage", "animals", "--as", name).text) for name in ("ann", "bob")]
    assert "is in no draft" in stored("discard", *drafts, staging.parent).failed(3)
    assert all(draft.exists() for draft in drafts)
    (drafts[0] / "new").write_text("new")
    assert [
        (row["draft"], row["kept"] is None) for row in stored.done("discard", "--force", *drafts, "--json").json
    ] == [
        ("ann", False),
        ("bob", True),
    ]
    assert not any(draft.exists() for draft in drafts)


def test_of_several_drafts_it_is_said_what_became_of_each(stored: Commands, staging: Path) -> None:
    ann, bob, cat = (Path(stored.done("stage", "animals", "--as", name).text) for name in ("ann", "bob", "cat"))
    for draft in (ann, cat):
        (draft / "new").write_text("new")
    refused = stored("discard", ann, bob)
    assert refused.out == b""
    assert refused.failed(4) == (
        "ann has changes that are in no version: commit them, or add --force to close it without; nothing was discarded"
    )
    refused = stored("discard", bob, cat, ann)
    assert refused.text == f"discarded {bob}"
    assert refused.failed(4) == (
        "cat has changes that are in no version: commit them, or add --force to close it without; nor was"
        f" {ann} discarded"
    )
    bob.mkdir()
    refused = stored("discard", bob, cat, ann, "--json")
    assert [row["draft"] for row in refused.json] == ["bob"]
    assert refused.code == 4
    assert sorted(os.listdir(staging)) == ["ann", "cat"]
    lines = stored.done("discard", "--force", ann, cat).lines
    kept = [row["number"] for row in stored.done("undelete", "--json").json]
    assert len(kept) == 2
    assert lines == [
        f"discarded {draft}; `artfs undelete --draft {number}` brings it back, until gc"
        for draft, number in zip((ann, cat), kept, strict=True)
    ]
