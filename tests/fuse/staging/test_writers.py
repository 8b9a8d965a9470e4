"""Commits while many processes write."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from artfs.format.node import Kind
from artfs.names import parse_ref
from artfs.store import Store, open_store, root_entry
from tests.support.data.checked import assert_clean
from tests.support.mounts.mounts import ROOT, wait_until
from tests.support.mounts.stagedstore import StagedStore
from tests.support.programs.draft_writer import acknowledged, check_generations

_WRITERS = 8
_COMMITS = 8


@pytest.fixture
def draft(staged: StagedStore) -> Path:
    """An empty draft."""
    place = staged.mountpoint / "animals"
    place.mkdir()
    return place


@contextmanager
def _process(*arguments: object) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "tests.support.programs.draft_writer", *map(str, arguments)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def _by_writer(store: Store, ref: str) -> list[dict[str, bytes]]:
    version = store.version(parse_ref(ref))
    found: dict[str, dict[str, bytes]] = defaultdict(dict)
    for path, entry in store.walk(root_entry(version)):
        if entry.kind == Kind.FILE:
            directory, _slash, name = path.decode().rpartition("/")
            found[directory][name] = b"".join(map(bytes, store.content.stream(entry)))
    return [found[f"writer-{number}"] for number in range(_WRITERS)]


def test_a_commit_under_eight_writers_is_of_one_moment_and_loses_no_write(
    staged: StagedStore, draft: Path, tmp_path: Path
) -> None:
    """Two processes commit over and over.

    S29: A commit makes a version of what the draft was at one moment, the freeze, at which no file with a name was open
    for writing.

    S30: Writers are not stopped by a commit: what they write after the freeze is in the next version.
    """
    progress_file = tmp_path / "acknowledged"
    progress_file.write_bytes(bytes(8 * _WRITERS))
    with ExitStack() as stack:
        writers = [stack.enter_context(_process("write", draft, progress_file, number)) for number in range(_WRITERS)]
        wait_until(lambda: min(acknowledged(progress_file)) > 1, 60.0)
        committing = [stack.enter_context(_process("commit", draft, progress_file, _COMMITS)) for _ in range(2)]
        said = [json.loads(process.communicate(timeout=200)[0]) for process in committing]
        for writer in writers:
            writer.communicate(timeout=60)
        assert [process.returncode for process in writers + committing] == [0] * len(writers + committing)
    assert sum(one["refused"] for one in said) > 0
    last = staged.commit(draft, wait=30)
    at_the_end = acknowledged(progress_file)
    commits = [(ref, before, after) for one in said for ref, before, after in one["commits"]]
    assert len({ref for ref, _before, _after in commits}) == 2 * _COMMITS
    assert min(after[0] - before[0] for _ref, before, after in commits) >= 0
    assert max(sum(after) - sum(before) for _ref, before, after in commits) > 0
    with open_store(staged.store) as store:
        for ref, before, after in commits:
            for number, files in enumerate(_by_writer(store, ref)):
                check_generations(number, files, before[number], after[number] + 1)
        for number, files in enumerate(_by_writer(store, last)):
            check_generations(number, files, at_the_end[number], at_the_end[number])
            assert files == {path.name: path.read_bytes() for path in (draft / f"writer-{number}").iterdir()}
    assert staged.troubles() == []
    assert_clean(staged.store)


def test_a_redirection_into_commit_waits_two_seconds_at_most(draft: Path) -> None:
    """A shell in a container has nothing but `echo`.

    S37: The write returns when the draft is frozen or the request is refused, within 2 seconds
    """
    with (draft / "long").open("w") as file:
        file.write("half")
        file.flush()
        program = 'date +%s%N; echo "a message" > .artfs/commit; date +%s%N; cat .artfs/commit'
        asked = subprocess.run(["sh", "-ec", program], cwd=draft, capture_output=True, timeout=30, check=True)
        begin, end, line = asked.stdout.decode().splitlines()
        assert 1.9e9 < int(end) - int(begin) < 2.5e9
        assert line == "waiting for 1 open file"
        file.write(" and half")
    wait_until(lambda: (draft / ".artfs/commit").read_text() == "animals:v0\n")
    assert asked.stderr == b""
