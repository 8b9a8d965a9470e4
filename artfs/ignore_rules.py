"""Ignore rules: the patterns of `.artfsignore`, with git's meaning (gitignore(5)) and in bounded time.

All patterns together are one nondeterministic automaton, whose set of states is one integer: a byte of a name costs a
few operations on it, whatever the patterns are, so there is no backtracking. A directory keeps the states that its path
led to; for a name in it only that name's bytes are read. Patterns have their states in the order of the lines, so the
highest state that accepts a name belongs to the last pattern that matches, which is the one that decides.

A path below an ignored directory is ignored, and no pattern brings it back: callers do not descend there.
"""

from __future__ import annotations

import os
import stat
from bisect import bisect_right
from collections.abc import Iterator
from typing import Final

from artfs.errors import InvalidInputError
from artfs.names import quoted

__all__ = ["IGNORE_FILE", "MAX_IGNORE_BYTES", "IgnoreRules", "read_ignore_file"]

IGNORE_FILE: Final = b".artfsignore"
"""Its patterns count for the directory that it is at the top of."""
MAX_IGNORE_BYTES: Final = 64 << 10
"""Of the patterns for one directory: what a byte of a name costs grows with their length."""

_SLASH: Final = ord("/")
_BACKSLASH: Final = ord("\\")
_SPACE: Final = ord(" ")
_ALL: Final = frozenset(range(1, 256))
_ONLY_SLASH: Final = frozenset((_SLASH,))
_NO_SLASH: Final = _ALL - {_SLASH}
_SPECIAL: Final = frozenset(b"*?[\\")
_ASCII: Final = range(1, 128)
# The classes of git's own ctype.h: ASCII only, and a space is one of four.
_CLASSES: Final = {
    b"alnum": frozenset(c for c in _ASCII if chr(c).isalnum()),
    b"alpha": frozenset(c for c in _ASCII if chr(c).isalpha()),
    b"blank": frozenset(b" \t"),
    b"cntrl": frozenset((*range(1, 32), 127)),
    b"digit": frozenset(b"0123456789"),
    b"graph": frozenset(range(33, 127)),
    b"lower": frozenset(c for c in _ASCII if chr(c).islower()),
    b"print": frozenset(range(32, 127)),
    b"punct": frozenset(c for c in range(33, 127) if not chr(c).isalnum()),
    b"space": frozenset(b" \t\n\r"),
    b"upper": frozenset(c for c in _ASCII if chr(c).isupper()),
    b"xdigit": frozenset(b"0123456789abcdefABCDEF"),
}


class IgnoreRules:
    """Patterns, compiled.

    Args:
        text: The lines, as in a `.gitignore`. As in git no pattern is an error: one that is malformed matches nothing.

    Attributes:
        top: The states of the directory that the patterns count for.

    Raises:
        InvalidInputError: There are more than `MAX_IGNORE_BYTES`.
    """

    def __init__(self, text: bytes) -> None:
        if len(text) > MAX_IGNORE_BYTES:
            raise InvalidInputError(f"{len(text)} bytes of ignore patterns: at most {MAX_IGNORE_BYTES} are allowed")
        self._loops = 0  # states that stay at any byte but a slash
        self._deep_loops = 0  # states that stay at any byte
        self._skips = 0  # entries of `**/`, which may also match nothing
        self._accepts = 0
        self._directory_accepts = 0
        self._names = 0  # the states in which patterns without a slash begin, at every name
        self.top = 0
        self._starts: list[int] = []
        self._negated: list[bool] = []
        steps: dict[frozenset[int], int] = {}  # by the bytes that lead to them: states
        state = 0
        for line in _lines(text):
            state = self._add(line, state, steps)
        self._steps = [0] * 256
        for chosen, states in steps.items():
            for byte in chosen:
                self._steps[byte] |= states
        self.top = self._closed(self.top)

    def __bool__(self) -> bool:
        """True if there is a pattern."""
        return bool(self._starts)

    def match(self, states: int, name: bytes, *, is_directory: bool) -> tuple[bool, int]:
        """Return whether a name is ignored, and the states of the directory that it may be.

        Args:
            states: Of the directory that the name is in.
            name: The name.
            is_directory: Whether it is one; a symlink is none.
        """
        states |= self._names
        steps, loops, skips = self._steps, self._loops | self._deep_loops, self._skips
        for byte in name:
            states = (states << 1) & steps[byte] | states & loops
            if states & skips:
                states = self._closed(states)
            elif not states:
                return False, 0
        accepted = states & (self._directory_accepts if is_directory else self._accepts)
        ignored = bool(accepted) and not self._negated[bisect_right(self._starts, accepted.bit_length() - 1) - 1]
        if not is_directory:
            return ignored, 0
        return ignored, self._closed((states << 1) & steps[_SLASH] | states & self._deep_loops)

    def ignores(self, path: bytes, *, is_directory: bool) -> bool:
        """Return whether a path or a directory above it is ignored."""
        *parents, name = path.split(b"/")
        states = self.top
        for parent in parents:
            ignored, states = self.match(states, parent, is_directory=True)
            if ignored:
                return True
        return self.match(states, name, is_directory=is_directory)[0]

    def _closed(self, states: int) -> int:
        """Add what an entry of `**/` leads to without a byte: its loop, and what is behind its slash."""
        entries = states & self._skips
        return states | entries << 1 | entries << 2

    def _add(self, pattern: bytes, state: int, steps: dict[frozenset[int], int]) -> int:
        """Give a pattern its states, from `state` on; return the first free one."""
        negated = pattern.startswith(b"!")
        pattern = pattern[negated:]
        only_directories = pattern.endswith(b"/")
        pattern = pattern[: len(pattern) - only_directories]
        is_path = b"/" in pattern
        tokens = _tokens(pattern.removeprefix(b"/"), is_path) if pattern else None
        if tokens is None:
            return state
        self._starts.append(state)
        self._negated.append(negated)
        if is_path:
            self.top |= 1 << state
        else:
            self._names |= 1 << state
        for token in tokens:
            match token:
                case "*":
                    self._loops |= 1 << state
                case "**":
                    self._deep_loops |= 1 << state
                case "**/":
                    self._skips |= 1 << state
                    self._deep_loops |= 2 << state
                    state += 2
                    steps[_ONLY_SLASH] = steps.get(_ONLY_SLASH, 0) | 1 << state
                case frozenset():
                    state += 1
                    steps[token] = steps.get(token, 0) | 1 << state
        if not only_directories:
            self._accepts |= 1 << state
        self._directory_accepts |= 1 << state
        return state + 1


def read_ignore_file(directory: bytes, more: bytes = b"", after: bytes = b"") -> IgnoreRules | None:
    """Return the rules of a local directory; None if it has none.

    Args:
        directory: Has a `.artfsignore`, or has not. As in git one that is no regular file has no patterns.
        more: Lines that go before those of the file.
        after: Lines that go behind them, and so decide.

    Raises:
        InvalidInputError: There are too many patterns.
        OSError: The file cannot be read.
    """
    path = os.path.join(directory, IGNORE_FILE)
    lines = b""
    if os.path.lexists(path) and stat.S_ISREG(os.lstat(path).st_mode):
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            lines = file.read(MAX_IGNORE_BYTES + 1)
    try:
        rules = IgnoreRules(b"\n".join(filter(None, (more, lines, after))))
    except InvalidInputError as error:
        raise InvalidInputError(f"{quoted(path)}: {error}") from error
    return rules or None


def _lines(text: bytes) -> Iterator[bytes]:
    for line in text.removeprefix(b"\xef\xbb\xbf").split(b"\n"):
        if line and not line.startswith(b"#"):
            yield _without_trailing_spaces(line.removesuffix(b"\r").partition(b"\0")[0])


def _without_trailing_spaces(line: bytes) -> bytes:
    """Cut the spaces at the end of a line, but none behind a backslash."""
    at = end = 0
    while at < len(line):
        is_escape = line[at] == _BACKSLASH
        at += 1 + is_escape
        if is_escape or line[at - 1] != _SPACE:
            end = at
    return line[:end]


def _tokens(pattern: bytes, is_path: bool) -> list[frozenset[int] | str] | None:
    """Split a pattern into sets of bytes and `*`, `**` and `**/`; None if it matches nothing.

    git compares what is before the first special character as text, so that a `**` directly behind it stands at the
    beginning of the rest: `a**/b` is `a`, then `**/b`.
    """
    first = next((at for at, byte in enumerate(pattern) if byte in _SPECIAL), len(pattern))
    tokens: list[frozenset[int] | str] = []
    at = 0
    while at < len(pattern):
        byte = pattern[at]
        if byte == ord("*"):
            end = at
            while pattern[end : end + 1] == b"*":
                end += 1
            after = pattern[end : end + 2]
            whole = end - at > 1 and (at == first or pattern[at - 1] == _SLASH)
            whole = whole and (not after or after[:1] == b"/" or after == b"\\/")
            if not is_path or not whole:
                tokens.append("*")
            elif after[:1] == b"/":
                if tokens[-1:] != ["**/"]:
                    tokens.append("**/")
                end += 1
            else:
                tokens.append("**")
            at = end
        elif byte == ord("?"):
            tokens.append(_NO_SLASH)
            at += 1
        elif byte == ord("["):
            found = _bracket(pattern, at)
            if found is None:
                return None
            tokens.append(found[0] & _NO_SLASH)
            at = found[1]
        else:
            at += byte == _BACKSLASH
            if at == len(pattern):
                return None
            tokens.append(frozenset((pattern[at],)))
            at += 1
    return tokens


def _bracket(pattern: bytes, at: int) -> tuple[frozenset[int], int] | None:
    """Return the bytes that a bracket expression stands for, and where it ends; None if it does not end."""

    def byte(index: int) -> int:
        return pattern[index] if index < len(pattern) else 0

    at += 1
    negated = byte(at) in b"!^"
    at += negated
    chosen: set[int] = set()
    before = 0
    is_first = True
    while is_first or byte(at) != ord("]"):
        is_first = False
        here = byte(at)
        if here == _BACKSLASH:
            at += 1
            here = byte(at)
            chosen.add(here)
        elif here == ord("-") and before and byte(at + 1) not in (0, ord("]")):
            at += 1
            at += byte(at) == _BACKSLASH
            if not byte(at):
                return None
            chosen.update(range(before, byte(at) + 1))
            here = -1
        elif here == ord("[") and byte(at + 1) == ord(":"):
            end = pattern.find(b"]", at + 2)
            if end < 0:
                return None
            if end == at + 2 or byte(end - 1) != ord(":"):
                chosen.add(here)  # no `:]` ends it: it is an ordinary character
            else:
                named = _CLASSES.get(pattern[at + 2 : end - 1])
                if named is None:
                    return None
                chosen |= named
                at, here = end, -1
        else:
            chosen.add(here)
        if not here:
            return None
        before = max(here, 0)
        at += 1
    return (_ALL - chosen if negated else frozenset(chosen)), at + 1
