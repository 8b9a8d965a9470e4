"""Each decoder of stored bytes, fuzzed: it gives a value or its documented error, and takes little memory.

Atheris leads the mutations to code that no input has reached. The seed makes a run repeatable; `scripts/torture fuzz`
goes on for as long as one likes.
"""

from __future__ import annotations

import platform
import random
import secrets

import msgspec
import pytest

from tests.support.faults.hostile import SEEDS
from tests.support.torture.fuzz.planted import PLANTED
from tests.support.torture.fuzz.run import fuzz
from tests.support.torture.fuzz.target import attempt
from tests.support.torture.fuzz.targets import TARGETS

RUNS = 2000
with_atheris = pytest.mark.skipif(platform.machine() != "x86_64", reason="there is no Atheris for this machine")
_DEEP = b"\x91" * 5000 + b"\xc0"
FOUND = {
    "a page whose files have 2^64 bytes and more": ("page", SEEDS["page"][:48] + b"\xff" * 8 + SEEDS["page"][56:]),
    "a journal body with an unknown field that is nested deep": (
        "journal-body",
        b"\x97" + msgspec.msgpack.encode([1, "ann", "lab", 7, None, []])[1:] + _DEEP,
    ),
    "a row of the index with such a field": ("catalog-row", b"\1\x94\x10\1\x10" + _DEEP),
    "a reference with such a field": ("reference", b"\x96\xa1u\1\xc0\xc0\xc0" + _DEEP),
    "a draft's counters with such a field": ("draft-row", b"\1\x96\2\1\5\6\7" + _DEEP),
    "an inode of a draft that is none": ("draft-row", b"\0\xff"),
    "a name in a draft that is cut off": ("draft-row", b"\3" + bytes(15)),
    "a run's process of no Unicode": ("run-processes", b'["\xff",1,2,"x",1]\n'),
    "a run's process that is nested deep": ("run-processes", b'["a",1,2,"x",1,' + b"[" * 5000 + b"]" * 5000 + b"]\n"),
    "a format.json that is nested deep": ("format", b"[" * 5000),
    "a format.json whose id is none": ("format", b'{"artfs":"store","version":1,"id":"../..","chunker":{}}'),
    "a format.json with a fraction": (
        "format",
        b'{"artfs":"store","version":1,"id":"00000000000000000000000000000000","chunker":{"avg_size":262144.0}}',
    ),
    "a location of 4 GiB": ("location", bytes(24) + b"\xff" * 8 + b"\0"),
}


@pytest.fixture(scope="module", autouse=True)
def _stores_of_targets_are_open() -> None:
    """Targets keep what they decode with for as long as the process lives."""
    for target in TARGETS.values():
        attempt(target, target.seeds[0])


def test_what_fuzzing_begins_with_decodes_and_encodes_to_the_same() -> None:
    refused = [name for name, target in TARGETS.items() for seed in target.seeds if not attempt(target, seed)]
    assert refused == []


@with_atheris
def test_fuzzing_finds_a_wrong_error_behind_four_bytes_a_large_allocation_and_a_form_that_is_not_canonical() -> None:
    found = fuzz(list(PLANTED), 1, runs=500_000)
    assert "KeyError: 'planted'" in found["planted-error"].finding
    assert "MemoryError" in found["planted-memory"].finding
    assert "UnlikeError" in found["planted-form"].finding
    assert found["planted-error"].corpus > found["planted-error"].seeds + 3  # it went from byte to byte


@pytest.mark.parametrize("what", FOUND)
def test_what_fuzzing_has_found_stays_mended(what: str) -> None:
    name, data = FOUND[what]
    assert attempt(TARGETS[name], data) == (TARGETS[name].errors == ())


@with_atheris
def test_each_decoder_gives_a_value_or_its_error_whatever_it_is_given() -> None:
    seed = secrets.randbits(31)
    print(f"seed {seed}")
    found = fuzz(random.Random(seed).sample(sorted(TARGETS), len(TARGETS)), seed, runs=RUNS)
    assert {name: fuzzed.finding for name, fuzzed in found.items() if fuzzed.finding} == {}
    assert [name for name, fuzzed in found.items() if fuzzed.executions < RUNS] == []
    assert [name for name, fuzzed in found.items() if fuzzed.edges <= 0 or fuzzed.corpus <= fuzzed.seeds] == []
