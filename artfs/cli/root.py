"""The `artfs` command group; it loads only the command that is called."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from keyword import iskeyword

import click

from artfs import __version__
from artfs.cli.command import common_options
from artfs.cli.settings import Settings

__all__ = ["COMPLETE_VARIABLE", "SECTIONS", "cli", "run"]

SECTIONS: dict[str, tuple[str, ...]] = {
    "Store and read": ("init", "put", "get", "ls", "tree", "cat", "log", "show", "diff"),
    "Share": ("push", "pull", "clone", "export", "import"),
    "Change": ("alias", "tag", "edit", "rename", "link", "restore", "rm", "undelete", "gc"),
    "Mount": ("mount", "umount", "warm"),
    "Make versions in place": ("stage", "drafts", "status", "commit", "discard"),
    "Runs": ("run", "runs", "lineage", "history"),
    "About the store and artfs": (
        "ui",
        "info",
        "du",
        "cache",
        "config",
        "fsck",
        "verify",
        "doctor",
        "version",
        "help",
        "completion",
    ),
}
"""The commands, as `artfs --help` groups them."""

COMPLETE_VARIABLE = "_ARTFS_COMPLETE"
"""Environment variable by which a shell asks for completions."""


class LazyGroup(click.Group):
    """A group whose commands are modules of `artfs.cli.commands`, loaded by name."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """List all commands in the order of the help."""
        return [name for names in SECTIONS.values() for name in names]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one command."""
        if cmd_name not in self.list_commands(ctx):
            return None
        module = f"{cmd_name}_" if iskeyword(cmd_name) else cmd_name
        command: click.Command = import_module(f"artfs.cli.commands.{module}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, section by section."""
        for section, names in SECTIONS.items():
            commands = [(name, self.get_command(ctx, name)) for name in names]
            with formatter.section(section):
                formatter.write_dl([(name, command.get_short_help_str(100)) for name, command in commands if command])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    epilog="REF is [PROJECT/]NAME, alone or with :vN or :ALIAS; alone it means :latest. --store, --project, "
    "--debug and -q may stand after the command too. `artfs help commands` tells of exit codes, JSON and the "
    "environment.",
    no_args_is_help=False,
    invoke_without_command=True,
)
@partial(common_options, show=True)
@click.version_option(__version__, prog_name="artfs", message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Versioned artifacts for machine learning that you mount."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def run(arguments: Sequence[str]) -> int:
    """Run one command line, or answer a shell that asks how to complete one.

    Returns:
        The exit code, when nothing is raised.
    """
    if request := os.environ.get(COMPLETE_VARIABLE):
        from artfs.cli.completion import answer

        return answer(cli, request, COMPLETE_VARIABLE)
    with cli.make_context("artfs", list(arguments), obj=Settings()) as context:
        cli.invoke(context)
    return 0
