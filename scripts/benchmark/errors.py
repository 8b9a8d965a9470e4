"""The two ways in which a row ends without figures."""


class BenchError(Exception):
    """A measurement failed: the row is reported as failed, the others go on, and the benchmark exits with 1."""


class SkippedError(Exception):
    """A row cannot be measured on this machine or by this user: the report says why."""
