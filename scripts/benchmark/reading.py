"""Rows about reading: each once as it is, and once more inside a memory cgroup of half the bytes that it reads."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmark import machine, memory, mounts
from benchmark.clients import (
    Job,
    reading_at_random,
    reading_files,
    reading_through,
    run_together,
    shuffled,
    walking,
)
from benchmark.dataset import DataSet
from benchmark.mounts import Serving, View
from benchmark.rows import Comparison, Measure, Row
from benchmark.workshop import Workshop, installed

_FLOOR = "null mount"
_READERS = 4
_WORKERS = (1, 2, 4)


@dataclass(frozen=True, slots=True)
class Plan:
    """What clients do to a view: their jobs, what these must count up to, and how many units that is."""

    jobs: Sequence[Job]
    expected: int
    amount: float


@dataclass(frozen=True, slots=True)
class Reading:
    """A row about reading, before it is known who is measured and in how much memory.

    `footprint` gives the bytes that it reads, `plan` the clients' jobs for a number of passes over them.
    """

    name: str
    title: str
    unit: str
    cold: bool
    footprint: Callable[[DataSet], int]
    plan: Callable[[View, DataSet, int], Plan]
    comparisons: tuple[Comparison, ...]
    by_workers: bool = False
    in_run: bool = False

    @property
    def floor(self) -> bool:
        """Whether what pyfuse3 reaches at all is measured too."""
        return any(each.against == _FLOOR for each in self.comparisons)


def rows(shop: Workshop) -> list[Row]:
    """Return the rows about reading, then the same in little memory."""
    native = machine.file_system(shop.work)
    readings = _readings(native)
    return [
        *(_row(shop, native, reading, limited=False) for reading in readings),
        *(_row(shop, native, reading, limited=True) for reading in readings),
    ]


def _readings(native: str) -> list[Reading]:
    def compared(
        to_native: float | None, to_squashfuse: float | None = None, subject: str = "artfs"
    ) -> tuple[Comparison, ...]:
        return (
            Comparison(subject, native, at_least=to_native),
            Comparison(subject, "squashfuse", at_least=to_squashfuse),
        )

    def floored(to_native: float | None, to_squashfuse: float | None = None) -> tuple[Comparison, ...]:
        floors = (Comparison(_FLOOR, native), Comparison(_FLOOR, "squashfuse"))
        return *compared(to_native, to_squashfuse), Comparison("artfs", _FLOOR), *floors

    small, big, table = (lambda data: data.small_bytes), (lambda data: data.sizes.big), (lambda data: data.sizes.table)
    files = f"small files in random order, {_READERS} readers"
    more = tuple(Comparison(f"{count} workers", "1 worker", at_least=1.0) for count in _WORKERS[1:])
    return [
        Reading("small-cold", f"cold: {files}", "files/s", True, small, _small, floored(0.5, 2.0)),
        Reading("small-warm", f"warm: {files}, through vN", "files/s", False, small, _small, floored(None, 1.8)),
        Reading(
            "small-warm-run",
            f"warm: {files}, through vN, inside a run",
            "files/s",
            False,
            small,
            _small,
            (Comparison("artfs, in a run", "artfs", at_least=0.9),),
            in_run=True,
        ),
        Reading(
            "small-latest",
            f"warm: {files}, through latest",
            "files/s",
            False,
            small,
            _latest,
            floored(None, 1.1),
        ),
        Reading("sequential", "cold: the big file, begin to end", "MB/s", True, big, _through, compared(0.5)),
        Reading(
            "random",
            "cold: 4 KiB blocks of the big file, 1 reader",
            "reads/s",
            True,
            big,
            _random_1,
            floored(0.5),
        ),
        Reading("random-4", f"the same, {_READERS} readers", "reads/s", True, big, _random_4, compared(0.5)),
        Reading(
            "table",
            "cold: the CSV, begin to end",
            "MB/s",
            True,
            table,
            _table,
            more + compared(None, subject=f"{_WORKERS[-1]} workers"),
            by_workers=True,
        ),
        Reading(
            "walk-cold",
            "cold: walk and stat the small files",
            "entries/s",
            True,
            small,
            _walk,
            floored(1.0),
        ),
        Reading(
            "walk-warm",
            "warm: walk and stat the small files",
            "entries/s",
            False,
            small,
            _walk,
            floored(0.6),
        ),
    ]


def _row(shop: Workshop, native: str, reading: Reading, *, limited: bool) -> Row:
    cold = reading.cold or limited  # pages that others read before are not charged to the cgroup, so it starts cold
    skipped = (machine.why_not_cold() if cold else None) or (memory.why_not() if limited else None)
    contenders: dict[str, Measure] = {
        name: lambda serving=serving: _measure(shop, serving(), reading, limited)  # type: ignore[misc]
        for name, serving in _servings(shop, native, reading, limited=limited).items()
    }
    comparisons = tuple(each for each in reading.comparisons if {each.subject, each.against} <= contenders.keys())
    name, title = reading.name, reading.title
    if limited:
        name, title = f"memory-{name}", f"{title}; memory for half"
    return Row(name, title, reading.unit, contenders, comparisons, skipped)


def _servings(shop: Workshop, native: str, reading: Reading, *, limited: bool) -> dict[str, Callable[[], Serving]]:
    """Return who can serve the data; images and stores are made when the first is called."""

    def artfs(workers: int | None) -> Callable[[], Serving]:
        return lambda: mounts.artfs(shop.programs, shop.settings.artfs, shop.store, shop.point, workers)

    found: dict[str, Callable[[], Serving]] = {}
    if reading.by_workers:
        for count in _WORKERS:
            found[f"{count} worker{'s' if count > 1 else ''}"] = artfs(count)
    else:
        found["artfs"] = artfs(shop.settings.workers)
    if reading.in_run:
        found["artfs, in a run"] = lambda: mounts.in_run(artfs(shop.settings.workers)(), shop.store)
        return found
    found[native] = lambda: mounts.native(shop.data)
    if installed("squashfuse_ll") and installed("mksquashfs"):
        found["squashfuse"] = lambda: mounts.squashfuse(shop.programs, shop.image, shop.point)
    if reading.floor and not limited:
        found[_FLOOR] = lambda: mounts.null(shop.programs, shop.data.root, shop.point, shop.settings.workers)
    return found


def _measure(shop: Workshop, serving: Serving, reading: Reading, limited: bool) -> float:
    """Measure once on a fresh mount: a daemon that served before may hold data that no one can drop."""
    data = shop.data
    passes = 1 if reading.cold else data.sizes.passes
    limit = max(reading.footprint(data) // 2, memory.SMALLEST_LIMIT)
    with contextlib.ExitStack() as stack:
        if reading.cold or limited:
            machine.drop_caches()
        group = stack.enter_context(memory.limited(limit)) if limited else None
        view = stack.enter_context(serving(group))
        if reading.cold:
            machine.drop_caches()
        else:
            once = reading.plan(view, data, 1)
            run_together(once.jobs, once.expected, group)
        plan = reading.plan(view, data, passes)
        return plan.amount / run_together(plan.jobs, plan.expected, group)


def _small(view: View, data: DataSet, passes: int) -> Plan:
    names = shuffled(data.names)
    jobs = [reading_files(view.data, names[reader::_READERS], passes) for reader in range(_READERS)]
    return Plan(jobs, data.small_bytes * passes, len(names) * passes)


def _latest(view: View, data: DataSet, passes: int) -> Plan:
    return _small(View(view.latest, view.latest, view.table), data, passes)


def _through(view: View, data: DataSet, _passes: int) -> Plan:
    return Plan([reading_through(view.data / "big.bin")], data.sizes.big, data.sizes.big / 1e6)


def _table(view: View, data: DataSet, _passes: int) -> Plan:
    size = (data.table / "table.csv").stat().st_size
    return Plan([reading_through(view.table)], size, size / 1e6)


def _random_1(view: View, data: DataSet, _passes: int) -> Plan:
    return _random(view, data, 1)


def _random_4(view: View, data: DataSet, _passes: int) -> Plan:
    return _random(view, data, _READERS)


def _random(view: View, data: DataSet, readers: int) -> Plan:
    each = data.sizes.random_reads // readers
    path = view.data / "big.bin"
    jobs = [reading_at_random(path, data.sizes.big, each, seed) for seed in range(readers)]
    return Plan(jobs, each * readers * 4096, each * readers)


def _walk(view: View, data: DataSet, passes: int) -> Plan:
    entries = data.small_entries * passes
    return Plan([walking(view.data / "small", passes)], entries, entries)
