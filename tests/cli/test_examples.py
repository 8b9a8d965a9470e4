"""The examples of each command's help run as they stand there, on a new account without root."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import click
import pytest

from artfs.cli.command import ArtfsCommand, ArtfsGroup
from artfs.cli.root import cli
from tests.support.pages import account

_FILES = {
    "work/images/images/cats/tom.png": "tom",
    "work/images/labels.csv": "tom,cat\n",
    "work/weights.bin": "0.5",
    "work/config.json": "{}",
    "work/train.py": "import os, sys\nprint(os.listdir(sys.argv[2]))\n",
    "work/train.sh": "#!/bin/sh\nls ~/art\n",
    "work/of-a-colleague/rex.png": "rex",
    ".cache/huggingface/hub/models--bert/blobs/1": "weights of bert",
    ".config/fish/completions/others.fish": "",  # fish makes the directory when it is first started
    "bin/pg_dump": "#!/bin/sh\necho 'create table shop'\n",
    "bin/ssh": '#!/bin/sh\nshift\nexport ARTFS_STORE=~/store-of-the-host\nexec "$@"\n',
}
"""What examples take for there, in the home directory; they run in `work`."""

_STORED = (
    "chmod +x train.sh ~/bin/*",
    "mkdir -p ~/.cache/huggingface/hub/models--bert/snapshots/86b5e09",
    "ln -s ../../blobs/1 ~/.cache/huggingface/hub/models--bert/snapshots/86b5e09/model.bin",
    "artfs init ~/artifacts",
    *(
        line
        for n in range(9)
        for line in (f"echo {n} > images/a.txt", "artfs put images -n animals -t dataset --meta draft=true")
    ),
    "artfs alias add animals:v8 best",
    "artfs tag add animals:v3 clean 'no duplicates'",
    "artfs run --name baseline -- artfs put weights.bin -n detector -t model -a best",
    "artfs run --name train-1 -- artfs put config.json -n detector",
    *("artfs put weights.bin -n model -t model" for _ in range(4)),
    "python -c \"import artfs; artfs.init(id='0123abcd').finish()\"",
    "artfs --store ~/of-a-colleague put of-a-colleague -n animals",
    "artfs init ~/team",
    "artfs push animals --all-versions ~/team",
    "artfs push detector ~/team --as detectors --alias production",
    "artfs --store ~/of-a-colleague export animals animals.artfs",
)
"""What makes the store that the examples begin with."""

_BEFORE = {
    "artfs export animals:v3 animals.artfs": ("rm animals.artfs",),
    "artfs umount ~/art": ("artfs mount ~/art",),
    "artfs umount ~/art ~/stage": ("artfs mount ~/art --staging ~/stage",),
    "artfs umount --lazy ~/art": ("artfs mount ~/art",),
    "artfs umount --give-up ~/stage": ("artfs mount ~/art --staging ~/stage",),
    "artfs stage animals --empty": ("rm ~/stage/animals/labels.csv", "artfs discard --force ~/stage/animals"),
    "artfs commit ~/stage/animals": ("artfs discard --force ~/stage/animals", "artfs stage animals"),
    "artfs commit ~/stage/animals -a best -m 'without duplicates' --meta checked=true": (
        "echo rex > ~/stage/animals/rex.png",
    ),
    "artfs commit ~/stage/animals --merge": (
        "artfs stage animals --as other",
        "echo kim > ~/stage/other/kim.png",
        "artfs commit ~/stage/other",
    ),
    "artfs commit ~/stage/weights --run baseline": ("mkdir ~/stage/weights", "cp weights.bin ~/stage/weights"),
    "artfs discard --force ~/stage/ann ~/stage/bob": ("artfs stage animals --as ann", "artfs stage animals --as bob"),
    "artfs discard --force ~/stage/animals": ("artfs stage animals", "echo kim > ~/stage/animals/kim.png"),
    "artfs config get cache.size": ("artfs config set cache.size 50GiB",),
    "artfs undelete animals:v3": ("artfs rm animals:v3",),
    "artfs undelete animals --all": ("artfs rm animals:v3 animals:v4",),
}
"""What has to be done before an example, each line without a fault."""

_AFTER = {
    "artfs mount ~/art": ("artfs umount ~/art",),
    "artfs mount ~/art --staging ~/stage": ("artfs umount ~/art ~/stage",),
    "artfs mount ~/art --workers 4 --cache-mib 256": ("artfs umount ~/art",),
    "artfs umount --give-up ~/stage": ("artfs umount ~/art",),
}

_UNTIL_ITS_URL = (
    "rm -f url; env --default-signal=INT EXAMPLE > url & "
    "until [ -s url ] || ! kill -0 $!; do sleep 0.02; done; kill -INT $!; wait $!"
)
_UNTIL_UNMOUNTED = (
    "EXAMPLE & until mountpoint -q ~/art || ! kill -0 $!; do sleep 0.02; done; artfs umount ~/art; wait $!"
)
_RUN_BY = {
    "artfs mount ~/art --foreground": _UNTIL_UNMOUNTED,
    "artfs ui": _UNTIL_ITS_URL,
    "artfs ui --no-browser --port 8123": _UNTIL_ITS_URL,
    "artfs --store ~/artifacts ui --allow-host hub.example.org": _UNTIL_ITS_URL,
    "artfs status --json": "cd ~/stage/animals; EXAMPLE",
    "artfs commit --if-changed --wait 60": "cd ~/stage/animals; EXAMPLE",
}
"""What runs an example: in a draft, or in the background until it serves and is ended."""

_IN_DRAFTS = ("stage", "drafts", "status", "restore", "commit", "discard", "undelete", "run")
"""Commands whose examples take for there what is mounted, and the drafts of those before them."""

_THAT_LOOK = (
    *("ls", "tree", "cat", "log", "show", "diff", "runs", "lineage", "history"),
    *("info", "du", "cache", "config", "fsck", "doctor", "version", "help", "completion", "warm", "verify", "ui"),
)
"""Commands whose examples do not get in each other's way; each example of the others begins with what was stored."""

_NOTE = re.compile(r"artfs: |\S+ \S+ INFO ")
"""What a line begins with that a command may print as an error: a note, or a line of the log of a mount in front."""


def _commands(group: click.Group) -> Iterator[tuple[str, click.Command]]:
    """Find all commands and subcommands, each with the name of the command that it is or is part of."""
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        assert command is not None
        yield name, command
        if isinstance(command, click.Group):
            yield from ((name, part) for _, part in _commands(command))


def _examples(*names: str) -> list[str]:
    found: dict[str, list[str]] = {name: [] for name in names}
    for name, command in _commands(cli):
        assert isinstance(command, ArtfsCommand | ArtfsGroup)
        if name in found:
            found[name] += command.examples
    return [example for name in names for example in found[name]]


def _lines(*names: str) -> list[str]:
    return [line for example in _examples(*names) for line in _lines_of(example)]


def _lines_of(example: str) -> list[str]:
    run = _RUN_BY.get(example, "EXAMPLE").replace("EXAMPLE", example)
    return [*_BEFORE.get(example, ()), run, *_AFTER.get(example, ())]


@pytest.mark.timeout(600)  # a hundred and sixty commands
def test_every_example_of_the_help_runs_as_it_stands_on_a_new_account() -> None:
    others = [name for name in cli.list_commands(click.Context(cli)) if name not in {*_IN_DRAFTS, *_THAT_LOOK}]
    worlds = [
        list(_STORED),
        ["artfs mount ~/art --staging ~/stage", *_lines(*_IN_DRAFTS), "artfs umount ~/stage ~/art"],
        _lines(*_THAT_LOOK),
        *(_lines_of(example) for example in _examples(*others)),
    ]
    with account() as newcomer:
        for name, text in _FILES.items():
            newcomer.give(f"newcomer/{name}", text)
        assert newcomer.call("pip", "install", "artfs[ui]").returncode == 0
        newcomer.give("worlds.json", json.dumps(worlds))
        program = ("python", "-m", "tests.support.programs.example_shell", newcomer.home / "worlds.json")
        ended = newcomer.call("env", f"HOME={newcomer.home / 'newcomer'}", *program)
    assert (ended.returncode, ended.stderr) == (0, ""), ended
    failed = []
    for world, results in zip(worlds, map(json.loads, ended.stdout.splitlines()), strict=True):
        for line, (code, out, err) in zip(world, results, strict=True):
            if code != 0 or not all(map(_NOTE.match, err.splitlines())):
                failed.append((line, code, out, err))
    assert not failed, "\n".join(map(str, failed))
