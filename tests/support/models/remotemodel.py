"""A model of a store on object storage: writers, gc and sweeps of orphans over one log of records created once.

Parties are generators; each `yield` is a point where others may come in between, or where the party is killed. After
every step each version in sight must have each of its chunks in an object that is there and not removed. `Rule` lists
what the protocol rests on: with any one of them left out some history loses data.
"""

from __future__ import annotations

import random
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from itertools import count

__all__ = ["LostError", "Rule", "play"]

_CHUNKS = 6
_KILLED = 0.002


class Rule(Enum):
    """A rule of the order of writes and of collecting, to be left out."""

    DEPENDENCIES_ARE_CHECKED = auto()
    """A writer looks whether packs that it counts on were condemned or removed meanwhile."""
    CONDEMNED_ARE_PARDONED = auto()
    """Who counts on a condemned pack says so in his record."""
    PARDONS_ARE_SEEN = auto()
    """gc removes only what is still condemned at the head where it removes it."""
    SAME_CONDEMNATION = auto()
    """gc removes only what is condemned by the same record as when it marked."""
    MARK_AFTER_CONDEMNING = auto()
    """gc marks at a head behind its condemnation."""
    DELETE_AFTER_REMOVAL = auto()
    """Objects are deleted after the record that removes them."""
    FENCE_BEFORE_SWEEP = auto()
    """Orphans are deleted after a record that fences the sessions that wrote them."""
    FENCED_MAY_NOT_COMMIT = auto()
    """A fenced session's packs are not added."""
    BASE_IS_CHECKED = auto()
    """A writer whose base version was removed counts on its packs himself."""
    BASES_ARE_FOLLOWED = auto()
    """gc without marking follows bases, of removed versions too."""
    REPLACEMENTS_ARE_FOLLOWED = auto()
    """gc without marking follows what removed packs were replaced by."""
    OWN_EARLIER_PACKS_ARE_DEPENDENCIES = auto()
    """Packs that a writer added before its version are looked at like those of others."""


class LostError(Exception):
    """A version lost a chunk, or a record does not fit."""


class _State(Enum):
    LIVE = auto()
    CONDEMNED = auto()
    REMOVED = auto()


@dataclass
class _Pack:
    chunks: frozenset[int]
    state: _State = _State.LIVE
    since: int = 0
    replaced_by: tuple[int, ...] = ()


@dataclass(frozen=True)
class _Added:
    pack: int
    chunks: frozenset[int]
    session: int


@dataclass(frozen=True)
class _Version:
    number: int
    chunks: frozenset[int]
    packs: tuple[int, ...]
    base: int | None


@dataclass
class _Record:
    added: list[_Added] = field(default_factory=list)
    pardoned: set[int] = field(default_factory=set)
    condemned: set[int] = field(default_factory=set)
    removed: set[int] = field(default_factory=set)
    replaced_by: tuple[int, ...] = ()
    fenced: set[int] = field(default_factory=set)
    version: _Version | None = None
    version_removed: int | None = None


class _World:
    """The object store, and the dice."""

    def __init__(self, seed: int, without: Rule | None) -> None:
        self.rng = random.Random(seed)
        self.without = without
        self.log: list[_Record] = []
        self.objects: dict[int, tuple[frozenset[int], int]] = {}
        self.numbers = count()

    def keeps(self, rule: Rule) -> bool:
        return self.without is not rule

    def create(self, seq: int, record: _Record) -> bool:
        """Create a record if it is the next one."""
        if len(self.log) != seq:
            return False
        self.log.append(record)
        return True

    def upload(self, chunks: Iterable[int], session: int) -> int:
        pack = next(self.numbers)
        self.objects[pack] = (frozenset(chunks), session)
        return pack


class _Replica:
    """What one party knows."""

    def __init__(self, world: _World) -> None:
        self.world = world
        self.seq = 0
        self.versions: dict[int, _Version] = {}
        self.every_version: dict[int, _Version] = {}
        self.packs: dict[int, _Pack] = {}
        self.fenced: set[int] = set()

    def catch_up(self) -> None:
        while self.seq < len(self.world.log):
            self.seq += 1
            self._apply(self.world.log[self.seq - 1])

    def _apply(self, record: _Record) -> None:
        self.fenced |= record.fenced
        for added in record.added:
            if added.session in self.fenced and self.world.keeps(Rule.FENCED_MAY_NOT_COMMIT):
                raise LostError("a fenced session added a pack")
            self.packs[added.pack] = _Pack(added.chunks)
        for number in record.pardoned:
            self.packs[number].state = _State.LIVE
        if record.version is not None:
            self.versions[record.version.number] = self.every_version[record.version.number] = record.version
        if record.version_removed is not None:
            self.versions.pop(record.version_removed, None)
        for number in record.condemned:
            if self.packs[number].state is _State.LIVE:
                self.packs[number].state, self.packs[number].since = _State.CONDEMNED, self.seq
        for number in record.removed:
            self.packs[number].state, self.packs[number].replaced_by = _State.REMOVED, record.replaced_by

    def those(self, state: _State) -> set[int]:
        return {number for number, pack in self.packs.items() if pack.state is state}

    def having(self, chunk: int) -> list[int]:
        return [n for n, pack in self.packs.items() if chunk in pack.chunks and pack.state is not _State.REMOVED]

    def marked(self) -> frozenset[int]:
        """Mark: the chunks of all versions."""
        return frozenset[int]().union(*(version.chunks for version in self.versions.values()))

    def reached(self) -> set[int]:
        """Find the packs that versions name, with bases and replacements followed; no data is read."""
        waiting, seen, packs = list(self.versions), set(self.versions), list[int]()
        while waiting:
            version = self.every_version[waiting.pop()]
            packs += version.packs
            base = version.base
            if base is not None and base not in seen and self.world.keeps(Rule.BASES_ARE_FOLLOWED):
                seen.add(base)
                waiting.append(base)
        found: set[int] = set()
        while packs:
            number = packs.pop()
            if number not in found:
                found.add(number)
                if self.world.keeps(Rule.REPLACEMENTS_ARE_FOLLOWED):
                    packs += self.packs[number].replaced_by
        return found


class _Writer:
    """Commits one version."""

    def __init__(self, world: _World, replica: _Replica) -> None:
        self.world, self.replica = world, replica
        self.session = next(world.numbers)
        self.mine: dict[int, frozenset[int]] = {}
        self.settled: set[int] = set()
        self.deps: dict[int, int | None] = {}
        self.base: int | None = None
        self.inherited: set[int] = set()

    def run(self) -> Iterator[None]:
        rng, replica = self.world.rng, self.replica
        if rng.random() < 0.5:
            replica.catch_up()
        yield
        want = set(rng.sample(range(_CHUNKS), rng.randint(1, 4)))
        if replica.versions and rng.random() < 0.5:
            self.base = rng.choice(sorted(replica.versions))
            want |= set(rng.sample(sorted(replica.versions[self.base].chunks), 1))
            self.inherited = want & replica.versions[self.base].chunks
        for chunk in want - self.inherited:
            found = replica.having(chunk)
            if found and rng.random() < 0.8:
                self.deps[chunk] = rng.choice(found)
        if new := want - self.inherited - set(self.deps):
            self._upload(new)
            yield
        while True:
            replica.catch_up()
            if self.session in replica.fenced and self.world.keeps(Rule.FENCED_MAY_NOT_COMMIT):
                yield from self._upload_again()
            elif self.mine and rng.random() < 0.3:
                yield from self._add_early()
            elif missing := self._missing():
                self._upload(missing)
                yield
            else:
                record, seq = self._record(want), replica.seq
                yield
                if self.world.create(seq, record):
                    return
                yield

    def _upload(self, chunks: Iterable[int]) -> None:
        self.mine[self.world.upload(chunks, self.session)] = frozenset(chunks)

    def _upload_again(self) -> Iterator[None]:
        self.session = next(self.world.numbers)
        old, self.mine = self.mine, {}
        for chunks in old.values():
            self._upload(chunks)
            yield

    def _add_early(self) -> Iterator[None]:
        """Add the packs before the version, so that the upload can go on after a death."""
        record, seq = _Record(added=self._added()), self.replica.seq
        yield
        if self.world.create(seq, record):
            if self.world.keeps(Rule.OWN_EARLIER_PACKS_ARE_DEPENDENCIES):
                self.deps.update((chunk, number) for number, chunks in self.mine.items() for chunk in chunks)
            else:
                self.settled |= set(self.mine)
            self.mine = {}
            yield

    def _added(self) -> list[_Added]:
        return [_Added(number, chunks, self.session) for number, chunks in self.mine.items()]

    def _missing(self) -> set[int]:
        """Look again at what is counted on; return the chunks that are nowhere any more."""
        replica = self.replica
        if not self.world.keeps(Rule.DEPENDENCIES_ARE_CHECKED):
            return set()
        if self.base is not None and self.base not in replica.versions and self.world.keeps(Rule.BASE_IS_CHECKED):
            self.deps.update(dict.fromkeys(self.inherited))
            self.base, self.inherited = None, set()
        missing = set()
        for chunk, number in list(self.deps.items()):
            if number is None or replica.packs[number].state is _State.REMOVED:
                found = replica.having(chunk)
                if found:
                    self.deps[chunk] = found[0]
                else:
                    missing.add(chunk)
                    del self.deps[chunk]
        return missing

    def _record(self, want: set[int]) -> _Record:
        counted_on = {number for number in self.deps.values() if number is not None}
        record = _Record(added=self._added())
        if self.world.keeps(Rule.CONDEMNED_ARE_PARDONED) and self.world.keeps(Rule.DEPENDENCIES_ARE_CHECKED):
            record.pardoned = counted_on & self.replica.those(_State.CONDEMNED)
        packs = tuple(sorted(counted_on | set(self.mine) | self.settled))
        record.version = _Version(next(self.world.numbers), frozenset(want), packs, self.base)
        return record


def _write(world: _World) -> Iterator[None]:
    replica = _Replica(world)
    for _version in range(2):
        yield from _Writer(world, replica).run()


def _remove(world: _World) -> Iterator[None]:
    replica = _Replica(world)
    for _version in range(5):
        yield
        while True:
            replica.catch_up()
            if not replica.versions:
                break
            number, seq = world.rng.choice(sorted(replica.versions)), replica.seq
            yield
            if world.create(seq, _Record(version_removed=number)):
                break


def _collect(world: _World) -> Iterator[None]:
    replica = _Replica(world)
    for _time in range(3):
        yield
        yield from _collect_once(world, replica, shallow=world.rng.random() < 0.5)


def _condemn(world: _World, replica: _Replica, *, shallow: bool) -> Generator[None, None, set[int]]:
    """Condemn packs; return these and those that were condemned before."""
    while True:
        replica.catch_up()
        live, marked = replica.those(_State.LIVE), replica.marked()
        if shallow:
            condemned = live - replica.reached()
        else:
            condemned = {n for n in live if not replica.packs[n].chunks <= marked or world.rng.random() < 0.2}
        earlier, seq = replica.those(_State.CONDEMNED), replica.seq
        if not condemned:
            return earlier
        yield
        if world.create(seq, _Record(condemned=condemned)):
            return condemned | earlier


def _collect_once(world: _World, replica: _Replica, *, shallow: bool) -> Iterator[None]:
    session = next(world.numbers)
    replica.catch_up()
    early_marked, early_reached = replica.marked(), replica.reached()
    condemned = yield from _condemn(world, replica, shallow=shallow)
    yield
    replica.catch_up()
    after = world.keeps(Rule.MARK_AFTER_CONDEMNING)
    dying = condemned & replica.those(_State.CONDEMNED)
    since = {number: replica.packs[number].since for number in dying}
    keep: set[int] = set()
    if shallow:
        dying -= replica.reached() if after else early_reached
    else:
        marked = replica.marked() if after else early_marked
        keep = {chunk for number in dying for chunk in replica.packs[number].chunks & marked}
    yield
    copies = {world.upload(keep, session): frozenset(keep)} if keep else {}
    yield
    if not world.keeps(Rule.DELETE_AFTER_REMOVAL):
        _delete(world, dying)
        yield
    while dying:
        replica.catch_up()
        if session in replica.fenced and world.keeps(Rule.FENCED_MAY_NOT_COMMIT):
            session = next(world.numbers)
            copies = {world.upload(chunks, session): chunks for chunks in copies.values()}
            yield
            continue
        if world.keeps(Rule.PARDONS_ARE_SEEN):
            dying &= replica.those(_State.CONDEMNED)
        if world.keeps(Rule.SAME_CONDEMNATION):
            dying = {number for number in dying if replica.packs[number].since == since[number]}
        added = [_Added(number, chunks, session) for number, chunks in copies.items()]
        seq = replica.seq
        yield
        if dying and world.create(seq, _Record(added=added, removed=dying, replaced_by=tuple(copies))):
            yield
            _delete(world, dying)
            return


def _sweep(world: _World) -> Iterator[None]:
    replica = _Replica(world)
    for _time in range(3):
        yield
        listed = dict(world.objects)
        yield
        while True:
            replica.catch_up()
            orphans = {number for number in listed if number not in replica.packs}
            if not orphans:
                break
            seq = replica.seq
            yield
            fenced = {listed[number][1] for number in orphans}
            if not world.keeps(Rule.FENCE_BEFORE_SWEEP) or world.create(seq, _Record(fenced=fenced)):
                yield
                _delete(world, orphans)
                break


def _delete(world: _World, packs: Iterable[int]) -> None:
    for number in packs:
        world.objects.pop(number, None)


def play(seed: int, without: Rule | None = None) -> int:
    """Play a random history, with kills; return the number of its steps.

    Args:
        seed: Of the history.
        without: A rule that nobody keeps.

    Raises:
        LostError: Data was lost.
    """
    world = _World(seed, without)
    parties = [*(_write(world) for _each in range(4)), _remove(world), _collect(world), _collect(world), _sweep(world)]
    observer, steps = _Replica(world), 0
    while parties:
        party = world.rng.choice(parties)
        if world.rng.random() < _KILLED and len(parties) > 1:
            parties.remove(party)
            continue
        try:
            next(party)
        except StopIteration:
            parties.remove(party)
        steps += 1
        _check(world, observer)
    return steps


def _check(world: _World, observer: _Replica) -> None:
    observer.catch_up()
    there = {
        chunk
        for number, pack in observer.packs.items()
        if pack.state is not _State.REMOVED and number in world.objects
        for chunk in pack.chunks
    }
    for version in observer.versions.values():
        if not version.chunks <= there:
            raise LostError(f"version {version.number} lost chunks {sorted(version.chunks - there)}")
