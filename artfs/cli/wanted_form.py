"""Forms that work, for an argument that names a version or a path where only an artifact or a version is wanted."""

from __future__ import annotations

import shlex

import click

from artfs.errors import InvalidInputError
from artfs.names import parse_path_ref, printable, quoted

__all__ = ["wanted_form"]


def wanted_form(value: str, param: click.Parameter, ctx: click.Context) -> str | None:
    """Describe how to write an argument that was refused.

    Args:
        value: The argument.
        param: The parameter that it is for.
        ctx: The command.

    Returns:
        What to say; None if the argument names nothing in a store.
    """
    try:
        ref, path, *_more = parse_path_ref(value)
    except InvalidInputError:
        return None
    named = value.partition("/")[0] if path else ref.name
    said = f"{quoted(value)} names {'what is in a version' if path else 'a version, and an artifact is wanted'}"
    arguments = [other for other in ctx.command.params if isinstance(other, click.Argument)]
    if isinstance(param, click.Option):
        if path:  # as `-n team/pets`: it rather is a name that is not allowed
            return None
        return f"{said}: write `{param.opts[0]} {_word(named)}`"
    if path and any("--path" in other.opts for other in ctx.command.params):
        return f"{said}: write `{ctx.command_path} {_word(named)} --path {_word(value.partition('/')[2])}`"
    if len(arguments) > 1:
        return f"{said}: write `{_word(named)}` in its place"
    more = f", or `artfs show {_word(value)}` for the version" if ctx.command.name == "log" and not path else ""
    return f"{said}: write `{ctx.command_path} {_word(named)}`{more}"


def _word(text: str) -> str:
    """Return a word as a shell has to be given it, on one line."""
    return printable(shlex.quote(text))
