"""`artfs fsck`: check a store, rebuild its index, and quarantine damaged packs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click
from msgspec import structs

from artfs.cli.command import command as artfs_command
from artfs.cli.render.messages import is_quiet
from artfs.cli.render.output import json_option, print_document, print_line, shown
from artfs.cli.render.progress import progress_bar
from artfs.cli.settings import Settings
from artfs.documents.document import Document, json_text
from artfs.errors import IntegrityError
from artfs.names import printable

if TYPE_CHECKING:
    from artfs.store.fsck import Finding, Report

__all__ = ["command"]

_PATHS_SHOWN = 1000


@artfs_command("fsck", examples=("artfs fsck", "artfs fsck --read-data", "artfs fsck --repair", "artfs fsck --json"))
@click.option("--read-data", is_flag=True, help="Read all data too, and compare it with the digests.")
@click.option("--repair", is_flag=True, help="Make a bad index again, set bad packs aside, mend owners.")
@json_option
@click.pass_obj
def command(settings: Settings, read_data: bool, repair: bool, as_json: bool) -> None:
    """Check everything in the store, and repair what can be repaired.

    Packs, journal, index, trees and open drafts are checked for the invariants of `artfs help format`. Each finding
    is a line that begins with the invariant that is broken; then follow the paths that the damage concerns. The exit
    code is 7 if anything is damaged. Mounts and writers may go on meanwhile.

    --repair makes a damaged index again from journal and packs, and keeps the old one. It copies what is sound in
    damaged packs to new ones, and sets them aside in the store's directory quarantine/. With --read-data it finds
    damaged data too. Paths of which something is lost stay listed, until the same contents are stored again or
    their versions are deleted. A damaged journal and damaged drafts are only listed. Files that belong to another user,
    or in a shared store lack rights of the group, are given to those whose store it is, if root runs it. Nothing is
    deleted.
    """
    from artfs.drafts.fsck import check_store

    with progress_bar("checking") as progress:
        report = check_store(settings.store_path, read_data=read_data, repair=repair, progress=progress)
    if as_json:
        print_document(_document(report))
    else:
        _print(report, read_data)
    if not report.clean:
        raise IntegrityError(f"{settings.store_path} is damaged: {_advice(report)}")


def _print(report: Report, read_data: bool) -> None:
    for finding in report.repaired:
        print_line(f"{_line(finding)} (repaired)")
    for finding in report.findings:
        print_line(_line(finding))
    for affected in report.affected[:_PATHS_SHOWN]:
        print_line(f"affected  {affected.ref}/{shown(affected.path)}")
    if len(report.affected) > _PATHS_SHOWN:
        print_line(f"affected  {len(report.affected) - _PATHS_SHOWN:,} more paths, which --json lists")
    if report.died is not None:
        verdict = "made again" if report.rebuilt is not None else "damaged" if _index_is_bad(report) else "sound"
        print_line(f"a process died of {report.died} while it read the index, which is {verdict}")
    for pack in report.quarantined:
        lost = f"{_counted(pack.lost, 'chunk')} of it {'is' if pack.lost == 1 else 'are'} lost"
        print_line(f"set {pack.pack} aside as {pack.kept}; {lost}, {pack.saved:,} saved")
    if report.rebuilt is not None:
        kept = report.rebuilt.kept
        what = f"; the old one is kept in {printable(str(kept))}" if kept else ""
        print_line(f"made the index again from the journal and {report.rebuilt.packs:,} packs{what}")
    if report.clean and not is_quiet():
        data = "" if read_data else " (their data was not read: --read-data)"
        print_line(f"no damage: checked journal, index, trees, drafts, histories and {report.packs:,} packs{data}")


def _index_is_bad(report: Report) -> bool:
    return any(finding.part.value == "index" for finding in report.findings)


def _line(finding: Finding) -> str:
    return f"{finding.invariant:<9} {printable(finding.message)}"


def _advice(report: Report) -> str:
    """Advise what to do about the findings that are left."""
    count = f"{_counted(len(report.findings), 'finding')}, {_counted(len(report.affected), 'path')} affected"
    parts = {finding.part.value for finding in report.findings}
    if "journal" in parts:
        return f"{count}; restore the journal from a backup, the index may know more than it"
    if "index" in parts and report.rebuilt is None:
        return f"{count}; `artfs fsck --repair` makes the index again"
    if parts == {"owner"}:
        return f"{count}; have root run `artfs fsck --repair`, which gives the files to those whose store it is"
    if parts == {"draft"}:
        return f"{count}; copy out what can still be read of the drafts named above, then `artfs discard` them"
    if parts == {"history"}:
        return f"{count}; restore the files named above from a backup: without them these runs have no history"
    if "pack" in parts:
        return f"{count}; `artfs fsck --repair` saves what is sound in the packs, `artfs help commands` tells the rest"
    return f"{count}; put what was lost again, or restore its packs from a backup and run `artfs fsck --repair`"


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _document(report: Report) -> Document:
    return {
        "clean": report.clean,
        "packs": report.packs,
        "findings": [_finding(finding) for finding in report.findings],
        "affected": [{"ref": affected.ref, **json_text("path", affected.path)} for affected in report.affected],
        "repaired": [_finding(finding) for finding in report.repaired],
        "died": report.died,
        "quarantined": [structs.asdict(pack) for pack in report.quarantined],
        "rebuilt": report.rebuilt is not None,
        **_old_index(report),
    }


def _old_index(report: Report) -> Document:
    kept = None if report.rebuilt is None else report.rebuilt.kept
    return {"old_index": None} if kept is None else json_text("old_index", os.fsencode(kept))


def _finding(finding: Finding) -> Document:
    return {"invariant": finding.invariant, "part": finding.part.value, "message": finding.message}
