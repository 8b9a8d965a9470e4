"""Journal records as people and programs read them: what was changed, and what it was before and after."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from artfs.cli.output import Document
from artfs.cli.text import iso_time, local_time
from artfs.format.operations import ArtifactCreated, ArtifactRenamed
from artfs.names import printable

if TYPE_CHECKING:
    from artfs.catalog import Record
    from artfs.format.operations import Op

__all__ = ["Changes"]

_JSON = {"metadata", "config", "summary"}
_WHICH = {"serial", "artifact", "index", "name", "run", "group", "number"}
_BEFORE = "previous"
_BEFORE_OF = {"artifact-edited": "description", "artifact-renamed": "name", "run-resumed": "state"}
_OF_VERSION = ("version-", "run-used", "run-logged")


class Changes:
    """Reads records in order, since only they say what an artifact was called then.

    Attributes:
        names: The artifacts' names as of the record read last, by serial.
    """

    def __init__(self) -> None:
        self.names: dict[int, str] = {}

    def read(self, record: Record, artifact: int | None = None, index: int | None = None) -> Document | None:
        """Return a record as an object of a JSON document.

        Args:
            record: The next one.
            artifact: Only what concerns this artifact.
            index: Only what concerns this version of it.

        Returns:
            The object; None when nothing in the record is asked for.
        """
        changes = list(self._changes(record, artifact, index))
        if not changes:
            return None
        entry = record.entry
        return {
            "seq": record.seq,
            "time": iso_time(entry.time_ns),
            "user": entry.user,
            "host": entry.host,
            "pid": entry.pid,
            "run": entry.run,
            "hash": record.hash.hex(),
            "changes": changes,
        }

    @staticmethod
    def lines(record: Record, document: Document) -> Iterator[str]:
        """Yield the lines of a record: a line a change."""
        entry = record.entry
        who = f"{local_time(entry.time_ns)}  {printable(entry.user)}@{printable(entry.host)}"
        run = "" if entry.run is None else f"  in run {entry.run}"
        for change in document["changes"]:
            yield f"{record.seq:6}  {who}{run}  {change['change']} {change['what']}{_difference(change)}"

    def _changes(self, record: Record, artifact: int | None, index: int | None) -> Iterator[Document]:
        for op in record.entry.ops:
            if isinstance(op, ArtifactCreated | ArtifactRenamed):
                serial: int | None = op.serial if isinstance(op, ArtifactCreated) else op.artifact
                called = self.names.get(serial or 0, op.name)
                self.names[op.serial if isinstance(op, ArtifactCreated) else op.artifact] = op.name
            else:
                serial, called = getattr(op, "artifact", None), None
            concerned = {getattr(op, "index", None), getattr(op, "previous", None) if _moves_alias(op) else None}
            if artifact in {None, serial} and (index is None or index in concerned):
                yield self._document(op, serial, called)

    def _document(self, op: Op, serial: int | None, called: str | None) -> Document:
        kind = str(op.__struct_config__.tag)
        values = {name: getattr(op, name) for name in op.__struct_fields__}
        previous = values.pop(_BEFORE, None)
        before: Document | None = None
        after: Document = {key: _plain(key, value) for key, value in values.items() if key not in _WHICH}
        if _moves_alias(op):
            before = None if previous is None else {"version": f"v{previous}"}
            after = {} if kind == "alias-removed" else {"version": f"v{values['index']}"}
        elif kind == "artifact-renamed":
            before, after = {"name": previous}, {"name": values["name"]}
        elif kind in _BEFORE_OF:
            before = {_BEFORE_OF[kind]: previous}
            after = after or {"state": "running"}
        elif previous is not None:
            before, after = _fields(previous), _fields(values["fields"])
            same = [key for key in before if before[key] == after.get(key)]
            before = {key: value for key, value in before.items() if key not in same}
            after = {key: value for key, value in after.items() if key not in same}
        return {"change": kind, "what": self._what(op, kind, serial, called), "before": before, "after": after or None}

    def _what(self, op: Op, kind: str, serial: int | None, called: str | None) -> str:
        """Name what an operation changes, as it was called just before."""
        run = getattr(op, "run", None)
        name = called or ("" if serial is None else self.names.get(serial, f"artifact {serial}"))
        if serial is None and run is None:
            name = str(getattr(op, "name", ""))
        if _moves_alias(op):
            return f"{name}:{printable(op.name)}"  # type: ignore[union-attr]  # an alias has one
        version = f"{name}:v{getattr(op, 'index', 0)}" if kind.startswith(_OF_VERSION) else name
        return f"{run} {version}".strip() if kind.startswith("run-") else version


def _moves_alias(op: Any) -> bool:
    return str(op.__struct_config__.tag).startswith("alias-")


def _fields(fields: Any) -> Document:
    return {name: _plain(name, getattr(fields, name)) for name in fields.__struct_fields__}


def _plain(key: str, value: Any) -> Any:
    """Give a value as JSON has it: digests in hex, and stored JSON as it is."""
    match value:
        case bytes():
            return msgspec.json.decode(value) if key in _JSON else value.hex()
        case msgspec.Struct():
            return _fields(value)
        case tuple():
            return [each.decode(errors="replace") if key == "paths" else _plain(key, each) for each in value]
        case _:
            return value


def _difference(change: Document) -> str:
    before, after = change["before"], change["after"]
    if before is None:
        told = "" if change["change"] == "version-created" else _text(after or {})
        return f": {told}" if told else ""
    return f": {_text(before) or 'nothing'} -> {_text(after or {}) or 'nothing'}"


def _text(values: Document) -> str:
    shown = {
        key: value for key, value in values.items() if value not in (None, "", [], {}, 0) and not key.endswith("_ns")
    }
    if len(shown) == 1:
        [shown_value] = shown.values()
        if isinstance(shown_value, str):
            return printable(shown_value)
    text = " ".join(f"{key}={_word(value)}" for key, value in shown.items())
    return text if len(text) <= 160 else f"{text[:157]}..."


def _word(value: Any) -> str:
    return printable(value) if isinstance(value, str) else printable(msgspec.json.encode(value))
