"""Runs inside runs, and runs of threads and tasks: what is logged belongs to the innermost one."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import artfs
from artfs.api import nesting
from artfs.api.environment import announced_run
from tests.support.schedules import Rival, once

ROOT = Path(__file__).parents[2]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ARTFS_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delenv("ARTFS_RUN_ID", raising=False)
    return tmp_path / "store"


def save(name: str) -> artfs.Artifact:
    artifact = artfs.Artifact(name)
    with artifact.new_file("f") as file:
        file.write(name)
    artifact.save()
    return artifact


def logged_by(artifact: artfs.Artifact) -> str | None:
    run = artifact.logged_by()
    return None if run is None else run.name


def logged_in_program(name: str) -> str | None:
    """The run that logs what a program logs which is started from here."""
    program = f"import artfs; a = artfs.Artifact('{name}'); a.add_reference('doi:x/y', 'r'); a.save()"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
    return logged_by(artfs.Api().artifact(name))


@pytest.mark.usefixtures("place")
def test_the_outer_run_goes_on_after_one_inside_it_has_ended_here_and_in_programs() -> None:
    with artfs.init(name="outer"):
        with artfs.init(name="inner"):
            assert (logged_by(save("a")), logged_in_program("b")) == ("inner", "inner")
        assert (logged_by(save("c")), logged_in_program("d")) == ("outer", "outer")
    assert (logged_by(save("e")), logged_in_program("f")) == (None, None)


@pytest.mark.usefixtures("place")
def test_runs_that_end_in_another_order_leave_those_that_go_on() -> None:
    first, second = artfs.init(name="first"), artfs.init(name="second")
    first.finish()
    assert logged_by(save("a")) == "second"
    second.finish()
    assert (logged_by(save("b")), os.environ.get("ARTFS_RUN_ID")) == (None, None)


@pytest.mark.usefixtures("place")
def test_a_run_inside_the_run_that_started_the_program_ends_and_that_goes_on() -> None:
    outer = artfs.init(name="outer")
    program = (
        "import artfs, os\n"
        "def save(name):\n"
        "    a = artfs.Artifact(name); a.add_reference('doi:x/y', 'r'); a.save(); return a.logged_by().name\n"
        "with artfs.init(name='inner'): inside = save('a')\n"
        "print(inside, save('b'))"
    )
    ran = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60)
    assert ran.stdout == "inner outer\n"
    outer.finish()


@pytest.mark.usefixtures("place")
def test_threads_with_a_run_each_log_into_their_own() -> None:
    begun, logged = threading.Barrier(2, timeout=30), threading.Barrier(2, timeout=30)
    seen: dict[str, tuple[str | None, str | None]] = {}

    def work(name: str) -> None:
        with artfs.init(name=name):
            begun.wait()
            inside = logged_by(save(f"{name}-in"))
            logged.wait()
        seen[name] = inside, logged_by(save(f"{name}-after"))

    threads = [threading.Thread(target=work, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {"one": ("one", None), "two": ("two", None)}


@pytest.mark.usefixtures("place")
def test_a_thread_without_a_run_of_its_own_is_in_that_of_the_main_thread_and_returns_to_it() -> None:
    seen: list[str | None] = []

    def work() -> None:
        seen.append(logged_by(save("a")))
        with artfs.init(name="own"):
            seen.append(logged_by(save("b")))
        seen.append(logged_by(save("c")))

    with artfs.init(name="main"):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        seen.append(logged_by(save("d")))
    assert seen == ["main", "own", "main", "main"]


@pytest.mark.usefixtures("place")
def test_tasks_with_a_run_each_log_into_their_own() -> None:
    async def work(name: str, begun: asyncio.Barrier) -> str | None:
        with artfs.init(name=name):
            await begun.wait()
            return logged_by(save(name))

    async def both() -> tuple[str | None, str | None]:
        begun = asyncio.Barrier(2)
        return await asyncio.gather(work("one", begun), work("two", begun))

    with artfs.init(name="outer"):
        assert tuple(asyncio.run(both())) == ("one", "two")
        assert logged_by(save("after")) == "outer"


def test_what_is_logged_in_another_store_belongs_to_the_innermost_run_of_that_store(tmp_path: Path) -> None:
    with artfs.init(name="outer", store=tmp_path / "a"), artfs.init(name="inner", store=tmp_path / "b"):
        for place, run in (("a", "outer"), ("b", "inner")):
            artifact = artfs.Artifact("x", store=tmp_path / place)
            artifact.add_reference("doi:x/y", "r")
            artifact.save()
            assert logged_by(artifact) == run


CHANGES: dict[str, Callable[[str], object]] = {
    "enter": lambda run: nesting.enter(f"inside {run}"),
    "leave": nesting.leave,
    "look": lambda _run: nesting.current_runs(),
}


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("name", CHANGES)
def test_a_thread_sees_no_half_of_what_another_makes_of_the_current_runs(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rival: Rival[list[str]] = Rival()
    monkeypatch.setattr("artfs.api.nesting._lock", rival.lock())
    nesting.enter(run := f"run {name}")
    looking = once(lambda: rival.meanwhile(nesting.current_runs), announced_run)
    monkeypatch.setattr("artfs.api.nesting.announced_run", looking)
    CHANGES[name](run)
    assert rival.waited
    assert rival.result() == nesting.current_runs()
