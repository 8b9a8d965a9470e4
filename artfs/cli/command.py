"""What all commands share: examples in the help, and the options that may stand after any of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from artfs.cli.settings import Settings

__all__ = ["ArtfsCommand", "ArtfsGroup", "command", "debug_option", "store_option"]

_Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def _set_store(ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
    if value is not None:
        ctx.ensure_object(Settings).store = value


def store_option(*, show: bool) -> _Decorator:
    """`--store DIR`; hidden where it would only repeat itself in the help."""
    return click.option(
        "--store",
        metavar="DIR",
        expose_value=False,
        callback=_set_store,
        hidden=not show,
        help="The store. Default: $ARTFS_STORE, else $XDG_DATA_HOME/artfs or ~/.local/share/artfs.",
        type=click.Path(readable=False),
    )


def debug_option(*, show: bool) -> _Decorator:
    """`--debug`, which `main` reads before anything is parsed."""
    return click.option(
        "--debug", is_flag=True, expose_value=False, hidden=not show, help="Show the traceback of an error."
    )


class ArtfsCommand(click.Command):
    """A command with examples.

    Attributes:
        examples: Command lines that work as they stand.
    """

    def __init__(self, *args: Any, examples: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples below the options."""
        super().format_epilog(ctx, formatter)
        _write_examples(self.examples, formatter)


class ArtfsGroup(click.Group):
    """A command of several parts, with examples."""

    def __init__(self, *args: Any, examples: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples below the parts."""
        super().format_epilog(ctx, formatter)
        _write_examples(self.examples, formatter)


def _write_examples(examples: Sequence[str], formatter: click.HelpFormatter) -> None:
    if examples:
        with formatter.section("Examples"):
            for example in examples:
                formatter.write(f"{'':{formatter.current_indent}}{example}\n")


def command(name: str, *, examples: Sequence[str]) -> Callable[[Callable[..., None]], ArtfsCommand]:
    """Make a command of a function; its docstring is the help.

    Args:
        name: What it is called.
        examples: Command lines for the help, which tests run through its parser.
    """

    def decorate(function: Callable[..., None]) -> ArtfsCommand:
        function = store_option(show=False)(debug_option(show=False)(function))
        return click.command(name, cls=ArtfsCommand, examples=examples)(function)

    return decorate
