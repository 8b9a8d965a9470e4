"""Several drafts of one artifact against a dictionary model of three-way merge, kills among the steps."""

from __future__ import annotations

import json
import os
import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from artfs import catalog
from artfs.catalog import current_actor
from artfs.drafts.fsck import check_store
from artfs.format.node import Entry, Kind
from artfs.names import parse_ref
from artfs.store import Store, open_store, root_entry
from tests.support.models.merging import Folder, Leaf, copy_node, merge_nodes, random_change, read_folder, write_folder
from tests.support.mounts.mounts import is_alive, wait_until
from tests.support.mounts.stagedstore import StagedStore


@dataclass
class Version:
    """What a version has to have, and the name that the store has for exactly that."""

    contents: Folder
    root: bytes
    deleted: bool = False


@dataclass
class Draft:
    """A draft as the model knows it.

    Attributes:
        place: Its directory.
        contents: What is in it.
        committed: What was in it when it was opened, or committed last.
        base: The index of the version that it is made from.
        unknown: Indexes of newer versions that are its own, though it was not given them: its server was killed.
    """

    place: Path
    contents: Folder
    committed: Folder
    base: int
    unknown: set[int] = field(default_factory=set)


class Histories:
    """Plays random histories, and keeps the model beside the mount.

    Args:
        staged: An empty store.
        seed: Of the history.
        drafts: How many drafts there are.
    """

    def __init__(self, staged: StagedStore, seed: int, drafts: int) -> None:
        self.dice = random.Random(seed)
        self.staged = staged
        first = Folder(names={"a": Folder(names={"b": Leaf(b"0"), "c": Leaf(b"1")}), "d": Leaf(b"2")})
        self.merges = self.conflicts = self.refusals = 0
        source = staged.top / "first"
        source.mkdir()
        write_folder(source, first)
        assert staged.put(source, "animals") == "animals:v0"
        self.versions: list[Version] = []
        self.add_version(first)
        self.drafts = [self.stage(f"draft{number}") for number in range(drafts)]

    def stage(self, name: str) -> Draft:
        """Open a draft over the newest version."""
        place = self.staged.stage("animals", **{"as": name})
        newest = self.newest()
        contents = self.versions[newest].contents
        return Draft(place, _folder(contents), _folder(contents), newest)

    def newest(self) -> int:
        """The index of the newest version that is not deleted."""
        return max(index for index, version in enumerate(self.versions) if not version.deleted)

    def edit(self, draft: Draft) -> None:
        """Change some things in a draft."""
        for _ in range(self.dice.randrange(1, 4)):
            random_change(draft.contents, self.dice)
        write_folder(draft.place, draft.contents)

    def is_behind(self, draft: Draft) -> bool:
        """True if the newest version is none that the draft knows."""
        newest = self.newest()
        known = {self.versions[index].root for index in (draft.base, *draft.unknown)}
        return newest > draft.base and self.versions[newest].root not in known

    def expected(self, draft: Draft, how: str) -> Folder | str:
        """What a commit of a draft has to make, or the class of its error."""
        behind = self.is_behind(draft)
        if how == "replace":
            return _folder(draft.contents)
        if behind and how == "plain":
            return "NewerVersionError"
        onto = self.versions[self.newest() if behind else draft.base].contents
        conflicts: list[str] = []
        merged = merge_nodes(draft.committed, draft.contents, onto, conflicts, "")
        if conflicts:
            return "MergeConflictError"
        assert isinstance(merged, Folder)
        return _folder(merged)

    def ask(self, draft: Draft, how: str) -> str:
        """Ask for a commit that makes a version of an untouched draft too; its token."""
        return self.staged.ask(draft.place, "", force=True, **({} if how == "plain" else {how: True}))

    def commit(self, draft: Draft, how: str) -> None:
        """Commit a draft, and hold what comes of it against the model."""
        expected = self.expected(draft, how)
        result = self.staged.ended(draft.place, self.ask(draft, how))
        if isinstance(expected, str):
            assert (result["state"], result["error"]) == ("failed", expected), result
            assert self.count() == len(self.versions)
            self.conflicts += expected == "MergeConflictError"
            self.refusals += expected == "NewerVersionError"
            return
        assert result["state"] == "committed", result
        assert result["ref"] == f"animals:v{len(self.versions)}"
        self.merges += expected != draft.contents
        self.add_version(expected)
        self.take_over(draft)

    def take_over(self, draft: Draft) -> None:
        """Make the last version the base of a draft."""
        draft.committed, draft.base, draft.unknown = _folder(draft.contents), len(self.versions) - 1, set()

    def add_version(self, expected: Folder) -> None:
        """Hold the last version against what it has to be."""
        with self.live_versions() as (store, versions):
            made = versions[-1]
            assert _stored_folder(store, root_entry(made)).names == expected.names
            self.versions.append(Version(expected, made.tree.root))
        assert made.index == len(self.versions) - 1

    @contextmanager
    def live_versions(self) -> Iterator[tuple[Store, list[catalog.Version]]]:
        """The versions that are not deleted."""
        with open_store(self.staged.store) as store, store.catalog.view() as view:
            artifact = view.artifact_by_name("animals")
            assert artifact is not None
            yield store, list(view.versions(artifact.serial))

    def count(self) -> int:
        """How many versions there are, deleted ones too."""
        with self.live_versions() as (_store, versions):
            return len(versions) + sum(version.deleted for version in self.versions)

    def kill(self, draft: Draft, how: str) -> None:
        """Kill a process of the mount in the middle of a commit: there is a version as a whole, or none."""
        expected = self.expected(draft, how)
        process = self.dice.choice(("server", "storer"))
        pid = getattr(self.staged, process)
        token = self.ask(draft, how)
        for _ in range(self.dice.randrange(12)):
            os.sched_yield()
            with suppress(OSError):
                (draft.place / ".artfs/commit").read_bytes()
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not is_alive(pid))
        assert getattr(self.staged, process) != pid
        wait_until(lambda: self.settled(draft, token))
        if self.count() == len(self.versions):
            return
        assert isinstance(expected, Folder), "what has to be refused was committed"
        plain = expected == draft.contents and draft.committed == self.versions[draft.base].contents
        self.add_version(expected)
        made = len(self.versions) - 1
        if self.status(draft)[0] == f"animals from animals:v{made}":
            self.take_over(draft)
        elif self.is_behind(draft) and not any(line.startswith("behind ") for line in self.status(draft)):
            assert plain or how == "replace", "a merged version is not taken for the draft's own tree"
            draft.unknown = {made}

    def settled(self, draft: Draft, token: str) -> bool:
        """True if nothing more comes of a commit."""
        found: list[dict[str, Any]] = json.loads((draft.place / ".artfs/result").read_bytes())
        states = [result["state"] for result in found if result["token"] == token]
        return not states or states[-1] in {"committed", "failed"}

    def status(self, draft: Draft) -> list[str]:
        """The lines of the control file `status`."""
        return (draft.place / ".artfs/status").read_text().splitlines()

    def delete(self) -> None:
        """Delete a version; not the only one."""
        live = [index for index, version in enumerate(self.versions) if not version.deleted]
        if len(live) > 1:
            index = self.dice.choice(live)
            with open_store(self.staged.store) as store:
                ref = parse_ref(f"animals:v{index}")
                store.catalog.delete_version(ref, current_actor(), delete_aliases=True)
            self.versions[index].deleted = True

    def play(self, steps: int, *, kills: bool) -> None:
        """Play so many steps."""
        ways = ("plain", "plain", "merge", "merge", "merge", "replace")
        for _ in range(steps):
            number = self.dice.randrange(len(self.drafts))
            draft = self.drafts[number]
            match self.dice.choices(("edit", "commit", "delete", "again", "kill"), (6, 6, 1, 1, 2 * kills))[0]:
                case "edit":
                    self.edit(draft)
                case "commit":
                    self.commit(draft, self.dice.choice(ways))
                case "delete":
                    self.delete()
                case "again":
                    self.staged.write("discard", {"name": draft.place.name, "force": True})
                    self.drafts[number] = self.stage(draft.place.name)
                case _:
                    self.kill(draft, self.dice.choice(ways))
            for each in self.drafts:
                assert read_folder(each.place).names == each.contents.names
                behind = [line for line in self.status(each) if line.startswith("behind ")]
                assert bool(behind) == self.is_behind(each)


def _stored_folder(store: Store, directory: Entry) -> Folder:
    folder = Folder(directory.mode)
    for entry in store.children(directory):
        is_folder = entry.kind == Kind.DIRECTORY
        content = b"" if is_folder else b"".join(store.content.stream(entry))
        folder.names[entry.name.decode()] = _stored_folder(store, entry) if is_folder else Leaf(content, entry.mode)
    return folder


def _folder(contents: Folder) -> Folder:
    copy = copy_node(contents)
    assert isinstance(copy, Folder)
    return copy


@pytest.mark.parametrize(("seed", "drafts"), [(0, 2), (1, 2), (2, 3), (3, 3)])
def test_random_histories_of_drafts_of_one_artifact_are_those_of_the_model(
    staged: StagedStore, seed: int, drafts: int
) -> None:
    """Commits are merged, refused and in conflict as the model has it.

    S80: A commit is refused where the artifact has a newer version than the one that the draft was made from or last
    committed as, and other contents

    S81: Paths that were changed in both, each in its own way, are conflicts: `conflicts` has all of them, and nothing
    is committed.

    S83: When the newest version was deleted, or the artifact, a commit makes the next version of what is in the draft.
    """
    history = Histories(staged, seed, drafts)
    history.play(80, kills=False)
    assert history.merges
    assert history.conflicts
    assert history.refusals


@pytest.mark.parametrize("seed", range(3))
def test_a_kill_in_the_middle_of_a_merge_leaves_all_of_it_or_nothing(staged: StagedStore, seed: int) -> None:
    """S82: A merged version is there as a whole or not at all, and drops nothing of any version that is published."""
    history = Histories(staged, seed, 2)
    history.play(40, kills=True)
    staged.umount()
    assert check_store(staged.store).findings == ()
