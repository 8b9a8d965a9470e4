"""Messages for command lines that click refuses: what is wrong with one, and a form that works."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from typing import Final

import click
from click.exceptions import NoSuchCommand

from artfs.cli.command import ArtfsCommand, ArtfsGroup, ExtraArgumentsError
from artfs.errors import InvalidInputError
from artfs.names import LATEST, VersionRef, is_version_like, parse_alias, quoted
from artfs.spelling import nearest

__all__ = ["usage_message"]

_ELSEWHERE: Final = {
    "add": "put",
    "checkout": "stage",
    "clone": "get",
    "delete": "rm",
    "download": "get",
    "list": "ls",
    "move": "rename",
    "mv": "rename",
    "prune": "gc",
    "remove": "rm",
    "save": "put",
    "store": "put",
    "upload": "put",
    "verify": "fsck",
    "versions": "log",
}
"""What other systems call commands of artfs."""
_OTHER_COMMANDS: Final = {
    ("edit", "--tag"): "artfs tag add",
    ("edit", "--untag"): "artfs tag rm",
    ("edit", "--alias"): "artfs alias add",
}
"""Commands that do what an option of another command might."""
_OPTION_LIKENESS: Final = 0.7
"""Options do too much to be offered for others that are merely spelt alike, as `--store` for `--force`."""


def usage_message(error: click.ClickException) -> str:
    """Put an error of click into one line that says what is wrong and what to do."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    if context is None:
        return _plain(error)
    help_ = f"`{context.command_path} --help`"
    match error:
        case NoSuchCommand():
            return _no_such_command(context, error.command_name)
        case click.NoSuchOption():
            names = (name for param in context.command.get_params(context) for name in param.opts)
            meant = _nearest_option(error.option_name, names)
            said = f"no such option {error.option_name}"
            if (other := _OTHER_COMMANDS.get((context.command.name or "", error.option_name))) is not None:
                return f"{said}: `{other}` does that"
            return f"{said}: see {help_}" if meant is None else f"{said}: did you mean {meant}? {help_} lists all"
        case ExtraArgumentsError():
            many = "an argument too many" if len(error.arguments) == 1 else "arguments too many"
            said = f"{many} ({' '.join(map(shlex.quote, error.arguments))})"
            form = _form_with(context, error.arguments)
            return f"{said}: {_example(context)}" if form is None else f"{said}: did you mean `{form}`?"
        case click.MissingParameter() if error.param is not None:
            return f"{_written(error.param, context)} is missing: {_example(context)}"
        case click.BadParameter() if error.param is not None:
            wanted = _wanted(error.param.type)
            value, _is_not, _kind = error.message.partition(" is not ")
            if wanted is not None and value:
                return f"{_name(error.param)} takes {wanted}, not {value}: see {help_}"
    if isinstance(context.command, click.Group) and not isinstance(error, click.BadParameter):
        return f"a command is missing: {_example(context)}"
    said = _plain(error)
    return f"{said} (see {help_})" if ": " in said else f"{said}: see {help_}"


def _plain(error: click.ClickException) -> str:
    """Click's own words, as messages of artfs begin and end."""
    message = " ".join(error.format_message().split())
    return f"{message[:1].lower()}{message[1:].rstrip('.')}"


def _example(context: click.Context) -> str:
    """Show how a command is written."""
    examples: Sequence[str] = ()
    if isinstance(context.command, ArtfsCommand | ArtfsGroup):
        examples = context.command.examples
    help_ = f"`{context.command_path} --help`"
    return f"write it as in `{examples[0]}`, or see {help_}" if examples else f"see {help_}"


def _no_such_command(context: click.Context, name: str) -> str:
    group = context.command
    names = group.list_commands(context) if isinstance(group, click.Group) else []
    if context.parent is not None:
        said = f"no such command {quoted(name)} of `{context.command_path}`"
        meant = nearest(name, names)
        if meant is None:
            return f"{said}, only {_listed(names, 'and')}: {_example(context)}"
        return f"{said}: did you mean `{context.command_path} {meant}`?"
    meant = _ELSEWHERE.get(name) or nearest(name, names)
    said = f"no such command {quoted(name)}"
    if meant is None:
        return f"{said}: `{context.command_path} --help` lists all"
    return f"{said}: did you mean `{context.command_path} {meant}`? `{context.command_path} --help` lists all"


def _nearest_option(written: str, names: Iterable[str]) -> str | None:
    """Find the option that was meant; the dashes, which all have, count for nothing."""
    by_word = {name.lstrip("-"): name for name in names if name.startswith("--")}
    word = written.lstrip("-")
    begun = [name for name in by_word if word and name.startswith(word)]
    meant = begun[0] if len(begun) == 1 else nearest(word, by_word, _OPTION_LIKENESS)
    return None if meant is None else by_word[meant]


def _form_with(context: click.Context, extra: Sequence[str]) -> str | None:
    """Make of `NAME vN` or `NAME ALIAS` the command line with `NAME:vN` or `NAME:ALIAS`; None of other arguments."""
    arguments = [param for param in context.command.get_params(context) if isinstance(param, click.Argument)]
    if len(extra) != 1 or len(arguments) != 1 or not _is_selector(extra[0]):
        return None
    ref = context.params.get(arguments[0].name or "")
    if not isinstance(ref, VersionRef) or ref.selector != LATEST:
        return None
    return f"{context.command_path} {shlex.quote(f'{ref.name}:{extra[0]}')}"


def _is_selector(text: str) -> bool:
    """True for a version or what can be an alias."""
    try:
        return is_version_like(text) or bool(parse_alias(text))
    except InvalidInputError:
        return False


def _written(param: click.Parameter, context: click.Context) -> str:
    """Return a parameter as it is written in a command line, as `-n NAME` or `PATH...`."""
    metavar = param.make_metavar(context)
    return f"{param.opts[0]} {metavar}" if isinstance(param, click.Option) else metavar


def _name(param: click.Parameter) -> str:
    """Return a parameter's names, as `-n / --max-count` or `SHELL`."""
    return " / ".join(param.opts) if isinstance(param, click.Option) else (param.name or "").upper()


def _wanted(type_: click.ParamType[object]) -> str | None:
    """Say what values a type has; None if click's own words are as good."""
    match type_:
        case click.Choice():
            return _listed([str(choice) for choice in type_.choices], "or")
        case click.IntRange() | click.FloatRange():
            kind = "a whole number" if isinstance(type_, click.IntRange) else "a number"
            if type_.min is not None and type_.max is not None:
                return f"{kind} from {type_.min:,} to {type_.max:,}"
            return f"{kind} of at least {type_.min:,}" if type_.min is not None else f"{kind} of at most {type_.max:,}"
    return {"integer": "a whole number", "float": "a number"}.get(type_.name)


def _listed(words: Sequence[str], last: str) -> str:
    """Join words to a list as a sentence has it."""
    return f" {last} ".join(filter(None, (", ".join(words[:-1]), words[-1])))
