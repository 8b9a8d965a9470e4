"""Run the fuzzer on decoders, in processes of its own, and tell what came of it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from tests.support.torture.fuzz.planted import PLANTED
from tests.support.torture.fuzz.targets import TARGETS

__all__ = ["Fuzzed", "fuzz", "fuzz_all"]

_MEMORY: Final = "/dev/shm"  # noqa: S108 - decoders of files get them where writing one costs nothing
_TOOK: Final = re.compile(r"stat::number_of_executed_units: *(\d+)")
_COVERED: Final = re.compile(r"^#\d+\s+(?:INITED|DONE) .*?cov: (\d+) ft: (\d+)", re.MULTILINE)
_SHOWN: Final = 3000
_SLOWEST: Final = 10  # seconds for one input


class Fuzzed(NamedTuple):
    """What came of one decoder.

    Attributes:
        executions: Inputs that were tried.
        seeds: Inputs that it began with.
        corpus: Inputs of which each reaches something that those before it do not.
        began: Edges of the decoder that the seeds reach.
        edges: Edges that the corpus reaches.
        finding: What the decoder must not do, and the input; empty if nothing was found.
    """

    executions: int
    seeds: int
    corpus: int
    began: int
    edges: int
    finding: str

    def __str__(self) -> str:
        counted = f"{self.executions:,} inputs, corpus {self.seeds} -> {self.corpus:,}"
        found = f", FOUND: {self.finding}" if self.finding else ""
        return f"{counted}, edges {self.began} -> {self.edges}{found}"


def fuzz(names: Sequence[str], seed: int, *, runs: int = -1, seconds: int = 0) -> dict[str, Fuzzed]:
    """Fuzz decoders, one after the other, each until something is found or as long as is said.

    Args:
        names: In `TARGETS` or `PLANTED`.
        seed: The same seed does the same, up to a number of runs.
        runs: How many inputs for each; -1: any number.
        seconds: How long for each; 0: any time.
    """
    decoders = {**TARGETS, **PLANTED}
    options = [f"-seed={seed or 1}", f"-runs={runs}", f"-max_total_time={seconds}", f"-timeout={_SLOWEST}"]
    with tempfile.TemporaryDirectory(prefix="artfs-fuzz-", dir=_MEMORY) as made:
        top = Path(made)
        for name in names:
            corpus = top / name / "corpus"
            corpus.mkdir(parents=True)
            for number, data in enumerate(decoders[name].seeds):
                (corpus / f"seed{number}").write_bytes(data)
        command = [sys.executable, "-m", "tests.support.torture.fuzz.child", made, *names, "--", *options]
        subprocess.run(
            [*command, "-print_final_stats=1"], stderr=subprocess.DEVNULL, env=_environment(made), check=True
        )
        return {name: _read(top / name, len(decoders[name].seeds)) for name in names}


def fuzz_all(seed: int, seconds: float, names: Sequence[str] = tuple(TARGETS)) -> None:
    """Fuzz decoders for a time that they share, print what came of each, and fail where something was found."""
    failed = []
    for name in names:
        fuzzed = fuzz([name], seed, seconds=max(1, round(seconds / len(names))))[name]
        print(f"  {name}: {fuzzed}", flush=True)
        if fuzzed.finding:
            failed.append(name)
    assert not failed


def _environment(directory: str) -> dict[str, str]:
    """Memory that is given back is given back at once, so that what a call takes is seen whatever came before."""
    fixed = {"MALLOC_MMAP_THRESHOLD_": "131072", "MALLOC_TRIM_THRESHOLD_": "131072", "PYTHONHASHSEED": "0"}
    return {**os.environ, **fixed, "TMPDIR": directory}


def _read(directory: Path, seeds: int) -> Fuzzed:
    output = (directory / "log").read_text(errors="replace")
    covered = _COVERED.findall(output)
    took = _TOOK.search(output)
    return Fuzzed(
        executions=int(took[1]) if took else 0,
        seeds=seeds,
        corpus=sum(1 for _ in (directory / "corpus").iterdir()),
        began=int(covered[0][0]) if covered else 0,
        edges=int(covered[-1][0]) if covered else 0,
        finding=_finding(directory, output),
    )


def _finding(directory: Path, output: str) -> str:
    status = (directory / "status").read_text()
    inputs = [path for path in directory.iterdir() if path.name.startswith(("crash-", "timeout-", "oom-"))]
    if status == "0" and not inputs:
        return ""
    of = "; ".join(f"{path.name.split('-')[0]} of {path.read_bytes()[:_SHOWN].hex()}" for path in inputs)
    return f"exit {status}, {of}\n{output[-_SHOWN:]}"
