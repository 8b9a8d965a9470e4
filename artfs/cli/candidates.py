"""Words that a shell is offered: what the store has, what is mounted, what can be asked for.

Each function takes the word as it was typed so far and gives what it may become, with a text beside it or without. None
changes anything. What they read they load when they are called, since every command loads this module.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from artfs.cli.settings import Settings

if TYPE_CHECKING:
    import click

    from artfs.catalog import View

__all__ = [
    "Candidates",
    "aliases",
    "artifact_types",
    "deleted_versions",
    "help_topics",
    "job_types",
    "mounted_directories",
    "paths",
    "refs",
    "run_ids",
    "subpaths",
    "tags",
]

Candidates = Callable[["click.Context", str], Iterator[tuple[str, str | None]]]
"""From the command so far, and the word so far, to words and the text beside each."""

_NEWEST_RUNS = 100


def refs(ctx: click.Context, typed: str) -> Iterator[tuple[str, str | None]]:
    """Artifacts; after a colon aliases and versions."""
    with ctx.ensure_object(Settings).open_store() as store, store.catalog.view() as view:
        yield from list(_refs(view, typed))


def _refs(view: View, typed: str) -> Iterator[tuple[str, str | None]]:
    for artifact in view.artifacts():
        if ":" not in typed:
            yield artifact.name, artifact.type
        elif typed.startswith(f"{artifact.name}:"):
            for alias in view.aliases(artifact.serial):
                yield f"{artifact.name}:{alias.name}", None
            for version in view.versions(artifact.serial, newest_first=True):
                yield f"{artifact.name}:{version.name}", None


def paths(ctx: click.Context, typed: str) -> Iterator[tuple[str, str | None]]:
    """References; after a slash what is in that directory of the version. Directories end in a slash."""
    if ":" not in typed:
        yield from refs(ctx, typed)
    if "/" not in typed:
        yield from refs(ctx, typed) if ":" in typed else ()
        return
    from artfs.format.node import Kind
    from artfs.names import parse_path_ref
    from artfs.store.read.symlinks import entry_to_list

    above = typed.rpartition("/")[0]
    settings = ctx.ensure_object(Settings)
    with settings.open_store() as store:
        ref, path = settings.locate(store, parse_path_ref(above, settings.project))
        directory = entry_to_list(store, store.version(ref), path)
        if directory.kind == Kind.DIRECTORY:
            for child in store.children(directory):
                yield f"{above}/{os.fsdecode(child.name)}{'/' if child.kind == Kind.DIRECTORY else ''}", None


def subpaths(ctx: click.Context, typed: str) -> Iterator[tuple[str, str | None]]:
    """Paths in the version that the command names before."""
    # An option without its value ends click's parsing: the words before it are arguments that no parameter has yet.
    ref = ctx.params.get("ref") or next(iter(ctx.args), None)
    if isinstance(ref, tuple):  # with a path behind it, which is none yet
        ref = ref[0]
    if ref is not None:
        for path, text in paths(ctx, f"{ref}/{typed}"):
            yield path.removeprefix(f"{ref}/"), text


def deleted_versions(ctx: click.Context, typed: str) -> Iterator[tuple[str, str | None]]:  # noqa: ARG001 # as all of them
    """Versions that can be brought back."""
    with ctx.ensure_object(Settings).open_store() as store, store.catalog.view() as view:
        for artifact in view.artifacts():
            for version in view.versions(artifact.serial, newest_first=True, deleted=True):
                if version.deleted:
                    yield f"{artifact.name}:{version.name}", None


def run_ids(ctx: click.Context, typed: str) -> Iterator[tuple[str, str | None]]:  # noqa: ARG001 # click gives it
    """The newest runs, with their names beside them."""
    from itertools import islice

    with ctx.ensure_object(Settings).open_store() as store, store.catalog.view() as view:
        for run in islice(view.runs(newest_first=True), _NEWEST_RUNS):
            yield run.id, run.fields.name or run.state


def job_types(ctx: click.Context, typed: str) -> Iterator[tuple[str, str | None]]:  # noqa: ARG001 # click gives it
    """What kinds of work the newest runs did."""
    from itertools import islice

    with ctx.ensure_object(Settings).open_store() as store, store.catalog.view() as view:
        newest = islice(view.runs(newest_first=True), _NEWEST_RUNS)
        for kind in sorted({run.fields.job_type for run in newest} - {""}):
            yield kind, None


def artifact_types(ctx: click.Context, typed: str) -> Iterator[tuple[str, str | None]]:  # noqa: ARG001 # click gives it
    """The types that artifacts have."""
    with ctx.ensure_object(Settings).open_store() as store, store.catalog.view() as view:
        for kind in sorted({artifact.type for artifact in view.artifacts()}):
            yield kind, None


def aliases(ctx: click.Context, typed: str) -> Iterator[tuple[str, str | None]]:  # noqa: ARG001 # click gives it
    """The aliases that there are, of any artifact."""
    with ctx.ensure_object(Settings).open_store() as store, store.catalog.view() as view:
        found = {alias.name for artifact in view.artifacts() for alias in view.aliases(artifact.serial)}
        for name in sorted(found - {"latest"}):
            yield name, None


def tags(ctx: click.Context, typed: str) -> Iterator[tuple[str, str | None]]:  # noqa: ARG001 # click gives it
    """The tags of the version that the command names; where it names none, of all versions."""
    ref = ctx.params.get("ref")
    with ctx.ensure_object(Settings).open_store() as store, store.catalog.view() as view:
        if ref is not None and ctx.command.name == "rm":
            versions = iter([view.resolve(ref)])
        else:
            versions = (version for artifact in view.artifacts() for version in view.versions(artifact.serial))
        for tag in sorted({tag for version in versions for tag in version.tags}):
            yield tag, None


def mounted_directories(ctx: click.Context, typed: str) -> Iterator[tuple[str, str | None]]:  # noqa: ARG001 # click gives it
    """Where stores and drafts are mounted, written as the word was begun: absolute, from `~`, or from here."""
    from artfs.mountinfo import mounts

    for mount in mounts():
        place, text = os.fspath(mount.mountpoint), "drafts" if mount.staging else "versions"
        home, here = os.path.expanduser("~/"), os.path.join(os.getcwd(), "")
        if typed.startswith("~/") and place.startswith(home):
            yield f"~/{place.removeprefix(home)}", text
        elif typed and not typed.startswith(("/", "~")) and place.startswith(here):
            yield place.removeprefix(here), text
        else:
            yield place, text


def help_topics(ctx: click.Context, typed: str) -> Iterator[tuple[str, str | None]]:  # noqa: ARG001 # click gives it
    """Pages of the documentation, and commands."""
    from importlib import resources

    for page in sorted(page.name for page in resources.files("artfs").joinpath("docs").iterdir()):
        if page.endswith(".md"):
            yield page.removesuffix(".md").lower(), None
    group = ctx.find_root().command
    for name in group.list_commands(ctx) if hasattr(group, "list_commands") else ():
        yield name, None
