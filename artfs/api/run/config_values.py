"""The config that a run is started with: from a mapping, an object with attributes, or a file of YAML or JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from artfs.catalog import attributes_of
from artfs.errors import InvalidInputError, SourceError
from artfs.names import quoted

__all__ = ["config_values"]


def config_values(
    config: object, include: Collection[str] | None = None, exclude: Collection[str] | None = None
) -> Mapping[str, object]:
    """Return the values of a config.

    Args:
        config: A mapping; an object with attributes (`argparse.Namespace`, a dataclass); the path of a YAML or JSON
            file; None: none.
        include: The keys to take; None: all.
        exclude: Keys to leave out.

    Raises:
        TypeError: It is none of these.
        SourceError: The file cannot be read.
        InvalidInputError: The file holds no mapping, or both `include` and `exclude` are given.
    """
    if include and exclude:
        raise InvalidInputError("config_include_keys and config_exclude_keys cannot both be given: use one of them")
    values = _values(config)
    return {
        key: value
        for key, value in values.items()
        if (not include or key in include) and (not exclude or key not in exclude)
    }


def _values(config: object) -> Mapping[str, object]:
    if config is None or isinstance(config, Mapping):
        return config or {}
    if isinstance(config, str | os.PathLike):
        return _of_file(Path(os.fspath(config)))
    fields = attributes_of(config)
    if fields is None and not hasattr(config, "__dict__"):
        raise TypeError(
            f"config must be a mapping, an object with attributes or a file's path, not {type(config).__name__}"
        )
    return vars(config) if fields is None else fields


def _of_file(path: Path) -> Mapping[str, object]:
    """Return the values of a file. One in W&B's own form has `value` and `desc` for each key: the values are taken."""
    named = quoted(os.fspath(path))
    try:
        values = _parsed(path.read_text("utf-8"), named)
    except OSError as error:
        raise SourceError(f"config file {named} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SourceError(f"config file {named} cannot be read: it is no UTF-8") from error
    if values is None:
        return {}
    if not isinstance(values, Mapping):
        raise InvalidInputError(f"config file {named} must hold a mapping, not a {type(values).__name__}")
    described = {key: value for key, value in values.items() if key not in {"wandb_version", "_wandb"}}
    if described and all(_is_described(value) for value in described.values()):
        return {key: value["value"] for key, value in described.items()}
    return values


def _is_described(value: object) -> bool:
    return isinstance(value, Mapping) and "value" in value and set(value) <= {"value", "desc"}


def _parsed(text: str, named: str) -> Any:
    with suppress(ValueError):
        return json.loads(text)
    try:
        yaml = import_module("yaml")
    except ImportError:
        raise InvalidInputError(f"config file {named} is no JSON, and YAML needs PyYAML: pip install pyyaml") from None
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        why = " ".join(str(error).split())
        raise InvalidInputError(f"config file {named} is neither YAML nor JSON: {why}") from error
