"""Random histories for as long as one likes: `scripts/torture [NAME] [--minutes N | --cuts N] [--seed SEED]`.

    staging   a draft in a real staging mount against a native directory, with commits and kills
    draft     a draft without a mount against a native directory
    catalog   the catalog against a model
    faults    every call of a put, commit, rebuild, draft or gc goes wrong in turn: kills, torn and short writes,
              errors; a round is all of them (about 6 minutes)
    staging-faults  every call of a staging mount's processes goes wrong in turn, while a program works in a draft;
              a round is all of them (about 12 minutes)
    crowd     16 readers, half of them in the mount, and 4 committers beside gc, all the minutes long
    powercut  histories on an ext4 and an XFS, and 100 power cuts a round; with every sync off they must lose something
    damage    bits of packs, journal and index flipped at random, a thousand a round
    fuzz      coverage-guided fuzzing of each decoder of stored bytes, which share the minutes; `--decoder`: of one
    index     every bit of a small store's index flipped: a round is one time through (about 20 minutes)
    references  8 readers in a mount share out 1 GB of objects elsewhere three times, with a cache of 200 MB
    machines  8 machines x 20 commits to one store at a URL, over requests that fail: a directory and two S3 servers
    remote-model    the model of that store, with its writers, gc and orphans: 20,000 histories a round (a minute)
    repair    packs damaged, cut off, moved and removed at random, and repaired, ten times a round

Without a name, one after the other. Each round has a seed of its own, which is printed: `--seed` runs that round again,
up to what the timing of processes makes of it.
"""

from __future__ import annotations

import argparse
import importlib
import random
import secrets
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import product
from pathlib import Path
from typing import TypeVar

from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from tests.support.data.checked import assert_clean
from tests.support.faults.damage import flip_at_random, make_store, read_all
from tests.support.faults.fault_child import FAULTS, SCENARIOS
from tests.support.faults.faults import check_run, run_all
from tests.support.faults.indexflips import flip_index
from tests.support.faults.repairs import repair_at_random
from tests.support.models.remotemodel import play
from tests.support.models.twinmachine import machine_on
from tests.support.mounts.stagedstore import StagedStore
from tests.support.objects.farstore import far_store, read_by_many
from tests.support.torture.crowd.run import run_crowd
from tests.support.torture.fuzz.run import fuzz_all
from tests.support.torture.fuzz.targets import TARGETS
from tests.support.torture.machines import commit_at_once_everywhere
from tests.support.torture.powercut.devices import FILE_SYSTEMS
from tests.support.torture.powercut.powercuts import CUTS_A_ROUND, HISTORIES, check_power_cuts, cut_power
from tests.support.torture.stagingfaults.run import play_all, wrongs

_CROWD_SECONDS = 60.0
_CACHE = 200_000_000
_OBJECTS = 125
_HISTORIES_OF_THE_MODEL = 20_000
_LARGE_OBJECT = 8_000_000
_Machine = type[RuleBasedStateMachine]
_SETTINGS = settings(
    max_examples=25, stateful_step_count=60, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)


@contextmanager
def _staging() -> Iterator[_Machine]:
    with tempfile.TemporaryDirectory(prefix="artfs-torture-") as top:
        with StagedStore(Path(top)) as staged:
            staged.mount()
            yield machine_on(staged)
        assert_clean(staged.store)


def _machine_of(module: str, name: str) -> _Machine:
    found: _Machine = getattr(importlib.import_module(module), name)
    return found


@contextmanager
def _draft() -> Iterator[_Machine]:
    yield _machine_of("tests.histories.test_draft_machine", "DraftMachine")


@contextmanager
def _catalog() -> Iterator[_Machine]:
    yield _machine_of("tests.histories.test_catalog_machine", "CatalogMachine")


_T = TypeVar("_T")


def _shuffled(things: Iterable[_T], number: int) -> list[_T]:
    """All of them, in an order of the round's own."""
    found = list(things)
    random.Random(number).shuffle(found)
    return found


_MACHINES = {"staging": _staging, "draft": _draft, "catalog": _catalog}


def _faults(number: int) -> None:
    for scenario, fault in _shuffled(product(SCENARIOS, FAULTS), number):
        with tempfile.TemporaryDirectory(prefix="artfs-torture-") as top:
            found = run_all(Path(top), scenario, fault)
        for run in found:
            check_run(run, fault)
        slowest = max(run["left"]["opened"] for run in found)
        print(f"  {fault} at each of {len(found) - 1} calls of {scenario}; opened within {slowest:.3f} s", flush=True)


def _staging_faults(number: int) -> None:
    for fault in _shuffled(FAULTS, number):
        with tempfile.TemporaryDirectory(prefix="artfs-torture-") as top:
            fired = 0
            for run in play_all(Path(top), fault):
                assert wrongs(run, fault) == [], (run["k"], run["call"])
                fired += bool(run["fired"])
        print(f"  {fault} at each of {fired} calls of a staging mount", flush=True)


def _damage(number: int) -> None:
    with tempfile.TemporaryDirectory(prefix="artfs-torture-") as top:
        counted = flip_at_random(make_store(Path(top), files=40, size=100_000), random.Random(number), flips=1000)
    print("  " + ", ".join(f"{count} x {what}" for what, count in sorted(counted.items())), flush=True)


def _index(number: int) -> None:
    with tempfile.TemporaryDirectory(prefix="artfs-torture-") as top:
        place = make_store(Path(top), files=2, size=64)
        bits = list(range(8 * (place / "index" / "data.mdb").stat().st_size))
        random.Random(number).shuffle(bits)
        counted = flip_index(place, bits, read_all(place))
    print("  " + ", ".join(f"{count:,} x {what}" for what, count in sorted(counted.items())), flush=True)


def _repair(number: int) -> None:
    with tempfile.TemporaryDirectory(prefix="artfs-torture-") as top:
        counted = repair_at_random(Path(top), random.Random(number), turns=10)
    print("  " + ", ".join(f"{count} {what}" for what, count in sorted(counted.items())), flush=True)


def _references(number: int) -> None:
    data = random.Random(number).randbytes(_LARGE_OBJECT + 1000 * _OBJECTS)
    contents = {str(each): data[1000 * (each % 16) :][: _LARGE_OBJECT - each] for each in range(_OBJECTS)}
    with tempfile.TemporaryDirectory(prefix="artfs-torture-") as top, far_store(Path(top), cache_size=_CACHE) as far:
        wrong, most = read_by_many(far.cache, far.mount(contents), contents, readers=8, times=3)
        print(f"  the cache took at most {most / _CACHE:.1%} of its size", flush=True)
        assert wrong == []
        assert most <= 1.05 * _CACHE
        assert far.mounted.troubles() == []


def _remote_model(number: int) -> None:
    for history in range(_HISTORIES_OF_THE_MODEL):
        play(number + history)


def _crowd(number: int, seconds: float) -> None:
    with tempfile.TemporaryDirectory(prefix="artfs-torture-") as top:
        crowded = run_crowd(Path(top), number, readers=16, committers=4, seconds=seconds)
    print("  " + ", ".join(f"{count:,} {what}" for what, count in sorted(crowded.done.items())), flush=True)
    print(f"  {crowded.watch}", flush=True)
    assert crowded.readers == "(no active readers)"
    assert crowded.troubles == []
    assert crowded.watch.growing() == []


def _powercut(number: int) -> None:
    for kind, history in product(FILE_SYSTEMS, HISTORIES):
        done = cut_power(kind, number, CUTS_A_ROUND // (len(FILE_SYSTEMS) * len(HISTORIES)), history=history)
        print(f"  {kind}, {history}: {done}", flush=True)
        check_power_cuts(done)
        without = cut_power(kind, number, 20, history=history, no_sync="/")
        assert without.history["swallowed"]
        assert without.broken


_OTHERS: dict[str, Callable[[int], None]] = {
    "faults": _faults,
    "staging-faults": _staging_faults,
    "damage": _damage,
    "index": _index,
    "references": _references,
    "machines": commit_at_once_everywhere,
    "remote-model": _remote_model,
    "repair": _repair,
    "powercut": _powercut,
}


_TIMED: dict[str, Callable[[int, float], None]] = {"crowd": _crowd, "fuzz": fuzz_all}


def _round(name: str, number: int, seconds: float) -> None:
    if name in _TIMED:
        _TIMED[name](number, seconds)
        return
    if name in _OTHERS:
        _OTHERS[name](number)
        return
    with _MACHINES[name]() as machine:
        run_state_machine_as_test(seed(number)(machine), settings=_SETTINGS)


def main() -> None:
    names = [*_MACHINES, *_OTHERS, *_TIMED]
    parser = argparse.ArgumentParser(prog="scripts/torture", description="Random histories for a long time.")
    parser.add_argument("name", nargs="?", choices=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--minutes", type=float, default=10.0, help="for how long (10)")
    parser.add_argument("--cuts", type=int, help="of powercut: how many, however long that takes")
    parser.add_argument("--decoder", choices=TARGETS, metavar="DECODER", help=f"of fuzz: one of {', '.join(TARGETS)}")
    parser.add_argument("--seed", type=int, help="run the round of this seed again, and no other")
    options = parser.parse_args()
    if options.decoder:
        _TIMED["fuzz"] = partial(fuzz_all, names=[options.decoder])
    names = [options.name] if options.name else names
    end = time.monotonic() + 60 * options.minutes
    most = -(-options.cuts // CUTS_A_ROUND) if options.cuts and options.name == "powercut" else None
    rounds = 0
    while options.seed is not None or (time.monotonic() < end if most is None else rounds < most):
        name = names[rounds % len(names)]
        number = secrets.randbits(32) if options.seed is None else options.seed
        print(f"{name}: round {rounds + 1}, seed {number}", flush=True)
        _round(name, number, 60 * options.minutes if options.name else _CROWD_SECONDS)
        rounds += 1
        if options.seed is not None:
            break
    print(f"{rounds} rounds, no difference")


if __name__ == "__main__":
    main()
