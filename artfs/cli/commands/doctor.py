"""`artfs doctor`: check this machine and the store."""

from __future__ import annotations

import click

from artfs.cli.command import command as artfs_command
from artfs.cli.render.messages import is_quiet
from artfs.cli.render.output import json_option, print_document, print_line
from artfs.cli.settings import Settings
from artfs.documents.document import Document
from artfs.errors import ArtfsError
from artfs.fuse.device.doctor import Check
from artfs.names import printable

__all__ = ["command"]


@artfs_command("doctor", examples=("artfs doctor", "artfs --store ~/artifacts doctor --json"))
@json_option
@click.pass_obj
def command(settings: Settings, as_json: bool) -> None:
    """Say what keeps artfs from working here, and what to do about it.

    Looks at FUSE, limits, libraries, the store and its disk, and all mounts. Changes nothing. A line that begins with
    `problem` tells of something that does not work, one with `warning` of something that could be better. The exit
    code is 1 if there is a problem.
    """
    from artfs.cli.doctor import check_limits, check_software, check_store
    from artfs.fuse.device.doctor import check_fuse, check_mounts

    checks = [
        *check_software(),
        *check_limits(),
        *check_fuse(),
        *check_store(settings.store_path),
        *check_mounts(),
    ]
    problems = sum(check.state == "problem" for check in checks)
    if as_json:
        print_document({"well": not problems, "checks": [_document(check) for check in checks]})
    else:
        width = max(len(check.what) for check in checks if not check.what.startswith("mount "))
        for check in checks:
            if is_quiet() and check.state == "ok":
                continue
            print_line(f"{check.state:<8} {printable(check.what):<{width}}  {printable(check.found)}")
            if check.advice:
                print_line(f"{'':<8} {'':<{width}}  -> {printable(check.advice)}")
    if problems:
        raise ArtfsError(f"{problems} {'problem' if problems == 1 else 'problems'} found: do what is said above")


def _document(check: Check) -> Document:
    return {"what": check.what, "state": check.state, "found": check.found, "advice": check.advice or None}
