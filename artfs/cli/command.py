"""Parts of every command: examples in the help, and the options that may follow any command."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from artfs.cli.render.messages import be_quiet
from artfs.cli.settings import Settings
from artfs.names import parse_project

__all__ = ["ArtfsCommand", "ArtfsGroup", "ExtraArgumentsError", "command", "debug_option", "store_option"]

_Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def _set_store(ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
    if value is not None:
        ctx.ensure_object(Settings).store = value


def store_option(*, show: bool) -> _Decorator:
    """Make the option `--store DIR`; the help of single commands hides it."""
    return click.option(
        "--store",
        metavar="DIR",
        expose_value=False,
        callback=_set_store,
        hidden=not show,
        help="The store. Default: $ARTFS_STORE, else $XDG_DATA_HOME/artfs or ~/.local/share/artfs.",
        type=click.Path(readable=False),
    )


def _set_project(ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
    if value is not None:
        ctx.ensure_object(Settings).project = parse_project(value)


def project_option(*, show: bool) -> _Decorator:
    """Make the option `--project NAME`, which is read before the arguments; the help of single commands hides it."""
    return click.option(
        "--project",
        metavar="NAME",
        expose_value=False,
        is_eager=True,
        callback=_set_project,
        hidden=not show,
        help="The project of names without one. Default: the run's, else $ARTFS_PROJECT, else none.",
    )


def debug_option(*, show: bool) -> _Decorator:
    """Make the option `--debug`, which `main` reads before anything is parsed."""
    return click.option(
        "--debug", is_flag=True, expose_value=False, hidden=not show, help="Show the traceback of an error."
    )


def _be_quiet(_ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value:
        be_quiet()


def quiet_option(*, show: bool) -> _Decorator:
    """Make the option `--quiet`."""
    return click.option(
        "-q",
        "--quiet",
        is_flag=True,
        expose_value=False,
        callback=_be_quiet,
        hidden=not show,
        help="Print results and errors alone: no progress, no notes, no line that says what was done.",
    )


def common_options(function: Callable[..., Any], *, show: bool = False) -> Callable[..., Any]:
    """Add the options that may stand before a command and after it: `--store`, `--project`, `--debug`, `--quiet`."""
    function = debug_option(show=show)(quiet_option(show=show)(function))
    return store_option(show=show)(project_option(show=show)(function))


class ExtraArgumentsError(click.UsageError):
    """More arguments than a command takes.

    Attributes:
        arguments: Those that are too many.
    """

    def __init__(self, arguments: Sequence[str], ctx: click.Context) -> None:
        super().__init__("arguments too many", ctx)
        self.arguments = tuple(arguments)


class ArtfsCommand(click.Command):
    """A command with examples.

    Attributes:
        examples: Command lines that work as they stand.
    """

    def __init__(self, *args: Any, examples: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments.

        Raises:
            ExtraArgumentsError: There are more than it takes.
        """
        ctx.allow_extra_args = True
        extra = super().parse_args(ctx, args)
        if extra and not ctx.resilient_parsing:
            raise ExtraArgumentsError(extra, ctx)
        return extra

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples below the options."""
        super().format_epilog(ctx, formatter)
        _write_examples(self.examples, formatter)


class ArtfsGroup(click.Group):
    """A group of subcommands, with examples."""

    def __init__(self, *args: Any, examples: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples below the subcommands."""
        super().format_epilog(ctx, formatter)
        _write_examples(self.examples, formatter)


def _write_examples(examples: Sequence[str], formatter: click.HelpFormatter) -> None:
    if examples:
        with formatter.section("Examples"):
            for example in examples:
                formatter.write(f"{'':{formatter.current_indent}}{example}\n")


def command(name: str, *, examples: Sequence[str], **settings: Any) -> Callable[[Callable[..., None]], ArtfsCommand]:
    """Make a command of a function, whose docstring is the help.

    Args:
        name: The command's name.
        examples: Command lines for the help; a test runs each on a new account.
        settings: Those of `click.Command`.
    """

    def decorate(function: Callable[..., None]) -> ArtfsCommand:
        return click.command(name, cls=ArtfsCommand, examples=examples, **settings)(common_options(function))

    return decorate
