"""Reports of failed tests, printed as they fail: a run that is cut short has said what failed until then."""

from __future__ import annotations

import pytest

__all__ = ["FailuresAtOnce"]


class FailuresAtOnce:
    """Plugin of the process that controls a run, to which workers send their reports.

    Args:
        terminal: Where the reports are printed.
    """

    def __init__(self, terminal: pytest.TerminalReporter) -> None:
        self._terminal = terminal

    @pytest.hookimpl(trylast=True)  # after the letter or line of the test itself
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Print the report, if the test failed."""
        if report.failed:
            self._terminal.write_line("")
            self._terminal.write_sep("!", f"{report.nodeid} ({report.when})", red=True)
            self._terminal.write_line(report.longreprtext)
            self._terminal.flush()
