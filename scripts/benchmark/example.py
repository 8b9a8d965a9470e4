"""pyfuse3's own passthrough example: it comes with the source distribution only, and is fetched for each run."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import tarfile
from functools import cached_property
from pathlib import Path

from benchmark.errors import SkippedError
from benchmark.workshop import Workshop

_PATIENCE_SECONDS = 300


class Example:
    """The example of the pyfuse3 that is installed here."""

    def __init__(self, shop: Workshop) -> None:
        self._shop = shop
        self._missing: str | None = None

    @property
    def program(self) -> Path:
        """Return the program, which takes a directory to mirror and a mount point.

        Raises:
            SkippedError: It cannot be had; says why, without asking again.
        """
        if self._missing is None:
            try:
                return self._fetched
            except SkippedError as error:
                self._missing = str(error)
        raise SkippedError(self._missing)

    @cached_property
    def _fetched(self) -> Path:
        version = importlib.metadata.version("pyfuse3")
        place = self._shop.fresh("pyfuse3")
        place.mkdir()
        # pip prepares what it downloads, for which it fetches pyfuse3's build requirements; nothing is installed.
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input"]
        options = ["download", "--no-deps", "--no-binary", "pyfuse3", "--dest", str(place)]
        try:
            done = subprocess.run(
                [*pip, *options, f"pyfuse3=={version}"],
                check=False,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_PATIENCE_SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise SkippedError(f"`pip download` of pyfuse3 {version} did not end in {_PATIENCE_SECONDS} s") from None
        found = next(place.glob("*.tar.gz"), None)
        if done.returncode or found is None:
            said = next((line for line in done.stderr.splitlines() if "error" in line.lower()), "it says nothing")
            raise SkippedError(f"`pip download` gives no source of pyfuse3 {version}: {said.strip()}")
        with tarfile.open(found) as archive:
            archive.extractall(place, filter="data")
        program = next(place.glob("*/examples/passthroughfs.py"), None)
        if program is None:
            raise SkippedError(f"the source of pyfuse3 {version} has no passthrough example")
        return program
