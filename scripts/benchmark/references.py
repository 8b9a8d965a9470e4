"""Rows about references: files of a mount whose bytes an object server has, beside clients that ask it themselves."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.clients import Job, reading_files, reading_through, run_together, shuffled
from benchmark.errors import BenchError
from benchmark.mounts import artfs_mounted
from benchmark.rows import Comparison, Row
from benchmark.workshop import Workshop, remove

if TYPE_CHECKING:
    from obstore.store import S3Store

_SERVER = Path(__file__).with_name("objectserver.py")
_READERS = 8
_DIRECTORIES = 10
"""Of the data set's small files, which are 1,000."""
_FIRST = "first"
_NEAR, _FAR = "near", "far"
_CONFIGURATION = '[objects."s3://{bucket}"]\nendpoint = "http://127.0.0.1:{port}"\nregion = "none"\nanonymous = true\n'


@dataclass(frozen=True, slots=True)
class _Files:
    """Small files: their names below the data set's, and their bytes."""

    names: Sequence[str]
    size: int

    @classmethod
    def of(cls, shop: Workshop) -> _Files:
        directories = tuple(f"small/class_{number:03d}/" for number in range(_DIRECTORIES))
        names = shuffled([name for name in shop.data.names if name.startswith(directories)])
        return cls(names, sum((shop.data.data / name).stat().st_size for name in names))


def rows(shop: Workshop) -> list[Row]:
    """Return the rows about references."""
    skipped = None if find_spec("obstore") else "obstore must be installed"
    files = f"small files, {_READERS} readers, a server that is 20 ms away"
    getting = partial(_get_small, shop)
    return [
        Row(
            "ref-sequential",
            "the big file, begin to end, from an object server",
            "MB/s",
            {"artfs": partial(_mounted_big, shop), "obstore": partial(_get_big, shop)},
            (Comparison(against="obstore", at_least=0.8),),
            skipped,
        ),
        Row(
            "ref-small",
            files,
            "files/s",
            {"artfs": partial(_mounted_small, shop), "obstore": getting},
            (Comparison(against="obstore", at_least=0.8),),
            skipped,
        ),
        Row(
            "ref-small-warm",
            f"{files}, `artfs warm` beside",
            "files/s",
            {"artfs": partial(_mounted_small, shop, warm=True), "obstore": getting},
            (Comparison(against="obstore", at_least=4.0),),
            skipped,
        ),
        Row(
            "ref-again",
            f"the same in another mount once they were read, {_READERS} readers",
            "files/s",
            {"artfs": partial(_again, shop, "far"), "files in the store": partial(_again, shop, "data")},
            (Comparison(against="files in the store", at_least=0.8),),
            skipped,
        ),
    ]


def _mounted_big(shop: Workshop) -> float:
    with _serving(shop), _mounted(shop, _store(shop)) as top:
        _start_fetcher(top)
        job = reading_through(top / "far" / "v0" / "big.bin")
        return shop.data.sizes.big / 1e6 / run_together([job], shop.data.sizes.big)


def _get_big(shop: Workshop) -> float:
    with _serving(shop) as port:
        return shop.data.sizes.big / 1e6 / run_together([_streaming(port, "big.bin")], shop.data.sizes.big)


def _mounted_small(shop: Workshop, *, warm: bool = False) -> float:
    files = _Files.of(shop)
    with _serving(shop), _mounted(shop, store := _store(shop)) as top:
        _start_fetcher(top)
        if warm:
            shop.programs.start([*shop.settings.artfs, "--store", store, "warm", "small"])
        jobs = _shared_out(top / "small" / "v0", files.names)
        return len(files.names) / run_together(jobs, files.size)


def _get_small(shop: Workshop) -> float:
    files = _Files.of(shop)
    with _serving(shop) as port:
        jobs = [_getting(port, files.names[reader::_READERS]) for reader in range(_READERS)]
        return len(files.names) / run_together(jobs, files.size)


def _again(shop: Workshop, contents: str) -> float:
    """Read twice, in mounts of their own so that the kernel has nothing; the second time counts."""
    files = _Files.of(shop)
    seconds = 0.0
    with _serving(shop):
        store, name = (_store(shop), "small") if contents == "far" else (shop.store, contents)
        for _time in range(2):
            with _mounted(shop, store) as top:
                seconds = run_together(_shared_out(top / name / "v0", files.names), files.size)
    return len(files.names) / seconds


def _start_fetcher(top: Path) -> None:
    """Read an object that is not measured: the fetcher runs then, as it does in a mount that is in use."""
    (top / "far" / "v0" / _FIRST).read_bytes()


def _shared_out(top: Path, names: Sequence[str]) -> list[Job]:
    return [reading_files(top, names[reader::_READERS]) for reader in range(_READERS)]


def _getting(port: int, keys: Sequence[str]) -> Job:
    """Ask for each object whole, one after the other; count bytes."""

    def job() -> int:
        store = _bucket(port, _FAR)
        return sum(len(store.get(key).bytes()) for key in keys)

    return job


def _streaming(port: int, key: str) -> Job:
    """Ask for an object, and take its bytes as they come; count them."""

    def job() -> int:
        return sum(len(part) for part in _bucket(port, _NEAR).get(key).stream(min_chunk_size=1 << 20))

    return job


def _bucket(port: int, name: str) -> S3Store:
    from obstore.store import S3Store  # not needed for other rows

    return S3Store(
        name,
        config={"endpoint": f"http://127.0.0.1:{port}", "region": "none", "skip_signature": True},
        client_options={"allow_http": True},
    )


def _store(shop: Workshop) -> Path:
    """Return a store with references to the big file, `far`, and the small ones, `small`; the server has to run."""
    store = shop.work / "references"
    if not store.exists():
        first = f"s3://{_NEAR}/{shop.data.names[0]}={_FIRST}"
        shop.artfs(store, "put", "-n", "far", "--ref", f"s3://{_NEAR}/big.bin", "--ref", first)
        directories = sorted({name.rpartition("/")[0] for name in _Files.of(shop).names})
        references = [word for each in directories for word in ("--ref", f"s3://{_FAR}/{each}/={each}")]
        shop.artfs(store, "put", "-n", "small", *references)
    return store


@contextlib.contextmanager
def _serving(shop: Workshop) -> Iterator[int]:
    """Serve the data set's files as objects, with nothing of them in the cache; yield the port."""
    data = shop.data.data
    shop.warmed("data")
    _bucket(1, _NEAR)  # imports obstore here, and not in each client while it is measured
    server = subprocess.Popen([sys.executable, _SERVER, data], stdout=subprocess.PIPE)
    try:
        if server.stdout is None or not (line := server.stdout.readline()):
            raise BenchError("the object server did not start")
        buckets = (_CONFIGURATION.format(bucket=bucket, port=int(line)) for bucket in (_NEAR, _FAR))
        shop.programs.write_configuration("".join(buckets))
        remove(shop.programs.cache)
        yield int(line)
    finally:
        server.kill()
        server.wait()


@contextlib.contextmanager
def _mounted(shop: Workshop, store: Path) -> Iterator[Path]:
    with artfs_mounted(shop.programs, shop.settings.artfs, store, shop.point, shop.settings.workers):
        yield shop.point
