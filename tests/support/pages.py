"""Pages of the documentation, run as a newcomer runs them: a new account without root, one shell, each block as it is.

A command is an indented line that begins with `$ `. What is shown below it is what
it prints, but for white space; `...` stands for anything. A Python block whose first line is `# name.py` is that file.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.environments import make_environment
from tests.support.mounts.mounts import as_user
from tests.support.users import new_user

__all__ = ["Account", "Command", "account", "commands_of"]

_COMMAND = re.compile(r"^    \$ (.*)\n((?:    (?!\$ ).*\n)*)", re.MULTILINE)
_SECONDS = 540
"""What the lines of a page have time for; then the shell is ended, which unmounts what they mounted."""

_SCRIPT = re.compile(r"```python\n# (\w+\.py)\n(.*?)```", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Command:
    """A command of a page.

    Attributes:
        line: As it is written.
        shown: What the page shows that it prints; empty: nothing is shown.
    """

    line: str
    shown: str

    def prints(self, out: str) -> bool:
        """Tell if the command printed what the page shows."""
        parts = [re.escape("".join(part.split())) for part in self.shown.split("...")]
        return re.fullmatch(".*".join(parts), "".join(out.split())) is not None


def commands_of(text: str) -> list[Command]:
    """Find the commands of a page, in order."""
    return [Command(line, shown) for line, shown in _COMMAND.findall(f"{text}\n")]


class Account:
    """A user without root, and a home directory with nothing in it but what a test puts there.

    Attributes:
        home: The home directory.
        environment: The virtual environment that its shells have active: artfs is installed there.
        login: The user; None where this process is not root: the user that it is.
    """

    def __init__(self, home: Path, environment: Path, login: str | None) -> None:
        self.home, self.environment, self.login = home, environment, login

    def give(self, name: str, text: str) -> None:
        """Make a file of the user's."""
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def run_page(self, text: str) -> None:
        """Write the scripts of a page and run its commands in one shell; each must end well and print what is shown."""
        for name, script in _SCRIPT.findall(text):
            self.give(name, script)
        commands = commands_of(text)
        assert commands
        for command, (code, out, err) in zip(commands, self.run([command.line for command in commands]), strict=True):
            assert code == 0, (command.line, out, err)
            assert all(line.startswith("artfs: ") for line in err.splitlines()), (command.line, err)
            assert not command.shown or command.prints(out), (command, out)

    def run(self, lines: list[str]) -> Iterator[tuple[int, str, str]]:
        """Run lines in one shell up to the first that fails: exit code, output and errors of each."""
        logs = self.home / ".lines"
        logs.mkdir(exist_ok=True)
        script = ["trap 'fusermount3 -uz ~/stage; fusermount3 -uz ~/art' EXIT 2>/dev/null", "cd"]
        for number, line in enumerate(lines):
            script.append(f"{{ {line}\n}} >~/.lines/{number}.out 2>~/.lines/{number}.err </dev/null")
            script.append(f"code=$?; echo $code >~/.lines/{number}.code; [ $code = 0 ] || exit 0")
        ended = self.call("timeout", str(_SECONDS), "bash", "-c", "\n".join(script))
        assert ended.returncode == 0, ended
        for number in range(len(lines)):
            done = logs / f"{number}.code"
            assert done.exists(), lines[number]
            yield (
                int(done.read_text()),
                done.with_suffix(".out").read_text(),
                done.with_suffix(".err").read_text(),
            )

    def call(self, *command: object) -> subprocess.CompletedProcess[str]:
        """Run a command as this user, to whom all is given that is in the home directory."""
        if self.login is not None:
            user = pwd.getpwnam(self.login)
            for path in (self.home, *self.home.rglob("*")):
                os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)
        return subprocess.run(
            as_user("env", "-i", *self._variables(), *command, login=self.login),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def _variables(self) -> list[str]:
        return [
            f"HOME={self.home}",
            f"PATH={self.environment / 'bin'}:/usr/local/bin:/usr/bin:/bin",
            "LC_ALL=C.UTF-8",
            "PYTHONDONTWRITEBYTECODE=1",
        ]


@contextmanager
def account() -> Iterator[Account]:
    """Make an account; where this process is not root, a new home directory for its user."""
    with ExitStack() as made:
        login = made.enter_context(new_user()) if os.geteuid() == 0 else None
        home = Path(tempfile.mkdtemp(prefix="artfs-home-"))
        made.callback(shutil.rmtree, home)
        home.chmod(0o755)
        make_environment(home / ".venv")
        yield Account(home, home / ".venv", login)
