"""Pages of the documentation: laid out and paged on a terminal, as they are elsewhere."""

from __future__ import annotations

import io
import os
import shlex
import shutil
import subprocess
from typing import Final

from artfs.cli.render.output import finish, on_terminal, write

__all__ = ["print_page"]

_WIDEST: Final = 100


def print_page(markdown: bytes) -> None:
    """Print a page; one that is longer than the terminal goes through `$PAGER`, or `less`."""
    if not on_terminal():
        write(markdown)
        return
    size = shutil.get_terminal_size()
    text = _laid_out(markdown.decode(), min(size.columns, _WIDEST))
    if text.count("\n") < size.lines or not _paged(text):
        write(text.encode())


def _laid_out(markdown: str, width: int) -> str:
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console(file=io.StringIO(), width=width, force_terminal=True)
    with console.capture() as captured:
        console.print(Markdown(markdown, hyperlinks=False))
    return captured.get()


def _paged(text: str) -> bool:
    """Show a text in the pager; False if there is none."""
    pager = shlex.split(os.environ.get("PAGER", "")) or ["less"]
    if shutil.which(pager[0]) is None:
        return False
    finish()
    environment = {"LESS": "FRX", **os.environ}  # with colours, on the screen that is there, not for a short page
    subprocess.run(pager, input=text.encode(), check=False, env=environment)  # noqa: S603 - what the user chose
    return True
