"""`artfs gc`: free the space of deleted versions and discarded drafts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from artfs.cli.arguments import DURATION, GC_GRACE, GC_GRACE_VARIABLE
from artfs.cli.command import command as artfs_command
from artfs.cli.render.messages import is_quiet
from artfs.cli.render.output import json_option, print_document, print_line, size_text
from artfs.cli.settings import Settings
from artfs.documents.document import Document, duration_text

if TYPE_CHECKING:
    from artfs.store.gc import Freed

__all__ = ["command"]


@artfs_command("gc", examples=("artfs gc --dry-run", "artfs gc", "artfs gc --now", "artfs gc --grace 7d --wait 600"))
@click.option(
    "--grace",
    type=DURATION,
    envvar=GC_GRACE_VARIABLE,
    default=GC_GRACE,
    metavar="TIME",
    help=f"Keep what was deleted less than so long ago, as 2h or 7d (default {GC_GRACE}, or ${GC_GRACE_VARIABLE}).",
)
@click.option("--now", is_flag=True, help="Keep nothing that was deleted or discarded, not even a moment ago.")
@click.option("--dry-run", is_flag=True, help="Change nothing, and say what would go.")
@click.option(
    "--wait",
    type=click.IntRange(min=0),
    default=60,
    metavar="SECONDS",
    help="How long to wait for writers that began before (default 60).",
)
@json_option
@click.pass_obj
def command(settings: Settings, grace: int, now: bool, dry_run: bool, wait: int, as_json: bool) -> None:
    """Give back the space of what was deleted, discarded, or expired.

    What was deleted or discarded more than a day ago cannot be brought back afterwards; what was since still can. A
    version whose time to live is over goes too, unless it bears an alias other than latest. Mounts, writers and readers
    may go on meanwhile: what an open draft holds is kept, and a file of a deleted version that somebody has open until
    the gc after it is closed.
    """
    from artfs.catalog import current_actor
    from artfs.drafts.gc_roots import collect_store

    with settings.open_store() as store:
        freed = collect_store(store, current_actor(), grace_ns=0 if now else grace, dry_run=dry_run, timeout=wait)
    if as_json:
        print_document(_document(freed, dry_run))
        return
    if is_quiet() and not dry_run:
        return
    for version in freed.versions:
        why = " (expired)" if version.expired else ""
        print_line(f"{'would remove' if dry_run else 'removed'} {version.ref}{why}")
    for draft in freed.drafts:
        print_line(f"{'would remove' if dry_run else 'removed'} draft {draft.name} ({size_text(draft.size)})")
    verb = "would free about" if dry_run else "freed"
    print_line(f"{verb} {size_text(max(0, freed.size))} in {_count(freed.packs, 'pack')}")
    if freed.unused:
        print_line(f"{size_text(freed.unused)} unused stays in packs of which less than an eighth is unused")
    if freed.kept or freed.kept_drafts:
        print_line(_kept_line(len(freed.kept), len(freed.kept_drafts), grace))


def _kept_line(versions: int, drafts: int, grace: int) -> str:
    """Say what can still be brought back, as it was deleted or discarded less than the grace period ago."""
    counts = [_count(count, what) for count, what in ((versions, "version"), (drafts, "draft")) if count]
    done = " or ".join(verb for count, verb in ((versions, "deleted"), (drafts, "discarded")) if count)
    were, them = ("were", "them") if versions + drafts > 1 else ("was", "it")
    some = " and ".join(counts)
    return f"kept {some} that {were} {done} less than {duration_text(grace)} ago: `artfs gc --now` takes {them} too"


def _count(count: int, what: str) -> str:
    return f"{count:,} {what}" + ("" if count == 1 else "s")


def _document(freed: Freed, dry_run: bool) -> Document:
    return {
        "dry_run": dry_run,
        "removed": [version.ref for version in freed.versions],
        "expired": [version.ref for version in freed.versions if version.expired],
        "kept": list(freed.kept),
        "drafts": [{"draft": draft.name, "number": draft.number, "size": draft.size} for draft in freed.drafts],
        "kept_drafts": list(freed.kept_drafts),
        "packs": freed.packs,
        "freed": freed.size,
        "unused": freed.unused,
    }
