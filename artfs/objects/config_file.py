"""Changes of the user's configuration file: one key at a time, and all other lines stay as they are.

A line is changed, added or removed, and the outcome is parsed and compared with what it should say: a file that is
written in another way (tables in one line, dotted keys) is refused and left as it is.
"""

from __future__ import annotations

import json
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from artfs.errors import InvalidInputError, StorageError
from artfs.files import sync_directory
from artfs.names import quoted
from artfs.objects.config_keys import ConfigKey, ConfigValue
from artfs.objects.settings import parse_settings, read_config

__all__ = ["change_config"]


def change_config(path: Path, key: ConfigKey, value: ConfigValue | None) -> bool:
    """Set a key in the configuration file, or remove it.

    Args:
        path: The file; it is made if it is not there, and a symlink is followed.
        key: The key.
        value: Its value; None: remove it.

    Returns:
        False if it was so already.

    Raises:
        InvalidInputError: The file cannot be read, would be wrong still, or is written in a way that is not changed.
        StorageError: The system refused.
    """
    tables = read_config(path)
    wanted = _changed(tables, (*key.table, key.name), value)
    parse_settings(wanted, path)
    if wanted == tables:
        return False
    text = "\n".join(_edited(path.read_text(encoding="utf-8") if path.exists() else "", key, value))
    if _without_empty(_parsed(text)) != _without_empty(wanted):
        raise InvalidInputError(
            f"configuration {quoted(str(path))} has tables in one line or dotted keys, which only an editor can "
            f"change: {'remove' if value is None else 'set'} {key} there by hand"
        )
    try:
        _replace(Path(os.path.realpath(path)), text)
    except OSError as error:
        raise StorageError.of(error, f"writing the configuration {path}", os.fspath(path)) from error
    return True


def _changed(tables: dict[str, object], names: tuple[str, ...], value: ConfigValue | None) -> dict[str, object]:
    """Return what a file says after a change."""
    name, *inner = names
    if value is None and name not in tables:
        return tables
    if not inner:
        others = {other: was for other, was in tables.items() if other != name}
        return others if value is None else {**tables, name: value}
    below = tables.get(name, {})
    if not isinstance(below, dict):  # the check of the outcome says so
        return tables
    return {**tables, name: _changed(below, tuple(inner), value)}


def _edited(text: str, key: ConfigKey, value: ConfigValue | None) -> list[str]:
    """Change the line of a key, or add or remove it; a table of which nothing is left goes with its last key."""
    lines = text.split("\n")
    header, assignments = _find(lines, key.table)
    at = assignments.get(key.name)
    line = f"{key.name} = {json.dumps(value, ensure_ascii=False)}"
    if value is None:
        gone = {at}
        if header is not None and len(assignments) == 1:
            gone |= {header, header - 1} if header and not lines[header - 1].strip() else {header}
        return [line for number, line in enumerate(lines) if number not in gone]
    if at is not None:
        lines[at] = line + _comment(lines[at])
    elif header is not None:
        lines.insert(max(header, *assignments.values()) + 1 if assignments else header + 1, line)
    else:
        names = ".".join((key.table[0], *(json.dumps(name, ensure_ascii=False) for name in key.table[1:])))
        above = text.rstrip("\n").split("\n") if text.strip() else []
        return [*above, *([""] if above else []), f"[{names}]", line, ""]
    return lines


def _find(lines: list[str], table: tuple[str, ...]) -> tuple[int | None, dict[str, int]]:
    """Find the line that begins a table, and those of its keys."""
    header = None
    current: tuple[str, ...] = ()
    assignments: dict[str, int] = {}
    for number, line in enumerate(lines):
        statement = _parsed(line)
        if not statement:
            continue
        if line.lstrip().startswith("["):
            current = _names(statement)
            header = number if current == table else header
        elif current == table:
            assignments |= dict.fromkeys(statement, number)
    return header, assignments


def _names(statement: dict[str, object]) -> tuple[str, ...]:
    """Return the names of the table that a line begins."""
    ((name, below),) = statement.items()
    return (name, *_names(below)) if isinstance(below, dict) and below else (name,)


def _comment(line: str) -> str:
    """Return the comment behind a value, with the space before it."""
    statement = _parsed(line)
    for place in (place for place, character in enumerate(line) if character == "#"):
        if _parsed(line[:place]) == statement:
            return line[len(line[:place].rstrip()) :]
    return ""


def _parsed(text: str) -> dict[str, object] | None:
    """Parse text as TOML; None if it is none."""
    import tomllib  # noqa: PLC0415 # as in `read_config`

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


def _without_empty(tables: dict[str, object] | None) -> dict[str, object] | None:
    """Leave out tables in which nothing is set."""
    if tables is None:
        return None
    pruned = {name: _without_empty(value) if isinstance(value, dict) else value for name, value in tables.items()}
    return {name: value for name, value in pruned.items() if value != {}}


def _replace(path: Path, text: str) -> None:
    """Write a file anew, so that whoever reads it sees the one before or this one; a new one is the user's alone."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            with suppress(FileNotFoundError):
                os.fchmod(descriptor, stat.S_IMODE(path.stat().st_mode))
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
    sync_directory(path.parent)
