"""A store of a small project, with files of every kind that a page previews: what a browser is shown in tests."""

from __future__ import annotations

import json
import math
import os
import random
import struct
import wave
import zlib
from pathlib import Path

import artfs
from artfs.api import store_pool

__all__ = ["HOSTILE_NAMES", "make_gallery"]

_CLASSES = ("circle", "square", "triangle")
HOSTILE_NAMES = (
    b"<img src=x onerror=document.title='pwned'>.txt",
    b"new\nline.txt",
    "gnp.\u202egpj.txt".encode(),
    b"not utf-8 \xff.txt",
    b"a&b=c?d#e%41.txt",
)
_HTML = """<!doctype html><h1>Data report</h1><p id=out>scripts do not run</p>
<script>
const tried = [];
const attempt = async (name, act) => {
  try { tried.push(name + ": " + await act()); } catch (error) { tried.push(name + ": " + error.name); }
};
(async () => {
  await attempt("api", async () => (await fetch("/api/artifacts")).status);
  await attempt("parent", () => parent.document.title);
  await attempt("storage", () => sessionStorage.length);
  await attempt("cookie", () => document.cookie);
  await attempt("channel", () => new Promise((resolve) => {
    const channel = new BroadcastChannel("artfs");
    channel.onmessage = ({ data }) => resolve("TOKEN " + JSON.stringify(data));
    channel.postMessage("token?");
    setTimeout(() => resolve("nothing"), 200);
  }));
  out.textContent = tried.join(" | ");
})();
</script>
"""


def make_gallery(store: Path, work: Path, classes: int = 12) -> Path:
    """Make the store.

    shapes-raw  v0, v1: images of three classes, made by two runs of `ingest`
    shapes      v0, v1, v2 (best): cleaned, with a file of each kind of preview; metadata, description, tags
    split       v0: a list of files
    shapenet    v0 to v6: models of a sweep of seven runs of `train`, one more of which failed
    report      v0 to v2: evaluations of three models
    hostile     v0: names and HTML that attack whoever looks at them

    Args:
        store: Where the store is to be.
        work: An empty directory, for files that are stored.
        classes: Images of each class.

    Returns:
        The store's directory.
    """
    dice = random.Random(0)
    raw = work / "raw"
    for kind in _CLASSES:
        (raw / kind).mkdir(parents=True)
    for month in range(2):
        with artfs.init(f"ingest-{month}", "ingest", {"camera": 7, "month": 10 + month}, store=store) as run:
            for kind in _CLASSES:
                for number in range(month * classes, (month + 1) * classes):
                    (raw / kind / f"{number:04}.png").write_bytes(_shape(kind, dice))
            (raw / "README.md").write_text(
                f"# Shapes\n\nPhotographs of camera 7, month {10 + month}.\n{'New: more of each.' * month}\n"
            )
            run.log_artifact(_directory("shapes-raw", raw, description="Shapes as the camera gave them"))
    for number in range(3):
        _clean(store, raw, work / f"clean-{number}", number, dice)
    with artfs.init("split-80-20", "split", {"seed": 1}, store=store) as run:
        run.use_artifact("shapes:best")
        run.log_artifact(
            _text_artifact("split", "split", "train.txt", "\n".join(f"square/{n:04}.png" for n in range(classes)))
        )
    for number in range(7):
        _train(store, number)
    try:
        with artfs.init("train-out-of-memory", "train", {"lr": 0.1, "width": 4096}, store=store) as run:
            run.use_artifact("split:latest")
            raise MemoryError
    except MemoryError:
        pass
    for number in (2, 3, 4):
        with artfs.init(f"evaluate-{number}", "evaluate", {"metric": "accuracy"}, store=store) as run:
            run.use_artifact(f"shapenet:v{number}")
            run.summary["accuracy"] = round(0.68 + 0.03 * number, 3)
            run.log_artifact(_text_artifact("report", "report", "report.md", f"# Evaluation\n\nmodel {number}\n"))
    hostile = artfs.Artifact(
        "hostile",
        "files",
        description="<script>document.title='pwned'</script>",
        metadata={"<b>": "\u202eevil"},
        store=store,
    )
    directory = work / "hostile"
    directory.mkdir()
    for name in HOSTILE_NAMES:
        with open(os.path.join(os.fsencode(directory), name), "w") as file:
            file.write("a name that attacks\n")
    (directory / "page.html").write_text(_HTML)
    hostile.add_dir(directory)
    hostile.save()
    store_pool.close_stores()
    return store


def _directory(name: str, directory: Path, **fields: object) -> artfs.Artifact:
    artifact = artfs.Artifact(name, "dataset", **fields)  # type: ignore[arg-type]  # each test of it names what it gives
    artifact.add_dir(directory)
    return artifact


def _text_artifact(name: str, kind: str, file_name: str, text: str) -> artfs.Artifact:
    artifact = artfs.Artifact(name, kind)
    with artifact.new_file(file_name) as file:
        file.write(text)
    return artifact


def _clean(store: Path, raw: Path, out: Path, number: int, dice: random.Random) -> None:
    """Log a version of the cleaned data, with a file of each kind."""
    with artfs.init(f"clean-{number}", "preprocess", {"drop_blurred": 4 * number, "seed": 0}, store=store) as run:
        run.use_artifact(f"shapes-raw:v{min(number, 1)}")
        kept = 0
        for kind in _CLASSES:
            (out / kind).mkdir(parents=True)
            for image in sorted((raw / kind).glob("*.png"))[number:]:
                (out / kind / image.name).write_bytes(image.read_bytes())
                kept += 1
        (out / "square" / "0007.png").write_bytes(_shape("square", dice))
        (out / "stats.json").write_text(
            json.dumps({"kept": kept, "mean": [0.81, 0.82, 0.8 + number / 100], "classes": list(_CLASSES)})
        )
        rows = "".join(
            f"{kind}/{row:04}.png,{kind},{96 - number * row % 7}\n" for kind in _CLASSES for row in range(12)
        )
        (out / "labels.csv").write_text(f"file,label,width\n{rows}")
        (out / "notes.md").write_text(
            "# Notes\n\n" + "".join(f"{line}. kept as it was\n" for line in range(30)) + f"\nround {number}\n"
        )
        (out / "embedding.npy").write_bytes(_array([math.sin(at / 9) + at / 200 for at in range(400)]))
        (out / "model.safetensors").write_bytes(_tensors({"head.weight": (3, 32 + number), "head.bias": (3,)}))
        (out / "report.html").write_text("<h1>Data report</h1>")
        (out / "weights.pkl").write_bytes(b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00}\x94\x8c\x01a\x94K\x01s.")
        with wave.open(str(out / "tone.wav"), "wb") as sound:
            sound.setnchannels(1)
            sound.setsampwidth(2)
            sound.setframerate(8000)
            sound.writeframes(b"".join(struct.pack("<h", int(8000 * math.sin(at / 3))) for at in range(4000)))
        metadata = {"classes": 3, "kept": kept, "license": "CC-BY-4.0", "source": {"camera": 7}}
        artifact = _directory("shapes", out, description="Clean shapes, ready to train", metadata=metadata)
        run.log_artifact(artifact, aliases=["best"] if number == 2 else [], tags=["clean"])


def _train(store: Path, number: int) -> None:
    rate = round(10 ** -(1 + number / 3), 5)
    with artfs.init(
        f"train-{number}",
        "train",
        {"lr": rate, "epochs": 5, "model": {"width": 32}},
        id=f"train00{number}",
        store=store,
    ) as run:
        run.use_artifact("split:latest")
        accuracy = round(0.7 + 0.03 * number - 0.004 * number * number, 3)
        model = artfs.Artifact("shapenet", "model", metadata={"accuracy": accuracy})
        with model.new_file("model.safetensors", mode="wb") as file:
            file.write(_tensors({"conv.weight": (8, 3, 3, 3), "head.weight": (3, 8 + number)}))
        run.summary["accuracy"] = accuracy
        run.summary["loss"] = round(1 / (number + 1), 4)
        run.log_artifact(model, aliases=["best"] if number == 4 else [])


def _shape(kind: str, dice: random.Random, side: int = 48) -> bytes:
    """Return a PNG of a shape."""
    ground = bytes(dice.randrange(190, 250) for _ in range(3))
    colour = bytes(dice.randrange(20, 170) for _ in range(3))
    middle, radius = side / 2 + dice.randrange(-6, 6), dice.randrange(10, 18)

    def inside(x: float, y: float) -> bool:
        if kind == "circle":
            return x * x + y * y < radius * radius
        if kind == "square":
            return max(abs(x), abs(y)) < radius
        return -radius < y < radius and abs(x) < (y + radius) / 2

    rows = (
        b"\0" + b"".join(colour if inside(x - middle, y - middle) else ground for x in range(side)) for y in range(side)
    )
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(b"".join(rows))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in parts
    )


def _array(values: list[float]) -> bytes:
    """Return an npy file of 32-bit floats."""
    head = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({len(values)},), }}".encode()
    head += b" " * (-(len(head) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + struct.pack(f"<{len(values)}f", *values)


def _tensors(shapes: dict[str, tuple[int, ...]]) -> bytes:
    """Return a safetensors file of zeros."""
    head: dict[str, object] = {"__metadata__": {"format": "pt"}}
    at = 0
    for name, shape in shapes.items():
        size = 4 * math.prod(shape)
        head[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(head).encode()
    return struct.pack("<Q", len(text)) + text + bytes(at)
