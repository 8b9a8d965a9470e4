"""The exit code that this process ends with, as far as Python tells it.

A `SystemExit` that ends the program is gone before the functions of `atexit` are called, so `sys.exit`, `exit` and
`quit` note the code that they are called with. It counts if the program's main module was left by an exception: one
that somebody caught ended nothing. Of a `raise SystemExit(...)` in the main module the code is read from the
instructions there, if it is a constant or a variable; of any other it is not known afterwards.
"""

from __future__ import annotations

import builtins
import dis
import sys
import threading
from collections.abc import Callable
from functools import wraps
from types import FrameType
from typing import Any, Final, NoReturn

__all__ = ["code_at_exit", "code_of", "note_exits"]

_RETURNS: Final = frozenset({"RETURN_VALUE", "RETURN_CONST"})

_noted: list[int] = []
_main: list[FrameType] = []


def code_of(error: BaseException | None) -> int:
    """Return the exit code of a program that an exception ends, or none."""
    if error is None:
        return 0
    if not isinstance(error, SystemExit):
        return 1
    if error.code is None:
        return 0
    return error.code & 0xFF if isinstance(error.code, int) else 1


def note_exits() -> None:
    """Note from now on the code with which the program is ended."""
    if _main:
        return
    frame = sys._current_frames().get(threading.main_thread().ident or 0)  # noqa: SLF001 - documented for such uses
    while frame is not None and frame.f_back is not None:
        frame = frame.f_back
    if frame is not None:
        _main.append(frame)
    sys.exit = _noting(sys.exit, 0)
    quitter: Any = type(getattr(builtins, "exit", None))
    if quitter.__module__ == "_sitebuiltins":  # IPython has others
        quitter.__call__ = _noting(quitter.__call__, 1)


def code_at_exit() -> int | None:
    """Return the exit code of this program, which is ending; None: not known."""
    if getattr(sys, "last_value", None) is not None and not hasattr(sys, "ps1"):
        return 1
    if not _main or _came_to_its_end(_main[0]):
        return 0
    if (raised := _raised_in(_main[0])) is not None:
        return code_of(raised) if isinstance(raised, SystemExit) else None
    return _noted[-1] if _noted else None


def _noting(leave: Callable[..., NoReturn], position: int) -> Callable[..., NoReturn]:
    """Wrap a function that raises SystemExit with the argument at a position."""

    @wraps(leave)
    def noting(*arguments: Any, **named: Any) -> NoReturn:
        _noted.append(code_of(SystemExit(*arguments[position:], *named.values())))
        leave(*arguments, **named)

    return noting


def _came_to_its_end(frame: FrameType) -> bool:
    code = frame.f_code.co_code
    return 0 <= frame.f_lasti < len(code) and dis.opname[code[frame.f_lasti]] in _RETURNS


def _raised_in(frame: FrameType) -> SystemExit | str | None:
    """Return what a frame raised itself: a SystemExit, or a name if it cannot be said; None if it raised nothing."""
    done = [instruction for instruction in dis.get_instructions(frame.f_code) if instruction.offset <= frame.f_lasti]
    if not done or done[-1].opname != "RAISE_VARARGS" or not done.pop().arg:
        return None  # a bare `raise` goes on with what somebody else raised
    arguments: list[object] = []
    constants = {"LOAD_CONST", "LOAD_SMALL_INT"}
    while done and done[-1].opname in {"PRECALL", "CALL"}:
        if done.pop().arg and done and done[-1].opname in {*constants, "LOAD_NAME"}:
            loaded = done.pop()
            known = {**frame.f_globals, **frame.f_locals}
            if loaded.opname == "LOAD_NAME" and loaded.argval not in known:
                return "unknown"
            arguments.append(loaded.argval if loaded.opname in constants else known[loaded.argval])
    names = [each.argval for each in done[-2:] if each.opname == "LOAD_NAME"]
    return SystemExit(*arguments) if names[-1:] == ["SystemExit"] else "unknown"
