"""Content-defined chunking: an insertion into a file changes a chunk or two, not all that follow.

The algorithm is FastCDC 2020 (https://ieeexplore.ieee.org/document/9055082) as pyfastcdc implements it; the format
names its parameters, and golden vectors in the tests pin the boundaries. Two things about pyfastcdc to know:

- `avg_size` is where the stricter mask gives way to the looser one, not the mean: with the default parameters random
  data makes pieces of 303 KB on average.
- Given a buffer it takes its end for the end of the file. A cut that it finds *inside* a buffer depends only on the
  bytes from the previous cut up to and including the one after the cut, and a piece of `max_size` only on its length,
  so those are certain however the file was fed; a shorter last piece is not, and is cut again with more bytes behind
  it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pyfastcdc import FastCDC

from artfs.errors import StoreError, StoreFormatError
from artfs.format.digest import Data
from artfs.format.pack import MAX_PLAIN_SIZE

__all__ = ["ChunkParams", "Chunker", "cut_stream"]

_COMPILED_MODULE = "pyfastcdc.cy.fastcdc"


@dataclass(frozen=True, slots=True)
class ChunkParams:
    """Parameters of chunking, fixed when a store is made: with others no duplicates are found.

    Attributes:
        min_size: No piece but a file's last is shorter; a file of at most this size is one chunk.
        avg_size: From this length on the looser mask decides; a power of two.
        max_size: No piece is longer.
        normalization: By how many bits the two masks differ from log2(avg_size), 0 to 3.
        seed: XORed to the gear table; below 2^63, as pyfastcdc shifts it.

    Raises:
        StoreFormatError: The values are not ones that this artfs can cut by.
    """

    min_size: int = 128 << 10
    avg_size: int = 256 << 10
    max_size: int = 2 << 20
    normalization: int = 2
    seed: int = 0

    def __post_init__(self) -> None:
        sizes = 64 <= self.min_size <= self.avg_size <= self.max_size <= MAX_PLAIN_SIZE
        bounds = self.min_size <= 1 << 20 and 256 <= self.avg_size <= 4 << 20 and self.max_size >= 1024
        shape = self.avg_size.bit_count() == 1 and self.min_size % 2 == 0 and self.max_size % 2 == 0
        if not (sizes and bounds and shape and 0 <= self.normalization <= 3 and 0 <= self.seed < 1 << 63):
            raise StoreFormatError(f"chunking parameters that this artfs does not know: {self}")


class Chunker:
    """Finds the cuts of a file that is fed in buffers. Not for use by several threads at a time.

    Raises:
        StoreError: pyfastcdc was installed without its compiled part, which is 200 times slower.
    """

    __slots__ = ("_cdc", "params")

    def __init__(self, params: ChunkParams | None = None) -> None:
        if FastCDC.__module__ != _COMPILED_MODULE:
            raise StoreError("pyfastcdc lacks its compiled part; reinstall it with PYFASTCDC_REQUIRE_CYTHON=1")
        self.params = params or ChunkParams()
        self._cdc = FastCDC(
            self.params.avg_size,
            min_size=self.params.min_size,
            max_size=self.params.max_size,
            # pyfastcdc types it as a Literal; __post_init__ has checked the range.
            normalized_chunking=self.params.normalization,  # type: ignore[arg-type]
            seed=self.params.seed,
        )

    def split(self, buffer: Data, final: bool) -> list[int]:
        """Find the ends of the pieces of `buffer`, which begins at a cut.

        Args:
            buffer: Bytes of the file from a cut on. Give at least twice `max_size` at a time, or work is repeated.
            final: The file ends where the buffer ends. Otherwise a last piece that more bytes could change is left out:
                call again with the bytes from the last end on.

        Returns:
            Ascending positions in `buffer`; with `final` the last is its length. Empty for an empty buffer.
        """
        ends = [piece.offset + piece.length for piece in self._cdc.cut_buf(buffer)]
        if ends and not final:
            start = ends[-2] if len(ends) > 1 else 0
            if ends[-1] - start < self.params.max_size:
                ends.pop()
        return ends


def cut_stream(
    chunker: Chunker, readinto: Callable[[memoryview], int], new_buffer: Callable[[], memoryview]
) -> Iterator[list[memoryview]]:
    """Cut a file that is read from front to back, in bounded memory.

    Each round fills one buffer and yields its certain pieces; the tail behind them (at most `max_size`) is copied to
    the next buffer. A round's pieces are views of its buffer, valid until the caller gives that buffer out again.

    Args:
        chunker: Has the parameters.
        readinto: Fills some of a view with what comes next in the file and returns how much; 0 at the end.
        new_buffer: Returns the buffer of the next round, of at least twice `max_size`; the last round's will do.
    """
    tail = b""
    final = False
    while not final:
        buffer = new_buffer()
        if len(buffer) < 2 * chunker.params.max_size:
            raise ValueError("buffers for cutting must hold two chunks of the greatest size")
        size = len(tail)
        buffer[:size] = tail
        while size < len(buffer):
            count = readinto(buffer[size:])
            if not count:
                final = True
                break
            size += count
        ends = chunker.split(buffer[:size], final)
        tail = bytes(buffer[ends[-1] if ends else 0 : size])  # now: the caller may hand the buffer to others meanwhile
        if ends:
            yield [buffer[start:end] for start, end in zip([0, *ends], ends, strict=False)]
