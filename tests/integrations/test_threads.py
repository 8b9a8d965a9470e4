"""Libraries read from many threads at once, as pyarrow and datasets do; all of them get the right bytes."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import pytest

import artfs
from artfs.chunks import reader

_PACKS = 8
_SIZE = 300_000


@pytest.fixture
def eager() -> Iterator[None]:
    """Have threads take turns as often as the interpreter can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("eager")
def test_threads_that_share_a_file_system_get_the_right_bytes_whatever_is_evicted_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "_MAX_OPEN", 1)
    monkeypatch.setattr(reader, "_MAX_TABLES", 1)
    source = random.Random(5)
    contents: dict[str, bytes] = {}
    for number in range(_PACKS):  # each artifact has a pack of its own
        artifact = artfs.Artifact(f"part-{number}", store=tmp_path / "store")
        raw, text = source.randbytes(_SIZE), b"".join(b"%d,%d\n" % (number, row) for row in range(30_000))
        for name, data in (("raw.bin", raw), ("text.csv", text)):
            contents[f"part-{number}/{name}"] = data
            with artifact.new_file(name, "wb") as file:
                file.write(data)
        artifact.save()
    files = fsspec.filesystem("artfs", store=str(tmp_path / "store"))

    def read(seed: int) -> int:
        order = random.Random(seed)
        for _turn in range(600):
            path = order.choice(sorted(contents))
            start = order.randrange(_SIZE // 2)
            end = start + order.randrange(1, 1_000)
            assert files.cat_file(path, start, end) == contents[path][start:end]
        return seed

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(read, range(8))) == list(range(8))
    artfs.Api(tmp_path / "store").artifact("part-0").store.close()
