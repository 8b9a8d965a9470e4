"""What processes hold over time: anonymous memory and open descriptors, looked at again and again."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from statistics import median

__all__ = ["Watch"]

_SPARE_KIB = 4096
_SPARE_FILES = 4


class Watch:
    """Samples of processes, by a name for what they are."""

    def __init__(self) -> None:
        self._kib: dict[str, list[int]] = defaultdict(list)
        self._files: dict[str, list[int]] = defaultdict(list)

    def look(self, processes: Iterable[tuple[str, int]]) -> None:
        """Take a sample; of several processes of one name the one that holds most counts."""
        kib: dict[str, int] = {}
        files: dict[str, int] = {}
        for name, pid in processes:
            try:
                memory, opened = _anonymous_kib(pid), len(os.listdir(f"/proc/{pid}/fd"))
            except OSError:
                continue  # it has ended
            kib[name], files[name] = max(memory, kib.get(name, 0)), max(opened, files.get(name, 0))
        for name, most in kib.items():
            self._kib[name].append(most)
            self._files[name].append(files[name])

    def growing(self) -> list[str]:
        """What holds more in the last third of the time than in the middle one: by a tenth, and by more than a little.

        In the first third caches fill up.
        """
        found = []
        for what, samples, spare in (("KiB", self._kib, _SPARE_KIB), ("descriptors", self._files, _SPARE_FILES)):
            for name, values in samples.items():
                third = len(values) // 3
                middle, last = median(values[third : 2 * third]), median(values[-third:])
                if last > middle * 1.1 + spare:
                    found.append(f"{name}: from {middle:.0f} to {last:.0f} {what}")
        return found

    def __str__(self) -> str:
        parts = []
        for name, values in sorted(self._kib.items()):
            third, files = len(values) // 3, self._files[name]
            thirds = (values[:third], values[third : 2 * third], values[-third:])
            memory = ", ".join(f"{median(part) / 1024:.1f}" for part in thirds)
            opened = f"{median(files[:third]):.0f} to {median(files[-third:]):.0f}"
            parts.append(f"{name} {memory} MiB and {opened} descriptors")
        return "; ".join(parts)


def _anonymous_kib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Anonymous:"):
            return int(line.split()[1])
    return 0
