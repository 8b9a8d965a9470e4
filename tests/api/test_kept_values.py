"""What config, summary and metadata keep of the values that training scripts put there."""

from __future__ import annotations

import copy
import json
import math
import pickle  # of what the test itself made
import subprocess
import sys
from argparse import Namespace
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum, auto
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import UUID

import pytest

import artfs
from artfs.errors import InvalidInputError


class Opt(str, Enum):  # noqa: UP042 - older than StrEnum
    ADAM = "adam"


class Split(Enum):
    TRAIN = auto()
    TEST = ("a", 1)


@dataclass(slots=True)
class Model:
    depth: int = 3
    widths: list[int] = field(default_factory=lambda: [1, 2])
    where: Path = Path("data/x")


KEPT: list[tuple[object, object]] = [
    (math.inf, math.inf),
    ([-math.inf, {"a": math.inf}], [-math.inf, {"a": math.inf}]),
    (math.nan, None),
    (Opt.ADAM, "adam"),
    (Split.TRAIN, 1),
    (Split.TEST, ["a", 1]),
    (Path("data/x"), "data/x"),
    (PurePosixPath("/a"), "/a"),
    (date(2026, 1, 2), "2026-01-02"),
    (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "2026-01-02T03:04:05+00:00"),
    (timedelta(minutes=1.5), 90.0),
    ({3, 1, 2}, [1, 2, 3]),
    (frozenset({"b", "a"}), ["a", "b"]),
    ((1, (2,)), [1, [2]]),
    (range(3), [0, 1, 2]),
    (slice(0, 9, 2), {"slice_start": 0, "slice_stop": 9, "slice_step": 2}),
    (slice(3), {"slice_start": None, "slice_stop": 3, "slice_step": None}),
    (deque([1]), [1]),
    (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
    ({0: "cat", None: 1, 2.5: 2, True: 3}, {"0": "cat", "null": 1, "2.5": 2, "true": 3}),
    (Model(), {"depth": 3, "widths": [1, 2], "where": "data/x"}),
    (Namespace(lr=0.1, opt=Opt.ADAM), {"lr": 0.1, "opt": "adam"}),
    (Decimal("0.10"), "0.10"),
    (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    ("Infinity", "Infinity"),
]

REFUSED: list[tuple[object, type[Exception]]] = [
    (object(), TypeError),
    (b"bytes", TypeError),
    (int, TypeError),
    (print, TypeError),
    (1j, TypeError),
    ({(1, 2): 3}, TypeError),
    ({"a": [object()]}, TypeError),
    ({1: "a", "1": "b"}, InvalidInputError),
    ("\ud800", InvalidInputError),
    (1 << 100_000, InvalidInputError),
    ("x" * (17 << 20), InvalidInputError),
]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> artfs.Run:
    """A run that goes on, in the store of the test."""
    monkeypatch.setenv("ARTFS_STORE", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)
    return artfs.init()


def found(run: artfs.Run) -> artfs.Run:
    return artfs.Api().run(run.id)


@pytest.mark.parametrize(("value", "kept"), KEPT, ids=lambda value: type(value).__name__)
def test_what_is_kept_of_a_value_is_there_as_it_is_assigned_and_when_it_is_read(
    run: artfs.Run, value: object, kept: object
) -> None:
    """Config, summary and metadata are alike.

    S72: Config and summary of a run and metadata keep numbers, infinite ones too, text, enums, paths, dates, sequences,
    sets, mappings, dataclasses, and arrays and tensors
    """
    artifact = artfs.Artifact("animals", metadata={"given": value})
    places: list[dict[str, Any]] = [run.config, run.summary, artifact.metadata]
    for place in places:
        place["x"] = value
        place["inner"] = {}
        place["inner"]["x"] = value
        place["list"] = [1]
        place["list"].append(value)
        assert (place["x"], place["inner"]["x"], place["list"]) == (kept, kept, [1, kept])
    run.log_artifact(artifact)
    expected = {"x": kept, "inner": {"x": kept}, "list": [1, kept]}
    assert (found(run).config, found(run).summary) == (expected, expected)
    assert artfs.Api().artifact("animals").metadata == {**expected, "given": kept}


@pytest.mark.parametrize(("value", "error"), REFUSED, ids=lambda value: type(value).__name__)
def test_what_cannot_be_kept_is_refused_where_it_is_assigned_and_costs_nothing_else(
    run: artfs.Run, value: object, error: type[Exception]
) -> None:
    """Every way of assigning is one of these.

    S72: What cannot be kept is refused where it is assigned, and the message names the key; it costs no other value, no
    artifact, and no exception.
    """
    artifact = artfs.Artifact("animals")
    places: list[tuple[str, dict[str, Any]]] = [
        *(("config", run.config), ("summary", run.summary), ("metadata", artifact.metadata)),
    ]
    for name, place in places:
        place.update(kept=1, inner={"kept": 1}, list=[1, 2])
        ways: list[Callable[[], object]] = [
            lambda place=place: place.__setitem__("bad", value),  # type: ignore[misc]
            lambda place=place: place.update(before=1, bad=value, after=2),  # type: ignore[misc]
            lambda place=place: place.setdefault("bad", value),  # type: ignore[misc]
            lambda place=place: place.__ior__({"bad": value}),  # type: ignore[misc]
            lambda place=place: place["inner"].__setitem__("bad", value),  # type: ignore[misc]
            lambda place=place: place["list"].append(value),  # type: ignore[misc]
            lambda place=place: place["list"].__setitem__(0, value),  # type: ignore[misc]
            lambda place=place: place["list"].extend([3, value]),  # type: ignore[misc]
            lambda place=place: place["list"].insert(0, value),  # type: ignore[misc]
        ]
        too_long = isinstance(value, str) and len(value) > 100
        for way in ways[:4] if too_long else ways:
            with pytest.raises(error, match=rf"^{name}\['(bad|inner|list)'\]"):
                way()
        assert place == {"kept": 1, "inner": {"kept": 1}, "list": [1, 2], "before": 1, "after": 2}
    run.log_artifact(artifact)
    assert found(run).summary == found(run).config == artfs.Api().artifact("animals").metadata == run.summary


def test_config_that_cannot_be_kept_is_refused_by_init_and_named(run: artfs.Run) -> None:
    with pytest.raises(TypeError, match=r"config\['model'\]\['f'\] is a builtin_function_or_method"):
        artfs.init(config={"model": {"f": print}})
    with pytest.raises(TypeError, match=r"config must be a mapping, an object .* or a file's path, not int"):
        artfs.init(config=5)
    with pytest.raises(TypeError, match=r"^config\['f'\]"):
        run.config = {"f": print}  # any mapping will do
    assert artfs.init(config=Model()).config == {"depth": 3, "widths": [1, 2], "where": "data/x"}


def test_the_exception_of_a_block_comes_through_and_what_can_be_kept_is(run: artfs.Run) -> None:
    def train() -> None:
        with run:
            run.summary["accuracy"] = 0.9
            run.summary["loss"] = math.inf
            run.summary["model"] = object()

    with pytest.raises(TypeError, match="is a object") as caught:
        train()
    assert not hasattr(caught.value, "__notes__")
    assert (found(run).state, found(run).summary) == ("failed", {"accuracy": 0.9, "loss": math.inf})


def test_values_that_are_too_long_together_cost_no_artifact_and_not_the_config(run: artfs.Run) -> None:
    for number in range(5):
        run.summary[str(number)] = "x" * (4 << 20)
    run.config["lr"] = 0.1
    artifact = artfs.Artifact("animals")
    run.log_artifact(artifact)
    assert (artifact.version, found(run).config, found(run).summary) == ("v0", {"lr": 0.1}, {})
    with pytest.raises(InvalidInputError, match=r"summary of .* bytes is too long"):
        run.update()
    del run.summary["0"], run.summary["1"]
    run.finish()
    assert len(found(run).summary) == 3


def test_a_name_that_cannot_be_kept_costs_no_value(run: artfs.Run) -> None:
    run.summary["loss"] = 1
    with pytest.raises(TypeError, match="the run's name must be text, not int"):
        run.name = 5  # type: ignore[assignment] # that is what the test is about
    with pytest.raises(InvalidInputError):
        run.name = "\ud800"
    run.finish()
    assert found(run).summary == {"loss": 1}


def test_a_list_that_was_taken_out_stays_that_of_the_run_after_it_is_stored(run: artfs.Run) -> None:
    losses = run.summary.setdefault("losses", [])
    artifact = artfs.Artifact("animals", metadata={"of": {}})
    of = artifact.metadata["of"]
    for number in range(3):
        losses.append(number)
        run.update()
        of[str(number)] = number
        artifact.save()
    assert found(run).summary == {"losses": [0, 1, 2]}
    assert artfs.Api().artifact("animals").metadata == {"of": {"0": 0, "1": 1, "2": 2}}


def test_copies_are_plain_and_pickles_keep_the_values(run: artfs.Run) -> None:
    run.config.update(a={"b": [1, math.inf]}, c=2)
    plain = run.config.as_dict()
    assert plain == run.config.copy() == {"a": {"b": [1, math.inf]}, "c": 2}
    assert (type(plain), type(plain["a"]), type(plain["a"]["b"])) == (dict, dict, list)
    for copied in (copy.deepcopy(run.config), pickle.loads(pickle.dumps(run.config))):  # noqa: S301
        assert (copied, copied.c) == (plain, 2)
        copied["d"] = 1
    assert type(copy.deepcopy(run.config["a"])) is type(pickle.loads(pickle.dumps(run.config["a"]))) is dict  # noqa: S301
    assert "d" not in run.config


NUMPY = """
import math, sys
import numpy as np, torch
import artfs
with artfs.init(config={"dtype": torch.float32, "device": torch.device("cpu"), "np": np.dtype("int8")}) as run:
    run.summary["a"] = np.array([[1, 2], [3, 4]])
    run.summary["b"] = np.float32("inf"), np.float64("-inf"), np.int64(3), np.bool_(True), np.str_("t"), np.float16(0.5)
    run.summary["c"] = torch.tensor(0.5, requires_grad=True), torch.tensor([1, 2]), torch.tensor([math.inf]).bfloat16()
    run.summary["d"] = np.datetime64("2026-01-02T03:04:05.123456789"), np.timedelta64(1500, "ms"), torch.Size([1, 2])
    run.summary["e"] = {np.int64(1): "one"}
    for bad in (np.complex64(1), np.float32, torch.empty(1, device="meta"), np.array([object()]), torch.nn.ReLU()):
        try:
            run.summary["bad"] = bad
        except TypeError as error:
            assert str(error).startswith("summary['bad']"), error
        else:
            raise AssertionError(bad)
"""


def test_arrays_tensors_and_their_scalars_are_kept_as_what_they_hold(run: artfs.Run, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", NUMPY], check=True, cwd=tmp_path, timeout=120)
    (made,) = [each for each in artfs.Api().runs() if each.id != run.id]
    assert made.config == {"dtype": "torch.float32", "device": "cpu", "np": "int8"}
    assert made.summary == {
        "a": [[1, 2], [3, 4]],
        "b": [math.inf, -math.inf, 3, True, "t", 0.5],
        "c": [0.5, [1, 2], [math.inf]],
        "d": ["2026-01-02T03:04:05.123456789", 1.5, [1, 2]],
        "e": {"1": "one"},
    }


def test_exports_of_infinite_numbers_are_json(run: artfs.Run, tmp_path: Path) -> None:
    run.summary["loss"] = run.config["limit"] = math.inf
    run.log_artifact(artfs.Artifact("animals", metadata={"x": -math.inf}))

    def said(*arguments: str) -> str:
        line = [sys.executable, "-m", "artfs.cli", *arguments]
        return subprocess.run(line, check=True, capture_output=True, text=True, cwd=tmp_path).stdout

    def strict(text: str) -> Any:
        return json.loads(text, parse_constant=pytest.fail)

    assert strict(said("show", "animals", "--json"))["metadata"] == {"x": {"$numberDouble": "-Infinity"}}
    infinite = {"$numberDouble": "Infinity"}
    assert strict(said("lineage", "animals", "--format", "json"))["edges"]
    for command in ("runs", "history"):
        assert infinite in values(strict(said(command, "--json")))


def values(document: object) -> Iterator[object]:
    """All values in a JSON document, at any depth."""
    yield document
    inner = document.values() if isinstance(document, dict) else document if isinstance(document, list) else []
    for value in inner:
        yield from values(value)
