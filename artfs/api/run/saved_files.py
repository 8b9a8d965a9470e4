"""`Run.save`, and which files it and `Run.log_code` mean."""

from __future__ import annotations

import glob
import inspect
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Literal, TypeAlias

from artfs.api.run.run_history import RunHistory
from artfs.catalog import Run as Row
from artfs.errors import InvalidInputError
from artfs.store.store import Store

__all__ = ["FileFilter", "SavedFiles", "code_files", "is_python"]

FileFilter: TypeAlias = Callable[[str], bool] | Callable[[str, str], bool]
"""Says of a path, or of a path and the directory that was given, whether the file is meant."""

_TYPE: Final = "run-files"


class SavedFiles(RunHistory):
    """The part of `Run` that saves files.

    Args:
        store: The store that has the run.
        row: The run's row in the catalog.
    """

    def __init__(self, store: Store, row: Row) -> None:
        super().__init__(store, row)
        self._saved: dict[str, str] = {}  # text in pickles
        self._to_save_at_end = False

    def save(
        self,
        glob_str: str | os.PathLike[str],
        base_path: str | os.PathLike[str] | None = None,
        policy: Literal["live", "now", "end"] = "live",
    ) -> list[str]:
        """Log files of the run: all that were saved are a version of the artifact `run-ID-files`.

        Args:
            glob_str: A path, or a pattern of paths with `*`, `?` and `[...]`.
            base_path: The directory from which they are named in the artifact; None: the working directory, or for an
                absolute path that of the file.
            policy: `live`: at once, and as they are when the run ends; `now`: at once; `end`: when the run ends.

        Returns:
            The paths of the files that are meant.

        Raises:
            InvalidInputError: The policy is not allowed, or a file is not below `base_path`.
            SourceError: A file cannot be read.
        """
        if policy not in {"live", "now", "end"}:
            raise InvalidInputError(f"policy {policy!r} is not allowed: use 'live', 'now' or 'end'")
        pattern = os.fspath(glob_str)
        base = Path(base_path or (os.path.dirname(pattern) if os.path.isabs(pattern) else "."))
        found = _matching(pattern, base)
        self._saved |= found
        if found and policy != "end":
            self._log_saved(found)
        self._to_save_at_end |= policy != "now"
        return list(found.values())

    def _log_saved(self, wanted: Mapping[str, str]) -> None:
        files = {name: path for name, path in self._saved.items() if name in wanted or os.path.isfile(path)}
        if files:
            self._log_files(f"run-{self.id}-files", _TYPE, files)

    def _log_files(self, name: str, type_: str, files: Mapping[str, str]) -> object:
        """Log an artifact of files by their names in it, unless the latest version has the same ones."""
        raise NotImplementedError

    def _log_at_end(self) -> None:
        try:
            if self._to_save_at_end:
                self._to_save_at_end = False
                self._log_saved({})
        finally:
            super()._log_at_end()


def _matching(pattern: str, base: Path) -> dict[str, str]:
    found = {}
    for path in sorted(glob.glob(pattern, recursive=True)):
        if os.path.isfile(path):
            name = os.path.relpath(path, base)
            if name.startswith(".."):
                raise InvalidInputError(f"{path} is not below {base}: give another base_path")
            found[name] = os.path.abspath(path)
    return found


def is_python(path: str) -> bool:
    """Return True for a file with Python code."""
    return path.endswith(".py")


def code_files(root: Path, include: FileFilter, exclude: FileFilter | None) -> dict[str, str]:
    """Return the files below a directory that filters let pass, by their paths from there.

    Hidden directories, `wandb` and `__pycache__` are left out, and `artifacts`, where versions are downloaded.
    """
    found = {}
    for directory, below, names in os.walk(root):
        below[:] = sorted(
            name for name in below if not name.startswith(".") and name not in {"wandb", "__pycache__", "artifacts"}
        )
        for path in (os.path.join(directory, name) for name in sorted(names)):
            if _passes(include, path, root) and not (exclude is not None and _passes(exclude, path, root)):
                found[os.path.relpath(path, root)] = path
    return found


def _passes(chosen: FileFilter, path: str, root: Path) -> bool:
    takes_root = len(inspect.signature(chosen).parameters) > 1
    return bool(chosen(path, os.fspath(root)) if takes_root else chosen(path))  # type: ignore[call-arg] # by its signature
