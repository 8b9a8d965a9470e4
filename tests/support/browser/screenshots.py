"""A picture of each page of `artfs ui`, for people to look at: what `scripts/screenshots` runs."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.support.browser.pages import PAGES
from tests.support.browser.serving import served
from tests.support.browser.visit import Visit, open_browser
from tests.support.data.gallery import make_gallery

_COLOURS: tuple[Literal["light", "dark"], ...] = ("light", "dark")
_WIDTH = 1440
_NARROW = {"version", "lineage", "compare"}
"""Pages that a picture in a narrow window is taken of too."""


@dataclass(frozen=True)
class _Taken:
    """A picture of a page."""

    name: str
    colours: Literal["light", "dark"]
    width: int = _WIDTH

    @property
    def picture(self) -> str:
        """Its file's name, without what tells the format."""
        return f"{self.name}-{'narrow' if self.width < _WIDTH else self.colours}"


def main() -> None:
    """Write the pictures into the first argument, a directory: those that are named behind it, or all."""
    pictures, wanted = Path(sys.argv[1]), set(sys.argv[2:])
    taken = [_Taken(name, colours) for colours in _COLOURS for name in PAGES]
    taken += [_Taken(name, "light", 390) for name in sorted(_NARROW)]
    chosen = [one for one in taken if not wanted or one.picture in wanted]
    if unknown := wanted - {one.picture for one in taken}:
        names = ", ".join(one.picture for one in taken)
        sys.exit(f"screenshots: there is no picture {min(unknown)}, but {names}")
    pictures.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="artfs-screenshots-") as made:
        (Path(made) / "work").mkdir()
        store = make_gallery(Path(made) / "store", Path(made) / "work")
        with served(store) as server, open_browser() as browser:
            for one in chosen:
                visit = Visit(browser, server.url, colours=one.colours, width=one.width)
                page = visit.go(PAGES[one.name])
                page.wait_for_load_state("networkidle")
                page.screenshot(path=pictures / f"{one.picture}.png")
                print(pictures / f"{one.picture}.png")
                visit.close()


if __name__ == "__main__":
    main()
