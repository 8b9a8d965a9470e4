"""Completion in shells: click's, with a bash of our own, because bash takes `animals:v3` for three words."""

from __future__ import annotations

import os

import click
from click.shell_completion import (
    BashComplete,
    FishComplete,
    ShellComplete,
    ZshComplete,
    shell_complete,
    split_arg_string,
)

__all__ = ["answer", "script"]


class _Bash(BashComplete):
    """Sends the line instead of bash's words, and takes off the replies what bash holds for earlier words."""

    source_template = """\
%(complete_func)s() {
    local IFS=$'\\n'
    local line="${COMP_LINE:0:COMP_POINT}" reply before=""
    local word="${line##*[[:space:]]}"
    if [[ "$word" == *:* && "$COMP_WORDBREAKS" == *:* ]]; then
        before="${word%%:*}:"
    fi
    COMPREPLY=()
    for reply in $(env COMP_WORDS="$line" %(complete_var)s=bash_complete "$1"); do
        case "${reply%%%%,*}" in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            *) reply="${reply#*,}"; COMPREPLY+=("${reply#"$before"}") ;;
        esac
    done
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""

    def source(self) -> str:
        """The script; click would run bash to learn its version first."""
        return ShellComplete.source(self)

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the one to complete, and that one."""
        line = os.environ.get("COMP_WORDS", "")
        words = split_arg_string(line)[1:]
        incomplete = words.pop() if words and not line[-1:].isspace() else ""
        return words, incomplete


_CLASSES: dict[str, type[ShellComplete]] = {"bash": _Bash, "zsh": ZshComplete, "fish": FishComplete}


def script(cli: click.Command, shell: str, variable: str) -> str:
    """What a shell runs to have artfs complete its words.

    Args:
        cli: The group.
        shell: `bash`, `zsh` or `fish`.
        variable: The environment variable by which the script asks.
    """
    return _CLASSES[shell](cli, {}, "artfs", variable).source().rstrip()


def answer(cli: click.Command, asked: str, variable: str) -> int:
    """Answer a shell.

    Args:
        cli: The group.
        asked: What the script put into the variable, as `bash_complete`.
        variable: Its name.

    Returns:
        The exit code.
    """
    click.shell_completion.add_completion_class(_Bash, "bash")
    return shell_complete(cli, {}, "artfs", variable, asked)
