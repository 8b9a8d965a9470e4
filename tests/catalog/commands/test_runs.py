"""Runs: started, resumed, ended; what they used and logged, seen from both ends."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import msgspec
import pytest

from artfs.catalog import (
    Catalog,
    EdgeKind,
    NewRun,
    NewVersion,
    Run,
    VersionUse,
    state_now,
)
from artfs.errors import ArtfsError, IntegrityError, InvalidInputError, NotFoundError
from artfs.format.operations import Op, decode_entry
from artfs.format.runs import (
    MAX_PATHS,
    Process,
    RunEdited,
    RunFields,
    RunFinished,
    RunLogged,
    RunResumed,
    RunStarted,
    RunUsed,
)
from artfs.names import parse_run_id
from artfs.procfs import current_process, process_identity
from tests.support.data.catalogs import WHO, CatalogPlace, log, ref, rows_of, tree

RUN, OTHER = "0123abcd", "trainer1"


def run_of(catalog: Catalog, run: str = RUN) -> Run:
    with catalog.view() as view:
        return view.resolve_run(run)


def edges(catalog: Catalog, kind: EdgeKind, run: str = RUN) -> list[tuple[int, str]]:
    with catalog.view() as view:
        return [(edge.index, edge.how) for edge in view.edges_of_run(run, kind)]


def test_a_run_is_there_once_it_is_started(catalog: Catalog) -> None:
    new = NewRun(RUN, "prep", "preprocess", b'{"lr":0.1}', ("python", "prep.py"), "f" * 40)
    run = catalog.start_run(new, WHO)
    assert run == run_of(catalog)
    assert (run.id, run.state, run.ended_ns) == (RUN, "running", None)
    assert run.fields == RunFields("prep", "preprocess", b'{"lr":0.1}')
    assert (run.user, run.host, run.pid, run.command) == ("ann", "lab", 4711, ("python", "prep.py"))


def test_a_run_without_id_and_name_gets_both(catalog: Catalog) -> None:
    runs = [catalog.start_run(NewRun(), WHO) for _ in range(3)]
    assert len({parse_run_id(run.id) for run in runs}) == 3
    assert [run.fields.name for run in runs] == [run.id for run in runs]


def test_runs_are_listed_in_the_order_of_their_start(catalog: Catalog) -> None:
    for name in ("zzzzzzzz", "mmmmmmmm", "aaaaaaaa"):
        catalog.start_run(NewRun(name), WHO)
    with catalog.view() as view:
        assert [run.id[0] for run in view.runs()] == ["z", "m", "a"]
        assert [run.id[0] for run in view.runs(newest_first=True)] == ["a", "m", "z"]


def test_a_run_that_ended_goes_on_and_takes_what_is_given_now(catalog: Catalog) -> None:
    first = catalog.start_run(NewRun(RUN, "prep", "job", b'{"a":1,"b":1}'), WHO)
    ended = catalog.finish_run(RUN, "failed", WHO)
    assert (ended.state, ended.ended_ns is not None) == ("failed", True)
    resumed = catalog.start_run(NewRun(RUN, config=b'{"b":2}'), WHO)
    assert (resumed.state, resumed.ended_ns, resumed.started_ns) == ("running", None, first.started_ns)
    assert resumed.fields == RunFields("prep", "job", b'{"a":1,"b":2}')


def test_a_run_that_is_running_is_joined_without_a_record(catalog: Catalog) -> None:
    catalog.start_run(NewRun(RUN), WHO)
    catalog.start_run(NewRun(RUN), WHO)
    assert len(list(catalog.history())) == 1


def test_a_run_ends_once(catalog: Catalog) -> None:
    catalog.start_run(NewRun(RUN), WHO)
    assert catalog.finish_run(RUN, "finished", WHO) == catalog.finish_run(RUN, "failed", WHO)
    assert run_of(catalog).state == "finished"


def test_used_versions_are_found_by_run_and_by_version(catalog: Catalog) -> None:
    versions = [log(catalog, contents=str(n)).version for n in range(3)]
    for run in (RUN, OTHER):
        catalog.start_run(NewRun(run), WHO)
    catalog.use_version(RUN, ref("animals:v2"), WHO)
    catalog.use_version(RUN, ref("animals:v0"), WHO, how="open")
    catalog.use_version(OTHER, ref("animals"), WHO)
    assert edges(catalog, EdgeKind.USED) == [(2, "api"), (0, "open")]
    assert edges(catalog, EdgeKind.LOGGED) == []
    with catalog.view() as view:
        users = [[edge.run for edge in view.edges_of_version(version, EdgeKind.USED)] for version in versions]
    assert users == [[RUN], [], [RUN, OTHER]]


def test_a_version_used_again_is_noted_once(catalog: Catalog) -> None:
    log(catalog)
    catalog.start_run(NewRun(RUN), WHO)
    for how in ("open", "api"):
        assert catalog.use_version(RUN, ref("animals"), WHO, how=how).index == 0
    assert edges(catalog, EdgeKind.USED) == [(0, "open")]


def test_logged_versions_are_found_by_run_and_by_version(catalog: Catalog) -> None:
    catalog.start_run(NewRun(RUN), WHO)
    version = log(catalog, logged_by=RUN).version
    log(catalog, logged_by=RUN, how="commit")
    assert version.logged_by == RUN
    assert edges(catalog, EdgeKind.LOGGED) == [(0, "api"), (1, "commit")]
    with catalog.view() as view:
        assert [edge.run for edge in view.edges_of_version(version, EdgeKind.LOGGED)] == [RUN]


def test_a_run_that_logs_contents_which_are_there_has_logged_them_too(catalog: Catalog) -> None:
    for run in (RUN, OTHER):
        catalog.start_run(NewRun(run), WHO)
        for _ in range(2):
            catalog.create_version(NewVersion("animals", logged_by=run), tree("cat"), WHO, if_changed=True)
    assert edges(catalog, EdgeKind.LOGGED, RUN) == edges(catalog, EdgeKind.LOGGED, OTHER) == [(0, "api")]
    with catalog.view() as view:
        version = view.resolve(ref("animals"))
        assert version.logged_by == RUN
        assert [edge.run for edge in view.edges_of_version(version, EdgeKind.LOGGED)] == [RUN, OTHER]


def test_edges_stay_when_a_version_is_deleted(catalog: Catalog) -> None:
    catalog.start_run(NewRun(RUN), WHO)
    log(catalog, logged_by=RUN)
    catalog.delete_version(ref("animals:v0"), WHO)
    assert edges(catalog, EdgeKind.LOGGED) == [(0, "api")]


def test_a_config_may_have_more_keys_than_metadata(catalog: Catalog) -> None:
    config = "{" + ",".join(f'"k{n:03}":{n}' for n in range(200)) + "}"
    catalog.start_run(NewRun(RUN, config=config.encode()), WHO)
    catalog.finish_run(RUN, "finished", WHO)
    assert catalog.start_run(NewRun(RUN, config=b'{"k000":1}'), WHO).fields.config.count(b":") == 200


REFUSED: dict[str, tuple[type[ArtfsError], Callable[[Catalog], object]]] = {
    "a short id": (InvalidInputError, lambda c: c.start_run(NewRun("short"), WHO)),
    "an id with a newline": (InvalidInputError, lambda c: c.start_run(NewRun("0123abcd\n"), WHO)),
    "an id with capitals": (InvalidInputError, lambda c: c.start_run(NewRun("0123ABCD"), WHO)),
    "a name that is no text": (InvalidInputError, lambda c: c.start_run(NewRun(name="\ud800"), WHO)),
    "a config that is no object": (InvalidInputError, lambda c: c.start_run(NewRun(config=b"[]"), WHO)),
    "ending nothing": (NotFoundError, lambda c: c.finish_run(OTHER, "finished", WHO)),
    "editing nothing": (NotFoundError, lambda c: c.edit_run(OTHER, lambda fields: fields, WHO)),
    "using nothing": (NotFoundError, lambda c: c.use_version(RUN, ref("plants"), WHO)),
    "using in no run": (NotFoundError, lambda c: c.use_version(OTHER, ref("animals"), WHO)),
    "logging in no run": (NotFoundError, lambda c: log(c, logged_by=OTHER)),
}


@pytest.mark.parametrize(("error", "change"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_leaves_nothing_behind(
    catalog: Catalog, error: type[ArtfsError], change: Callable[[Catalog], object]
) -> None:
    catalog.start_run(NewRun(RUN), WHO)
    log(catalog)
    before = rows_of(catalog.environment)
    with pytest.raises(error) as caught:
        change(catalog)
    assert "\n" not in str(caught.value)
    assert rows_of(catalog.environment) == before


MISFITS: dict[str, Op] = {
    "a run started twice": RunStarted(RUN, RunFields(), 1, "ann", "lab", 1),
    "resuming what runs": RunResumed(RUN, "failed"),
    "resuming nothing": RunResumed(OTHER, "failed"),
    "ending nothing": RunFinished(OTHER, "failed", 1),
    "editing nothing": RunEdited(OTHER, RunFields(), RunFields()),
    "using what is not there": RunUsed(RUN, 16, 7, "api", 1),
    "using twice": RunUsed(RUN, 16, 0, "open", 1),
    "using in no run": RunUsed(OTHER, 16, 0, "open", 1),
    "more paths than entries": RunUsed(RUN, 16, 0, "open", 1, 1, (b"a", b"b")),
    "logging what is not there": RunLogged(RUN, 16, 7, "api", 1),
    "logging in no run": RunLogged(OTHER, 16, 0, "api", 1),
}


@pytest.mark.parametrize("op", MISFITS.values(), ids=MISFITS)
def test_an_operation_that_does_not_fit_the_runs_is_refused(place: CatalogPlace, op: Op) -> None:
    with place.open() as catalog:
        catalog.start_run(NewRun(RUN), WHO)
        log(catalog)
        catalog.use_version(RUN, ref("animals"), WHO)
        before = rows_of(catalog.environment)
        with pytest.raises(IntegrityError, match="does not fit"):
            catalog.publish(lambda _view: [op], WHO)
        assert rows_of(catalog.environment) == before


def died() -> Process:
    """A process of this machine that has ended."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    process = process_identity(child.pid)
    assert process is not None
    child.communicate(b"\n")
    return process


def test_a_run_whose_process_died_has_crashed(catalog: Catalog) -> None:
    catalog.start_run(NewRun(RUN, process=died()), WHO)
    catalog.start_run(NewRun(OTHER, process=current_process()), WHO)
    assert [state_now(run_of(catalog, run)) for run in (RUN, OTHER)] == ["crashed", "running"]
    assert run_of(catalog).state == "running"
    assert catalog.end_crashed([RUN, OTHER], WHO) == [RUN]
    assert (run_of(catalog).state, run_of(catalog).ended_ns is None) == ("crashed", False)
    assert run_of(catalog, OTHER).state == "running"
    records = len(list(catalog.history()))
    assert catalog.end_crashed([RUN, OTHER], WHO) == []
    assert len(list(catalog.history())) == records


def test_a_crashed_run_goes_on_in_the_process_that_resumes_it(catalog: Catalog) -> None:
    catalog.start_run(NewRun(RUN, process=died()), WHO)
    resumed = catalog.start_run(NewRun(RUN, process=current_process()), WHO)
    assert (resumed.state, resumed.process, resumed.ended_ns) == ("running", current_process(), None)
    assert [type(op) for record in catalog.history() for op in record.entry.ops] == [
        RunStarted,
        RunFinished,
        RunResumed,
    ]


def test_the_exit_code_stays_until_the_run_goes_on(catalog: Catalog) -> None:
    catalog.start_run(NewRun(RUN, directory="/work", dirty=True), WHO)
    assert catalog.finish_run(RUN, "failed", WHO, exit_code=137).exit_code == 137
    assert (run_of(catalog).directory, run_of(catalog).dirty) == ("/work", True)
    assert catalog.start_run(NewRun(RUN), WHO).exit_code is None


def test_what_was_opened_of_a_version_is_kept_up_to_a_bound(catalog: Catalog) -> None:
    log(catalog)
    catalog.start_run(NewRun(RUN), WHO)
    serial = 16
    paths = tuple(b"%d" % number for number in range(MAX_PATHS + 50))
    catalog.use_version(RUN, ref("animals"), WHO)
    catalog.use_versions(RUN, [VersionUse(serial, 0, 5, len(paths), paths), VersionUse(serial, 9, 5)], WHO)
    catalog.use_versions(RUN, [VersionUse(serial, 0, 6, 3, paths[:3])], WHO)
    with catalog.view() as view:
        [edge] = view.edges_of_run(RUN, EdgeKind.USED)
    assert (edge.how, edge.entries, edge.paths) == ("api", MAX_PATHS + 50, paths[:MAX_PATHS])
    assert len(list(catalog.history())) == 4


def test_what_was_opened_of_a_version_that_was_deleted_since_is_kept(catalog: Catalog) -> None:
    log(catalog)
    log(catalog)
    catalog.start_run(NewRun(RUN), WHO)
    catalog.delete_version(ref("animals:v0"), WHO)
    catalog.use_versions(RUN, [VersionUse(16, 0, 5, 1, (b"a",)), VersionUse(16, 1, 6, 1, (b"a",))], WHO)
    assert edges(catalog, EdgeKind.USED) == [(0, "open"), (1, "open")]
    catalog.expire_versions(WHO, limit=10)
    catalog.use_versions(RUN, [VersionUse(16, 0, 5, 2, (b"a", b"b"))], WHO)
    assert edges(catalog, EdgeKind.USED) == [(0, "open"), (1, "open")]


def test_uses_of_a_great_many_versions_fit_into_records(catalog: Catalog) -> None:
    catalog.start_run(NewRun(RUN), WHO)
    serials = [log(catalog, f"a{number}").version.artifact for number in range(250)]
    path = tuple(b"%04d" % number * 1000 for number in range(MAX_PATHS))
    catalog.use_versions(RUN, [VersionUse(serial, 0, 5, MAX_PATHS, path) for serial in serials], WHO)
    assert len(edges(catalog, EdgeKind.USED)) == 250


def test_a_record_of_an_artfs_that_knew_less_of_runs_is_read() -> None:
    old = [
        1,
        "ann",
        "lab",
        1,
        None,
        [["run-started", RUN, [], 1, "ann", "lab", 1, [], None], ["run-used", RUN, 16, 0, "api", 1]],
    ]
    entry = decode_entry(msgspec.msgpack.encode(old))
    started, used = entry.ops
    assert isinstance(started, RunStarted)
    assert isinstance(used, RunUsed)
    assert (started.directory, started.dirty, started.process, used.entries, used.paths) == ("", None, None, 0, ())
