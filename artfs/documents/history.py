"""Journal records as JSON objects and as text: each change, with the values before and after."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from artfs.documents.document import Document, duration_text, iso_time, local_time
from artfs.errors import NotFoundError
from artfs.format.operations import ArtifactCreated, ArtifactRenamed
from artfs.format.pack_operations import PacksAdded
from artfs.names import parse_ref, printable

if TYPE_CHECKING:
    from artfs.catalog import Catalog, JournalRecord
    from artfs.format.operations import Op

__all__ = ["HistoryReader", "history_subject"]

_JSON = {"metadata", "config", "summary"}
_INTERNAL = {"process", "root"}
"""Fields of a record that say nothing outside of the store."""
_TIMES = {"added", "created", "ended", "logged", "mtime", "started", "used"}
_SECOND = 1_000_000_000
_SUBJECT = {"serial", "artifact", "index", "name", "run", "group", "number"}
_CHANGED_FIELD = {"artifact-edited": "description", "artifact-renamed": "name", "run-resumed": "state"}
_VERSION_KINDS = ("version-", "run-used", "run-logged")


class HistoryReader:
    """Reads all records in order, since only they say what an artifact was called at the time.

    Attributes:
        names: The artifacts' names after the record that was read last, by serial.
    """

    def __init__(self) -> None:
        self.names: dict[int, str] = {}

    def document(self, record: JournalRecord, artifact: int | None = None, index: int | None = None) -> Document | None:
        """Return a record as a JSON object.

        Args:
            record: The next one.
            artifact: Only changes of this artifact.
            index: Only changes of this version of it.

        Returns:
            The object; None if the record has no such change.
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
    def lines(record: JournalRecord, document: Document) -> Iterator[str]:
        """Yield a line for each change of a record."""
        entry = record.entry
        who = f"{local_time(entry.time_ns)}  {printable(entry.user)}@{printable(entry.host)}"
        run = "" if entry.run is None else f"  in run {entry.run}"
        for change in document["changes"]:
            yield f"{record.seq:6}  {who}{run}  {change['change']} {change['what']}{_difference(change)}"

    def _changes(self, record: JournalRecord, artifact: int | None, index: int | None) -> Iterator[Document]:
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
        previous = values.pop("previous", None)
        before: Document | None = None
        after = _document_of((key, value) for key, value in values.items() if key not in _SUBJECT)
        if _moves_alias(op):
            before = None if previous is None else {"version": f"v{previous}"}
            after = {} if kind == "alias-removed" else {"version": f"v{values['index']}"}
        elif kind == "artifact-renamed":
            before, after = {"name": previous}, {"name": values["name"]}
        elif kind in _CHANGED_FIELD:
            before = {_CHANGED_FIELD[kind]: previous}
            after = after or {"state": "running"}
        elif previous is not None:
            before, after = _fields(previous), _fields(values["fields"])
            same = [key for key in before if before[key] == after.get(key)]
            before = {key: value for key, value in before.items() if key not in same}
            after = {key: value for key, value in after.items() if key not in same}
        return {
            "change": kind,
            "what": self._subject(op, kind, serial, called),
            "before": before,
            "after": after or None,
        }

    def _subject(self, op: Op, kind: str, serial: int | None, called: str | None) -> str:
        """Return the name of what an operation changes, as it was called just before."""
        if isinstance(op, PacksAdded):
            return f"{len(op.packs)} packs"
        run = getattr(op, "run", None)
        name = called or ("" if serial is None else self.names.get(serial, f"artifact {serial}"))
        if serial is None and run is None:
            name = str(getattr(op, "name", ""))
        if _moves_alias(op):
            return f"{name}:{printable(op.name)}"  # type: ignore[union-attr]  # an alias has one
        version = f"{name}:v{getattr(op, 'index', 0)}" if kind.startswith(_VERSION_KINDS) else name
        return f"{run} {version}".strip() if kind.startswith("run-") else version


def history_subject(catalog: Catalog, ref: str | None) -> tuple[int | None, int | None]:
    """Find the artifact, deleted or not, and with `:` the version, whose history is wanted.

    Args:
        catalog: The catalog.
        ref: As a user gave it; None: all history.

    Returns:
        The artifact's serial and the version's index; None for all.

    Raises:
        NotFoundError: There never was one.
    """
    if ref is None:
        return None, None
    parsed = parse_ref(ref)
    with catalog.view() as view:
        name = view.name_row(parsed.name)
        if name is None:
            raise view.missing_artifact(parsed.name)
        serial = name.serial or name.owner
        if ":" not in ref:
            return serial, None
        if not isinstance(parsed.selector, int):
            return serial, view.resolve(parsed).index
        if parsed.selector >= name.next_index:
            raise NotFoundError(
                f"{parsed} does not exist: `artfs log {parsed.name}` shows the versions of {parsed.name}"
            )
        return serial, parsed.selector


def _moves_alias(op: Any) -> bool:
    return str(op.__struct_config__.tag).startswith("alias-")


def _fields(fields: Any) -> Document:
    return _document_of((name, getattr(fields, name)) for name in fields.__struct_fields__)


def _document_of(fields: Iterable[tuple[str, Any]]) -> Document:
    """Return fields of a record with the keys and units of other documents."""
    document: Document = {}
    for key, value in fields:
        if key == "ttl_ns":
            document["ttl_seconds"] = None if value is None else value // _SECOND
        elif key.endswith("_ns"):
            document[key.removesuffix("_ns")] = iso_time(value)
        elif key == "mode":
            document[key] = f"{value:04o}"
        elif key not in _INTERNAL:
            document[key] = _plain(key, value)
    return document


def _plain(key: str, value: Any) -> Any:
    """Return a value as JSON has it: digests in hex, and stored JSON decoded."""
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
        created = _text(after or {})
        if change["change"] == "version-created":
            source = (after or {}).get("source")
            created = f"contents of {source}" if source else ""
        return f": {created}" if created else ""
    return f": {_text(before) or 'nothing'} -> {_text(after or {}) or 'nothing'}"


def _text(values: Document) -> str:
    shown = {key: value for key, value in values.items() if value not in (None, "", [], {}, 0) and key not in _TIMES}
    if "ttl_seconds" in shown:
        shown["ttl"] = duration_text(shown.pop("ttl_seconds") * _SECOND)
    if len(shown) == 1:
        [shown_value] = shown.values()
        if isinstance(shown_value, str):
            return printable(shown_value)
    text = " ".join(f"{key}={_word(value)}" for key, value in shown.items())
    return text if len(text) <= 160 else f"{text[:157]}..."


def _word(value: Any) -> str:
    return printable(value) if isinstance(value, str) else printable(msgspec.json.encode(value))
