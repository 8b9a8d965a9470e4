"""`artfs completion`: print the script for a shell's completion."""

from __future__ import annotations

import click

from artfs.cli.command import command as artfs_command
from artfs.cli.render.output import print_line

__all__ = ["command"]


@artfs_command(
    "completion",
    examples=(
        "artfs completion bash >> ~/.bashrc",
        "artfs completion zsh >> ~/.zshrc",
        "artfs completion fish > ~/.config/fish/completions/artfs.fish",
    ),
)
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
def command(shell: str) -> None:
    """Print the script that completes words in a shell.

    It completes commands, options, artifacts, versions and aliases, paths in versions, runs, tags, types and mounted
    directories. Add it to the shell's start-up file as the examples
    do, or try it at once: eval "$(artfs completion bash)".
    """
    from artfs.cli.completion import script
    from artfs.cli.root import COMPLETE_VARIABLE, cli

    print_line(script(cli, shell, COMPLETE_VARIABLE))
