"""Several drafts of one artifact that are committed at the same time."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.support.mounts.stagedstore import StagedStore


def test_commits_at_the_same_time_that_merge_keep_what_all_of_them_made(staged: StagedStore, tmp_path: Path) -> None:
    """S82: A merged version is there as a whole or not at all, and drops nothing of any version that is published."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "first").touch()
    staged.put(source, "animals")
    drafts = [staged.stage("animals", **{"as": f"draft{number}"}) for number in range(3)]
    for again in range(4):
        for draft in drafts:
            (draft / f"{draft.name}-{again}").write_text(draft.name)
        asked = [(draft, staged.ask(draft, "", merge=True)) for draft in drafts]
        results = [staged.ended(draft, token) for draft, token in asked]
        assert [result["state"] for result in results] == ["committed"] * 3, results
    assert staged.versions("animals") == [f"animals:v{index}" for index in range(13)]
    made = {f"{draft.name}-{again}" for draft in drafts for again in range(4)}
    assert set(os.listdir(staged.extracted("animals:v12"))) == made | {"first"}
    assert set(os.listdir(drafts[0])) == {"first", *(f"draft0-{again}" for again in range(4))}
    assert staged.troubles() == []


def test_any_program_merges_through_the_control_file(staged: StagedStore, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "a").write_text("a")
    staged.put(source, "animals")
    draft = staged.stage("animals")
    (source / "a").write_text("other")
    (source / "b").write_text("b")
    staged.put(source, "animals")
    control = draft / ".artfs"
    (draft / "a").write_text("mine")
    subprocess.run(["sh", "-c", "echo text > commit; cat commit; cat status"], cwd=control, check=True)
    assert "animals:v1 is newer than animals:v0" in _line(control)
    subprocess.run(["sh", "-c", """echo '{"merge": true}' > commit"""], cwd=control, check=True)
    assert "1 path was changed both here and in animals:v1" in _line(control)
    assert (control / "conflicts").read_text() == '[{"path":"a","here":"modified","there":"modified"}]\n'
    subprocess.run(["sh", "-c", """echo '{"merge": true, "mine": ["a"]}' > commit"""], cwd=control, check=True)
    assert _line(control) == "animals:v2\n"
    assert (control / "conflicts").read_text() == "[]\n"
    made = staged.extracted("animals:v2")
    assert ((made / "a").read_text(), (made / "b").read_text()) == ("mine", "b")


def _line(control: Path) -> str:
    """How the last commit ended."""
    while (line := (control / "commit").read_text()).startswith(("committing", "waiting")):
        os.sched_yield()
    return line
