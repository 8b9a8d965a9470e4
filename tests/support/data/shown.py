"""A small store with something of everything that a page shows."""

from __future__ import annotations

import os
from pathlib import Path

import artfs
from artfs.api import store_pool

__all__ = ["ODD_NAMES", "make_shown_store"]

ODD_NAMES = (
    b"<img src=x onerror=alert(1)>.txt",
    b"\xff not utf-8",
    b"a b%2f&c#d?e.txt",
    b"new\nline",
    "right\u202eto left.txt".encode(),
    "ünï.txt".encode(),
)


def make_shown_store(store: Path, work: Path) -> Path:
    """Make the store.

    animals   v0 (best), v1 (deleted), v2 (latest): labels.csv changes, images/ grows, notes.txt goes
    odd       v0: files whose names are no plain text
    detector  v0, v1: made by the runs `train-1` and `train-2` of animals:v0 and animals:v2; `evaluate` failed

    Args:
        store: Where the store is to be.
        work: An empty directory, for files that are stored.

    Returns:
        The store's directory.
    """
    data = work / "animals"
    (data / "images" / "cats").mkdir(parents=True)
    (data / "notes.txt").write_text("three\nlines\nof text\n")
    _put(data, store, ("tom,cat",), description="<b>not bold</b>", aliases=("best",))
    (data / "images" / "cats" / "tim.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(500))
    _put(data, store, ("tom,cat", "tim,cat"))
    (data / "notes.txt").unlink()
    _put(data, store, ("tom,cat", "tim,cat", "rex,dog"))
    odd = work / "odd"
    odd.mkdir()
    for number, name in enumerate(ODD_NAMES):
        with open(os.fsencode(odd) + b"/" + name, "w") as file:
            file.write(f"contents {number}\n")
    artifact = artfs.Artifact("odd", type="files", store=store)
    artifact.add_dir(odd)
    artifact.save()
    for number, version in enumerate(("v0", "v2"), 1):
        config = {"lr": 0.1 / number, "model": {"layers": 4 * number}, "tags": ["a"]}
        with artfs.init(f"train-{number}", "train", config, id=f"train00{number}", store=store) as run:
            run.use_artifact(f"animals:{version}")
            model = artfs.Artifact("detector", type="model", store=store)
            with model.new_file("weights.bin", mode="wb") as weights:
                weights.write(bytes(range(256)) * 4 * number)
            run.log_artifact(model)
            run.summary["accuracy"] = 0.8 + number / 10
    run = artfs.init("evaluate", "evaluate", id="evaluate", store=store)
    run.use_artifact("detector:v1")
    run.finish(exit_code=3)
    artfs.Api(store).artifact("animals:v1").delete()
    store_pool.close_stores()
    return store


def _put(
    data: Path, store: Path, labels: tuple[str, ...], description: str = "", aliases: tuple[str, ...] = ()
) -> None:
    (data / "labels.csv").write_text("".join(f"{line}\n" for line in ("name,kind", *labels)))
    artifact = artfs.Artifact("animals", description=description, metadata={"count": len(labels)}, store=store)
    artifact.add_dir(data)
    artifact.save()
    if aliases:
        artifact.aliases = [*artifact.aliases, *aliases]
        artifact.save()
