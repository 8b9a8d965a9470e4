"""Text of subclasses of str is kept as plain text, and metadata merges by key."""

from __future__ import annotations

from enum import Enum
from pathlib import Path

import artfs


class Opt(str, Enum):  # noqa: UP042 - as scripts have it, whose str() is not its value
    SGD = "sgd"


class Text(str):
    __slots__ = ()


def test_text_of_a_subclass_is_taken_wherever_text_is(tmp_path: Path) -> None:
    with artfs.init(Text("train"), Text("job"), {Text("k"): Text("v")}, store=tmp_path / "store") as run:
        artifact = artfs.Artifact(
            Text("m"), Text("model"), Text("what"), {"opt": Opt.SGD, Opt.SGD: 1}, store=run.store_path
        )
        artifact.add_reference(Text("doi:bucket/key"), Text("r"))
        run.log_artifact(artifact, aliases=[Text("best")], tags=[Text("t")])
        artifact.description = Text("other")
        artifact.save()
        run.name = Text("renamed")
        part = artfs.Artifact(Opt.SGD, store=run.store_path)
        run.upsert_artifact(part, distributed_id=Text("d"))
        run.finish_artifact(artfs.Artifact(Opt.SGD, store=run.store_path), distributed_id=Text("d"))
    found = artfs.Api(tmp_path / "store").artifact(Text("m:best"))
    assert (found.type, found.description, found.tags) == ("model", "other", ["t"])
    assert found.metadata == {"opt": "sgd", "sgd": 1}
    assert artfs.Api(tmp_path / "store").artifact("sgd").name == "sgd:v0"
    assert artfs.Api(tmp_path / "store").run(run.id).name == "renamed"


def test_metadata_that_two_objects_of_a_version_change_merges_by_key(tmp_path: Path) -> None:
    made = artfs.Artifact("m", metadata={"old": 1, "gone": 2, "both": 0}, store=tmp_path / "store")
    made.save()
    one, two = (artfs.Api(tmp_path / "store").artifact("m") for _ in range(2))
    one.metadata["a"] = 1
    del one.metadata["gone"]
    one.metadata["both"] = 1
    one.save()
    two.metadata["b"] = 2
    two.metadata["both"] = 2
    two.save()
    merged = {"old": 1, "a": 1, "b": 2, "both": 2}
    assert (two.metadata, artfs.Api(tmp_path / "store").artifact("m").metadata) == (merged, merged)
    made.metadata = {"old": 1, "gone": 2, "both": 0, "c": 3}
    made.save()
    assert made.metadata == {**merged, "c": 3}
