"""S97: a version that is committed from a draft is an output of the runs that wrote into the draft."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from artfs.catalog import EdgeKind, NewRun, current_actor
from artfs.lineage import RunDirectories
from artfs.names import parse_ref
from artfs.procfs import current_process
from artfs.store import open_store
from tests.support.data.runs import edges
from tests.support.mounts.stagedstore import StagedStore

Begin = Callable[[str], str]


@pytest.fixture
def begin(staged: StagedStore) -> Begin:
    """Begins a run, whose processes are those that are given its id; returns that."""

    def begun(name: str) -> str:
        with open_store(staged.store) as store:
            run = store.catalog.start_run(NewRun(name=name), current_actor()).id
            own = current_process()
            assert own is not None
            nobody = msgspec.structs.replace(own, pid=(1 << 22) + 1)  # above all numbers that the kernel gives
            RunDirectories(store.layout.runs).register(run, nobody)
        return run

    return begun


@pytest.fixture
def draft(staged: StagedStore, tmp_path: Path) -> Path:
    """A draft of `animals:v0`."""
    source = tmp_path / "source"
    (source / "deep").mkdir(parents=True)
    (source / "empty").mkdir()
    (source / "tom").write_text("tom")
    (source / "kit").write_text("kit")
    staged.put(source, "animals")
    return staged.stage("animals")


def _in_run(run: str, draft: Path, script: str) -> None:
    subprocess.run(
        ["sh", "-ec", script], cwd=draft, env={**os.environ, "ARTFS_RUN_ID": run}, check=True, timeout=60, text=True
    )


def _logged(staged: StagedStore) -> dict[str, set[str]]:
    return edges(staged.store, EdgeKind.LOGGED)


def _made_by(staged: StagedStore, ref: str) -> str:
    """The name of the run that a version says it was logged by; empty: of none."""
    with open_store(staged.store) as store, store.catalog.view() as view:
        run = store.version(parse_ref(ref)).logged_by
        return "" if run is None else view.resolve_run(run).fields.name


def _writers(staged: StagedStore) -> list[list[str]]:
    return [listed["runs"] for listed in json.loads(staged.read("drafts"))]


CHANGES = {
    "a file that is made": "echo new > new",
    "a file that is appended to": "echo more >> tom",
    "a file that is truncated": "truncate -s 1 tom",
    "a mode": "chmod 755 tom",
    "a directory that is made": "mkdir new",
    "a directory that is removed": "rmdir empty",
    "a name that is removed": "rm tom",
    "a name that is moved": "mv tom thomas",
    "a symlink": "ln -s tom link",
    "a hard link": "ln tom link",
    "a file that is opened for writing": ": >> tom",
}


def test_a_version_that_is_committed_after_a_run_changed_anything_is_its_output(
    staged: StagedStore, draft: Path, begin: Begin
) -> None:
    """S97: a process of theirs made, changed, moved or removed something there, or opened a file for writing."""
    runs = {name: begin(name) for name in CHANGES}
    expected: dict[str, set[str]] = {}
    for name, script in CHANGES.items():
        place = staged.stage("animals", **{"as": f"draft-{len(expected)}", "from": "animals:v0"})
        _in_run(runs[name], place, script)
        expected[name] = {staged.commit(place, replace=True)}
    assert _logged(staged) == expected
    assert len(set().union(*expected.values())) == len(CHANGES)
    assert edges(staged.store) == {run: {"animals:v0"} for run in CHANGES}
    staged.commit(draft, force=True, replace=True)  # into which no run wrote
    assert _logged(staged) == expected


def test_reading_a_draft_or_writing_outside_of_runs_makes_no_run_log_it(
    staged: StagedStore, draft: Path, begin: Begin
) -> None:
    run = begin("reader")
    _in_run(run, draft, "cat tom > /dev/null; ls -lR . > /dev/null; ! mkdir deep 2> /dev/null")
    (draft / "tom").write_text("thomas")
    assert _made_by(staged, staged.commit(draft)) == ""
    assert _logged(staged) == {"reader": set()}


def test_only_what_was_written_since_the_last_commit_counts(staged: StagedStore, draft: Path, begin: Begin) -> None:
    first, second = begin("first"), begin("second")
    _in_run(first, draft, "echo 1 > one")
    assert _writers(staged) == [[first]]
    staged.commit(draft)
    assert _writers(staged) == [[]]
    _in_run(second, draft, "echo 2 > two")
    staged.commit(draft)
    (draft / "three").touch()
    staged.commit(draft)
    assert _logged(staged) == {"first": {"animals:v1"}, "second": {"animals:v2"}}
    assert edges(staged.store) == {"first": {"animals:v0"}, "second": {"animals:v1"}}


def test_of_several_runs_the_one_that_started_last_logged_it_and_the_others_too(
    staged: StagedStore, draft: Path, begin: Begin
) -> None:
    """S97: else the one of them that started last, and the others log it too."""
    first, second = begin("first"), begin("second")
    _in_run(second, draft, "echo 2 > two")
    _in_run(first, draft, "echo 1 > one")
    ended = staged.ended(draft, staged.ask(draft))
    assert (ended["ref"], ended["runs"]) == ("animals:v1", [second, first])
    assert _made_by(staged, "animals:v1") == "second"
    _in_run(second, draft, "echo 2 > three")
    _in_run(first, draft, 'echo \'{"message": "m", "token": "here"}\' > .artfs/commit')
    assert staged.ended(draft, "here")["runs"] == [first, second]
    assert _made_by(staged, "animals:v2") == "first"
    assert _logged(staged) == {run: {"animals:v1", "animals:v2"} for run in ("first", "second")}


@pytest.mark.parametrize("end", ["killed", "unmounted", "discarded"])
def test_who_wrote_is_known_after_the_server_has_gone_and_the_draft_was_thrown_away(
    staged: StagedStore, draft: Path, begin: Begin, end: str
) -> None:
    _in_run(begin("writer"), draft, "echo 1 > one")
    if end == "killed":
        staged.kill(lambda: staged.server)
    elif end == "unmounted":
        staged.umount()
        staged.mount()
    else:
        staged.write("discard", {"name": "animals", "force": True})
        number = json.loads(staged.read("discard"))["kept"]
        staged.write("undelete", {"number": number, "as": "animals"})
    staged.commit(draft)
    assert _logged(staged) == {"writer": {"animals:v1"}}


def test_a_commit_that_names_a_run_has_that_as_its_only_one(staged: StagedStore, draft: Path, begin: Begin) -> None:
    """S97: A commit that names a run has that as its only one."""
    writer = begin("writer")
    begin("named")
    _in_run(writer, draft, "echo 1 > one")
    refused = staged.ended(draft, staged.ask(draft, logged_by="nobody"))
    assert (refused["error"], staged.versions("animals")) == ("NotFoundError", ["animals:v0"])
    assert _writers(staged) == [[writer]]
    staged.commit(draft, logged_by="named")
    assert _logged(staged) == {"writer": set(), "named": {"animals:v1"}}
    with pytest.raises(OSError, match="Invalid argument"):  # nothing was touched since
        staged.ask(draft, "untouched", logged_by="named")
    assert staged.result(draft, "untouched")["error"] == "ConflictError"


def test_contents_that_are_there_are_an_output_of_the_run_that_wrote_them_again(
    staged: StagedStore, draft: Path, begin: Begin
) -> None:
    _in_run(begin("writer"), draft, "printf tom > tom")
    assert staged.commit(draft, if_changed=True) == "animals:v0"
    assert _logged(staged) == {"writer": {"animals:v0"}}


REPLACING = {
    "written over": ("printf new > tom; printf new > kit", set()),
    "removed, and made under another name": ("rm -r *; printf new > other", set()),
    "moved over": ("printf new > new; mv new tom; rm kit", set()),
    "emptied but for an empty file": ("rm -r *; touch made", set()),
    "written over by what read it": ("cat tom kit > other; rm tom kit", {"animals:v0"}),
    "changed in a part": ("printf x | dd of=tom conv=notrunc 2> /dev/null; rm kit", {"animals:v0"}),
    "moved": ("mkdir new; mv tom new; rm kit", {"animals:v0"}),
    "moved and read": (
        "mkdir new; mv tom new; rm kit; cat new/tom > same; rm -r new; printf new > same",
        {"animals:v0"},
    ),
    "moved with its directory": ("rm tom kit; mv full new; printf new > new/other", {"animals:v0"}),
    "in a directory in which the rest is new": ("rm tom kit; printf new > full/other; rm full/one", {"animals:v0"}),
    "another mode": ("rm -r kit full; chmod 755 tom", {"animals:v0"}),
}


@pytest.fixture
def full(staged: StagedStore, tmp_path: Path) -> StagedStore:
    """`animals:v0` has two files, and two in a directory."""
    source = tmp_path / "source"
    (source / "full").mkdir(parents=True)
    for name in ("tom", "kit", "full/one", "full/two"):
        (source / name).write_text(f"contents of {name}")
    staged.put(source, "animals")
    return staged


def test_the_base_is_an_input_if_something_of_it_is_left_or_was_read(full: StagedStore, begin: Begin) -> None:
    """S50: if not, of those that opened a file of it in the draft other than to empty it."""
    for name, (script, _inputs) in REPLACING.items():
        place = full.stage("animals", **{"as": f"draft-{len(full.versions('animals'))}", "from": "animals:v0"})
        run = begin(name)
        if "full" not in script and "*" not in script:
            _in_run(run, place, "rm -r full")
        _in_run(run, place, script)
        full.commit(place, replace=True)
    assert all(_logged(full).values())
    assert edges(full.store) == {name: inputs for name, (_script, inputs) in REPLACING.items()}


def test_what_a_run_reads_of_its_own_is_not_of_the_base(full: StagedStore, begin: Begin) -> None:
    place = full.stage("animals")
    _in_run(begin("first"), place, "rm -r *; printf new > new; cat new; printf more >> new; cat new")
    full.commit(place)
    _in_run(begin("second"), place, "printf newer > new; cat new")
    full.commit(place)
    _in_run(begin("third"), place, "cat new; printf newest > new")
    full.commit(place)
    assert edges(full.store) == {"first": set(), "second": set(), "third": {"animals:v2"}}


def test_what_a_run_read_is_known_after_a_kill(full: StagedStore, begin: Begin) -> None:
    place = full.stage("animals")
    run = begin("reader")
    _in_run(run, place, "cat tom")
    full.kill(lambda: full.server)
    _in_run(run, place, "rm -r *; printf new > new")
    _in_run(begin("other"), place, "printf other > other")
    full.commit(place)
    assert edges(full.store) == {"reader": {"animals:v0"}, "other": set()}
