"""`artfs ui`: the store in a browser."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import suppress
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from artfs.cli.command import command as artfs_command
from artfs.cli.render.output import finish, print_line
from artfs.cli.settings import Settings
from artfs.errors import InvalidInputError

if TYPE_CHECKING:
    from artfs.documents.document import Document

__all__ = ["command"]

_LIBRARIES = ("starlette", "uvicorn")


@artfs_command(
    "ui",
    examples=(
        "artfs ui",
        "artfs ui --no-browser --port 8123",
        "artfs --store ~/artifacts ui --allow-host hub.example.org",
    ),
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, metavar="N", help="Listen on this port. Default: any."
)
@click.option("--no-browser", is_flag=True, help="Print the URL alone, and open no browser.")
@click.option(
    "--allow-host",
    "hosts",
    multiple=True,
    metavar="HOST",
    help="Answer under this host name too, as behind a proxy (repeatable).",
)
@click.pass_obj
def command(settings: Settings, port: int, no_browser: bool, hosts: tuple[str, ...]) -> None:
    """Show the store in a browser, until Ctrl-C.

    Artifacts, versions, files with previews, what changed between two versions, lineage, runs, history and space: to
    look at, and nothing is changed. The URL that is printed has a token: who has it can read the whole store. It is
    answered on this machine alone; from elsewhere come by `ssh -L 8123:localhost:8123`.
    """
    missing = [name for name in _LIBRARIES if find_spec(name) is None]
    if missing:
        raise InvalidInputError(f"{' and '.join(missing)} must be installed for this: `pip install 'artfs[ui]'`")
    from artfs.kv import crash_marker
    from artfs.web.server import WebServer

    crash_marker.install(settings.store_path / "index")
    server = WebServer(settings.store_path, port, hosts, check=lambda: _doctor(settings))
    try:
        with suppress(KeyboardInterrupt), tempfile.TemporaryDirectory(prefix="artfs-ui-") as private:
            print_line(server.url)
            finish()
            if not no_browser:
                _open_browser(server.url, Path(private))
            server.wait()
    finally:
        done = server.close()
    if not done:  # the interpreter would wait for the request
        os._exit(0)


def _doctor(settings: Settings) -> Document:
    """Run the command in a process of its own: this one has the index open, which it would open again."""
    import json
    import subprocess

    line = [sys.executable, "-m", "artfs.cli", "doctor", "--json", "--store", os.fspath(settings.store_path)]
    ended = subprocess.run(line, check=False, capture_output=True)  # noqa: S603 # artfs itself
    document: Document = json.loads(ended.stdout)
    return document


def _open_browser(url: str, private: Path) -> None:
    """Open the page in the user's browser, if there is a graphical one.

    The browser is given a file that leads to the URL: all users of the machine see the arguments of a process.
    """
    if not any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")):
        return
    import webbrowser

    page = private / "artfs.html"
    page.write_text(f'<!doctype html><meta http-equiv="refresh" content="0;url={escape(url)}"><title>artfs</title>\n')
    webbrowser.open(page.as_uri())
