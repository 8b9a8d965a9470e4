"""The options that say what a new version is called and said to be, the same for every command that makes one."""

from __future__ import annotations

from collections.abc import Callable

import click

from artfs.cli.arguments import ALIAS, DURATION, METADATA, TAG, TEXT, TYPE

__all__ = ["version_options"]

_OPTIONS = (
    click.option("-t", "--type", "type_", type=TYPE, help="The artifact's type; `dataset` for a new one."),
    click.option("-a", "--alias", "aliases", multiple=True, type=ALIAS, help="An alias for the version (repeatable)."),
    click.option(
        "-m", "--description", "--message", "description", default="", type=TEXT, help="Describe the version."
    ),
    click.option(
        "--meta",
        multiple=True,
        type=METADATA,
        help="Metadata; the value is JSON if it reads as JSON, else text (repeatable).",
    ),
    click.option("--tag", "tags", multiple=True, type=TAG, help="A tag for the version (repeatable)."),
    click.option("--ttl", type=DURATION, help="How long the version is kept, as 30d or 12h."),
    click.option("--if-changed", is_flag=True, help="Give the latest version back when it has the same contents."),
)


def version_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options to a command: `type_ aliases description meta tags ttl if_changed`."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function
