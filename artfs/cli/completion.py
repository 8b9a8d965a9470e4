"""Shell completion: click's, with scripts for bash and zsh that know the `:` and `/` in names."""

from __future__ import annotations

import os
import re

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    shell_complete,
    split_arg_string,
)

__all__ = ["answer", "script"]


class _Bash(BashComplete):
    """Completion for bash, by a script that sends the whole line and cuts what bash takes for other words."""

    source_template = """\
%(complete_func)s() {
    local IFS=$'\\n'
    local line="${COMP_LINE:0:COMP_POINT}" reply before="" last='(([^[:space:]\\]|\\.)*)$'
    if [[ "$line" =~ $last && "${BASH_REMATCH[1]}" == *:* && "$COMP_WORDBREAKS" == *:* ]]; then
        before="${BASH_REMATCH[1]%%:*}:"
    fi
    COMPREPLY=()
    for reply in $(env COMP_WORDS="$line" %(complete_var)s=bash_complete "$1"); do
        case "${reply%%%%,*}" in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            *) reply="${reply#*,}"; COMPREPLY+=("${reply#"$before"}")
               [[ "$reply" != */ ]] || compopt -o nospace 2>/dev/null ;;
        esac
    done
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""

    def source(self) -> str:
        """Make the script; click would run bash for its version first."""
        return ShellComplete.source(self)

    def get_completion_args(self) -> tuple[list[str], str]:
        """Split the line into the words before the incomplete one, and that one."""
        line = os.environ.get("COMP_WORDS", "")
        words = split_arg_string(line)[1:]
        incomplete = words.pop() if words and not line[-1:].isspace() else ""
        return words, incomplete

    def format_completion(self, item: CompletionItem[str]) -> str:
        """Write a reply; what the shell takes for more than a character is escaped."""
        escaped = _SPECIAL.sub(r"\\\g<0>", item.value)
        return f"{item.type},{escaped}"


_SPECIAL = re.compile(r"[^\w@%+=:,./~-]")


class _Zsh(ZshComplete):
    """Completion for zsh, by a script that starts zsh's completion if nobody has, as on a new account."""

    source_template = """\
#compdef %(prog_name)s

%(complete_func)s() {
    local -a described plain directories response
    local type key text
    (( $+commands[%(prog_name)s] )) || return 1
    response=("${(@f)$(env COMP_WORDS="${words[*]}" COMP_CWORD=$((CURRENT-1)) \\
        %(complete_var)s=zsh_complete %(prog_name)s)}")
    for type key text in ${response}; do
        case "$type" in
            dir) _path_files -/ ;;
            file) _path_files -f ;;
            *) if [[ "$text" != _ ]]; then described+=("$key:$text")
               elif [[ "$key" == */ ]]; then directories+=("$key")
               else plain+=("$key"); fi ;;
        esac
    done
    (( ! $#described )) || _describe -V unsorted described -U
    (( ! $#plain )) || compadd -U -V unsorted -a plain
    (( ! $#directories )) || compadd -U -S '' -V unsorted -a directories
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    %(complete_func)s "$@"
else
    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i }
    compdef %(complete_func)s %(prog_name)s
fi
"""


_CLASSES: dict[str, type[ShellComplete]] = {"bash": _Bash, "zsh": _Zsh, "fish": FishComplete}


def script(cli: click.Command, shell: str, variable: str) -> str:
    """Make the script by which a shell completes artfs's words.

    Args:
        cli: The group.
        shell: `bash`, `zsh` or `fish`.
        variable: The environment variable by which the script asks.
    """
    return _CLASSES[shell](cli, {}, "artfs", variable).source().rstrip()


def answer(cli: click.Command, request: str, variable: str) -> int:
    """Answer a request for completion.

    Args:
        cli: The group.
        request: The variable's value, as `bash_complete`.
        variable: Its name.

    Returns:
        The exit code.
    """
    click.shell_completion.add_completion_class(_Bash, "bash")
    return shell_complete(cli, {}, "artfs", variable, request)
