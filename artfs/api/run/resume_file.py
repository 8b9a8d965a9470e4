"""The file by which `artfs.init(resume="auto")` finds the run again that did not come to its end in a directory."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from artfs.api.lines import termwarn
from artfs.names import is_run_id

__all__ = ["ResumeFile"]


@dataclass(frozen=True, slots=True)
class ResumeFile:
    """The file `wandb/wandb-resume.json` below a directory: `{"run_id": ID}`, as long as the run has not succeeded.

    Attributes:
        path: The file; text in pickles.
    """

    path: str

    @classmethod
    def below(cls, directory: str | os.PathLike[str]) -> ResumeFile:
        """Return the file for runs that are started with `dir`, or in a directory."""
        return cls(os.path.join(os.path.abspath(directory), "wandb", "wandb-resume.json"))

    def read(self) -> str | None:
        """Return the run's id; None if there is none."""
        try:
            named = json.loads(Path(self.path).read_text())["run_id"]
        except (OSError, ValueError, LookupError, TypeError):
            return None
        return named if isinstance(named, str) and is_run_id(named) else None

    def write(self, run: str) -> None:
        """Note a run; warn where that cannot be."""
        try:
            os.makedirs(os.path.dirname(self.path), exist_ok=True)
            new = Path(f"{self.path}.{os.getpid()}")
            new.write_text(json.dumps({"run_id": run}))
            new.replace(self.path)
        except OSError as error:
            termwarn(f"run {run} is not found again by resume='auto': {self.path}: {error.strerror}")

    def remove(self, run: str) -> None:
        """Remove the file if it names a run."""
        if self.read() == run:
            with suppress(OSError):
                os.remove(self.path)
