"""`artfs rm`: delete versions, by name or by rules, or whole artifacts."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click

from artfs.cli.arguments import DURATION, SELECTION, TAG
from artfs.cli.command import command as artfs_command
from artfs.cli.render.output import (
    json_option,
    print_document,
    print_done,
    print_line,
    print_note,
    print_table,
    size_text,
)
from artfs.cli.settings import Settings
from artfs.documents.document import local_time
from artfs.errors import IntegrityError, InvalidInputError
from artfs.names import ArtifactName, ArtifactPattern, VersionRange, VersionRef, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from artfs.catalog import RetentionRules, Version
    from artfs.store import Store

    _Judged = tuple[str, Version, tuple[str, ...]]

__all__ = ["command"]

_COUNT = click.IntRange(min=1)


@artfs_command(
    "rm",
    examples=(
        "artfs rm animals:v3",
        "artfs rm animals:v0-v7 detector:v1 --dry-run",
        "artfs rm animals --keep-last 5 --keep-daily 7 --keep-weekly 4 --keep-tag gold",
        "artfs rm '*' --keep-last 5 --older-than 30d --untagged --dry-run",
        "artfs rm animals --all --delete-aliases",
    ),
)
@click.argument("refs", nargs=-1, required=True, metavar="REF...", type=SELECTION)
@click.option("--dry-run", is_flag=True, help="Change nothing, and say what would go, and what keeps the rest.")
@click.option("--delete-aliases", is_flag=True, help="Also what has aliases other than latest; they go with it.")
@click.option("--all", "whole", is_flag=True, help="The whole artifact: all its versions.")
@click.option("--older-than", type=DURATION, metavar="TIME", help="Versions logged longer ago than 30d, 12h ...")
@click.option("--untagged", is_flag=True, help="Versions without tags.")
@click.option("--keep-last", type=_COUNT, metavar="N", help="All but the newest N.")
@click.option("--keep-daily", type=_COUNT, metavar="N", help="All but the newest of each of the last N days.")
@click.option("--keep-weekly", type=_COUNT, metavar="N", help="All but the newest of each of the last N weeks.")
@click.option("--keep-tag", "keep_tags", multiple=True, type=TAG, help="All but those with the tag (repeatable).")
@click.option("--keep-alias", is_flag=True, help="All but those with aliases.")
@json_option
@click.pass_obj
def command(
    settings: Settings,
    refs: tuple[VersionRef | VersionRange | ArtifactPattern, ...],
    dry_run: bool,
    delete_aliases: bool,
    whole: bool,
    older_than: int | None,
    untagged: bool,
    keep_last: int | None,
    keep_daily: int | None,
    keep_weekly: int | None,
    keep_tags: tuple[str, ...],
    keep_alias: bool,
    as_json: bool,
) -> None:
    """Delete versions by name, range or rules, or whole artifacts.

    A REF is NAME:v3, NAME:ALIAS or the range NAME:v0-v7. With rules, or --all, it is an artifact's NAME or a pattern of
    names, as '*' for all.

    Rules choose from all versions of the artifact. What any --keep rule keeps stays, and so do the newest version and,
    without --delete-aliases, all that have aliases. Days and weeks in which nothing was logged do not count.

    All goes in one step or nothing. `artfs undelete` brings it back; gc gives the space back, after a day.
    """
    from artfs.catalog import current_actor

    rules = _rules(older_than, untagged, (keep_last, keep_daily, keep_weekly), keep_tags, keep_alias)
    _refuse_contradictions(refs, rules, whole=whole, aliases=keep_alias and delete_aliases)
    actor = current_actor()
    with _open_store(settings, refs) as store, store.layout.ballast.released_if_scarce():
        selected = _selected(store, refs)
        judged: list[_Judged] = []
        if whole:
            names = [str(name) for name in selected]
            store.catalog.delete_artifacts(names, actor, delete_aliases=delete_aliases, dry_run=True)
            versions = _versions_of(store, names)
        else:
            names = []
            if rules is not None:
                judged = store.catalog.judge_selected(selected, rules, delete_aliases=delete_aliases)
                _note_unused_tags(keep_tags, judged)
            versions = store.catalog.delete_selected(
                selected, actor, rules, delete_aliases=delete_aliases, dry_run=True
            )
        freed = _measure(store, versions)  # before anything goes: it may be interrupted
        if not dry_run and whole:
            store.catalog.delete_artifacts(names, actor, delete_aliases=delete_aliases)
        elif not dry_run:
            versions = store.catalog.delete_selected(selected, actor, rules, delete_aliases=delete_aliases)
        removed = _refs(store, versions)
    if as_json:
        size = freed if isinstance(freed, int) else None
        kept = [{"ref": f"{name}:{version.name}", "by": list(by)} for name, version, by in judged if by]
        document = {"dry_run": dry_run, "removed": removed, "kept": kept, "artifacts": names, "reclaimable": size}
        print_document(document)
        return
    last = _last_line(len(removed), freed, whole=whole, dry_run=dry_run)
    if dry_run:
        if judged:
            _print_judged(judged)
        else:
            for one in names or removed:
                print_line(f"would remove {one}")
        print_line(last)
    else:
        for one in names or removed:
            print_done(f"removed {one}", f"{len(removed)} versions are removed")
        print_done(last, f"{len(removed)} versions are removed")


def _open_store(settings: Settings, refs: Sequence[VersionRef | VersionRange | ArtifactPattern]) -> Store:
    """Open the store; where there is none, there is no such artifact either."""
    first = refs[0]
    if isinstance(first, ArtifactPattern):
        return settings.open_store_of(ArtifactName(first.pattern))
    return settings.open_store_of(first.name)


def _selected(
    store: Store, refs: Sequence[VersionRef | VersionRange | ArtifactPattern]
) -> list[VersionRef | VersionRange | ArtifactName]:
    """Put the names of artifacts into the place of patterns."""
    with store.catalog.view() as view:
        names = [artifact.name for artifact in view.artifacts()]
    found: list[VersionRef | VersionRange | ArtifactName] = []
    for ref in refs:
        found += ref.choose(names) if isinstance(ref, ArtifactPattern) else [ref]
    return list(dict.fromkeys(found))


def _print_judged(judged: Sequence[_Judged]) -> None:
    """Print what goes and what stays, and why."""
    rows = [
        (f"{name}:{version.name}", local_time(version.created_ns), "keep" if by else "remove", ", ".join(by))
        for name, version, by in judged
    ]
    print_table(("VERSION", "LOGGED", "", "KEPT BY"), rows)


def _rules(
    older_than: int | None,
    untagged: bool,
    counts: tuple[int | None, int | None, int | None],
    keep_tags: Sequence[str],
    keep_alias: bool,
) -> RetentionRules | None:
    """Return the rules of the options; None if there are none. What has aliases is kept without being asked for."""
    from artfs.catalog import RetentionRules

    if older_than is None and not (untagged or any(counts) or keep_tags or keep_alias):
        return None
    last, daily, weekly = (count or 0 for count in counts)
    return RetentionRules(older_than, untagged, last, daily, weekly, frozenset(keep_tags))


def _note_unused_tags(keep_tags: Sequence[str], judged: Sequence[_Judged]) -> None:
    """Say which tags keep nothing: one may be mistyped, and what it was to keep is removed."""
    used = {tag for _name, version, _by in judged for tag in version.tags}
    for tag in dict.fromkeys(keep_tags):
        if tag not in used:
            print_note(
                printable(f"--keep-tag {tag} keeps nothing: no version here has that tag; look for a misspelling")
            )


def _refuse_contradictions(
    refs: Sequence[VersionRef | VersionRange | ArtifactPattern],
    rules: RetentionRules | None,
    *,
    whole: bool,
    aliases: bool,
) -> None:
    if whole and rules is not None:
        raise click.UsageError("--all and rules contradict each other: give one of them")
    if aliases:
        raise click.UsageError("--keep-alias and --delete-aliases contradict each other: give one of them")
    for ref in refs:
        if isinstance(ref, VersionRef) and rules is not None:
            raise InvalidInputError(f"{ref} is one version: give rules with the artifact's name alone, or a range")
        if whole and not isinstance(ref, ArtifactPattern):
            raise InvalidInputError(f"{ref} is not a whole artifact: give --all with the artifact's name alone")
        if isinstance(ref, ArtifactPattern) and not whole and rules is None:
            raise _no_versions_named(ref.pattern)


def _no_versions_named(name: str) -> InvalidInputError:
    word = printable(shlex.quote(name))
    newest = "" if word != name else f"`artfs rm {name}:latest` deletes the newest version, "
    return InvalidInputError(
        f"{word} alone says not which versions: {newest}`artfs rm {word} --all` all of them, and"
        f" `artfs rm {word} --keep-last 5` all but the newest 5"
    )


def _versions_of(store: Store, names: Sequence[str]) -> list[Version]:
    with store.catalog.view() as view:
        artifacts = [view.artifact_by_name(name) for name in names]
        return [version for one in artifacts if one is not None for version in view.versions(one.serial)]


def _refs(store: Store, versions: Sequence[Version]) -> list[str]:
    with store.catalog.view() as view:
        return [str(view.ref(version)) for version in versions]


def _measure(store: Store, versions: Sequence[Version]) -> int | IntegrityError:
    """Return what gc gives back. Of a damaged store that cannot be known, which keeps nothing from being removed."""
    from artfs.drafts.gc_roots import reclaimable_of_store

    try:
        return reclaimable_of_store(store, versions) if versions else 0
    except IntegrityError as error:
        return error


def _last_line(count: int, freed: int | IntegrityError, *, whole: bool, dry_run: bool) -> str:
    if not count:
        return "nothing else to remove: it had no version" if whole else "nothing to remove"
    if isinstance(freed, IntegrityError):
        return f"what gc gives back cannot be known: {freed}"
    if not freed:
        return "gc gives back nothing: what is kept has the same contents"
    return f"gc {'would give' if dry_run else 'gives'} back up to {size_text(freed)}, after a day or with --now"
