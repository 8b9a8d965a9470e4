"""Limits of the fetcher: how much at a time, and how long."""

from __future__ import annotations

from dataclasses import dataclass, replace

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much the fetcher asks for at a time, and how long it waits.

    Attributes:
        demand: Requests in flight that a reader waits for.
        ahead: Requests in flight beside them, for what will be read next.
        per_object: Requests in flight for one object: one that stalls must leave room for others.
        bytes_in_flight: Bytes that are asked for at a time; one request may always fly.
        gap: Bytes between two wanted ranges that are fetched too, rather than to ask twice.
        largest: Bytes of one request.
        whole: Objects up to this size are fetched whole.
        first_window: Bytes that are fetched ahead at the beginning of a sequential read; then twice as many each time.
        last_window: The most bytes that are fetched ahead, if the cache is large enough: several requests at a time, as
            servers give one connection only so much a second.
        stall_seconds: An attempt without an answer for so long is given up; large ones get more.
        slowest_rate: Bytes a second that an answer must come with.
        hedge_seconds: The earliest time to ask a second time beside an attempt that takes long.
        total_seconds: A request fails when no attempt has succeeded for so long.
        failing_seconds: The same for a server that a request has failed at like this, until one succeeds.
        first_delay: Seconds before the second attempt; then twice as many each time.
    """

    demand: int = 64
    ahead: int = 16
    per_object: int = 16
    bytes_in_flight: int = 128 << 20
    gap: int = 128 << 10
    largest: int = 4 << 20
    whole: int = 1 << 20
    first_window: int = 256 << 10
    last_window: int = 32 << 20
    stall_seconds: float = 10.0
    slowest_rate: int = 256 << 10
    hedge_seconds: float = 0.5
    total_seconds: float = 60.0
    failing_seconds: float = 5.0
    first_delay: float = 0.1

    def with_timeout(self, seconds: float) -> Limits:
        """Return these limits with another time after which a request fails."""
        return replace(self, total_seconds=seconds, failing_seconds=min(seconds, self.failing_seconds))
