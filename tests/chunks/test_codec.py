"""What compresses is found and compressed; a hostile frame gets nothing allocated."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import random
import sys
import threading
import tracemalloc
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from artfs.chunks.codec import decode, encode
from artfs.errors import IntegrityError
from artfs.format.pack import Codec

NOISE = random.Random(1).randbytes(2 << 20)


def a_csv(size: int) -> bytes:
    rng = random.Random(2)
    text = io.StringIO()
    writer = csv.writer(text)
    while text.tell() < size:
        writer.writerow([rng.random(), rng.randrange(10**6), rng.choice(["cat", "dog", "horse"])])
    return text.getvalue().encode()[:size]


def some_json(size: int) -> bytes:
    rng = random.Random(3)
    rows = [{"id": i, "score": rng.random(), "label": rng.choice("abc")} for i in range(size // 30)]
    return json.dumps(rows).encode()[:size]


def frame(plain: bytes, **options: object) -> bytes:
    return zstandard.ZstdCompressor(level=3, **options).compress(plain)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [512, 3000, 8192, 8193, 40_000, 300_000, 2 << 20])
def test_csv_json_and_source_text_are_compressed(size: int) -> None:
    source = Path(random.__file__).read_bytes() * 80
    for plain in (a_csv(size), some_json(size), source[:size]):
        assert len(plain) > size * 0.9
        codec, stored = encode(plain)
        assert codec == Codec.ZSTD
        assert len(stored) < 0.7 * len(plain)
        assert decode(codec, stored, len(plain)) == plain


@pytest.mark.parametrize("size", [1, 511, 512, 8193, 40_000, 300_000, 2 << 20])
def test_what_does_not_compress_stays_raw_and_is_not_copied(size: int) -> None:
    plain = memoryview(NOISE)[:size]
    assert encode(plain) == (Codec.RAW, plain)
    assert encode(plain)[1] is plain


def test_compressible_data_of_less_than_512_bytes_stays_raw() -> None:
    assert encode(bytes(511))[0] == Codec.RAW
    assert encode(bytes(512))[0] == Codec.ZSTD


def test_a_text_header_does_not_have_a_long_chunk_compressed_in_vain() -> None:
    assert encode(b"{}".ljust(4000) + NOISE[:200_000])[0] == Codec.RAW


def test_text_behind_an_incompressible_header_is_found() -> None:
    assert encode(NOISE[:20_000] + a_csv(280_000))[0] == Codec.ZSTD


@given(st.binary(max_size=3000), st.integers(0, 200))
def test_whatever_is_encoded_decodes_to_itself(plain: bytes, repeat: int) -> None:
    plain += plain[:64] * repeat
    codec, stored = encode(plain)
    assert decode(codec, stored, len(plain)) == plain
    assert codec == Codec.RAW or len(stored) < len(plain)


def test_a_frame_that_claims_a_tebibyte_is_refused_before_anything_is_allocated() -> None:
    single_segment_with_8_byte_size = b"\xe0"
    bomb = b"\x28\xb5\x2f\xfd" + single_segment_with_8_byte_size + (1 << 40).to_bytes(8, "little") + bytes(2000)
    assert zstandard.get_frame_parameters(bomb).content_size == 1 << 40
    tracemalloc.start()
    try:
        for claimed in (2 << 20, 2**32 - 1, 1 << 40):
            with pytest.raises(IntegrityError):
                decode(Codec.ZSTD, bomb, claimed)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_a_frame_that_holds_more_than_the_record_says_is_refused() -> None:
    for says in (0, 99_999, 100_001):
        with pytest.raises(IntegrityError):
            decode(Codec.ZSTD, frame(bytes(100_000)), says)


def test_a_frame_that_lies_about_its_own_size_is_refused() -> None:
    honest = frame(a_csv(60_000))
    assert zstandard.get_frame_parameters(honest).content_size == 60_000
    at = honest.index((60_000 - 256).to_bytes(2, "little"))  # sizes of two bytes are stored less 256
    for lie in (59_999, 60_001, 65_000):
        with pytest.raises(IntegrityError):
            decode(Codec.ZSTD, honest[:at] + (lie - 256).to_bytes(2, "little") + honest[at + 2 :], lie)


@pytest.mark.parametrize(
    "extra", [b"\0", frame(b"x" * 100), b"\x50\x2a\x4d\x18\x04\0\0\0skip"], ids=["byte", "frame", "skippable"]
)
def test_anything_behind_the_frame_is_refused(extra: bytes) -> None:
    stored = frame(bytes(1000))
    assert decode(Codec.ZSTD, stored, 1000) == bytes(1000)
    with pytest.raises(IntegrityError):
        decode(Codec.ZSTD, stored + extra, 1000)


def test_a_skippable_frame_in_front_is_refused() -> None:
    with pytest.raises(IntegrityError):
        decode(Codec.ZSTD, b"\x50\x2a\x4d\x18\x04\0\0\0skip" + frame(bytes(1000)), 1000)


def test_a_frame_without_a_content_size_or_with_a_dictionary_is_refused() -> None:
    with pytest.raises(IntegrityError):
        decode(Codec.ZSTD, frame(bytes(1000), write_content_size=False), 1000)
    trained = zstandard.train_dictionary(1024, [b"row %d of the table" % i for i in range(2000)])
    with pytest.raises(IntegrityError):
        decode(Codec.ZSTD, frame(b"row 7 of the table", dict_data=trained), 18)


@given(st.data())
def test_a_damaged_frame_is_refused_or_decodes_to_the_promised_length(data: st.DataObject) -> None:
    stored = bytearray(frame(a_csv(5000)))
    for _ in range(data.draw(st.integers(1, 3))):
        stored[data.draw(st.integers(0, len(stored) - 1))] ^= data.draw(st.integers(1, 255))
    stored = stored[: data.draw(st.integers(0, len(stored)))]
    with contextlib.suppress(IntegrityError):
        assert len(decode(Codec.ZSTD, bytes(stored), 5000)) == 5000


def test_raw_data_of_another_length_and_unknown_codecs_are_refused() -> None:
    for codec, stored, plain_len in ((Codec.RAW, b"abc", 4), (Codec.RAW, b"abc", 2), (2, b"abc", 3)):
        with pytest.raises(IntegrityError):
            decode(codec, stored, plain_len)


def test_threads_encode_and_decode_at_the_same_time_without_disturbing_each_other() -> None:
    plains = [a_csv(30_000 + 1000 * i) for i in range(8)]
    wrong: list[int] = []

    def work(number: int) -> None:
        for _ in range(40):
            codec, stored = encode(plains[number])
            if decode(codec, stored, len(plains[number])) != plains[number]:
                wrong.append(number)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=work, args=(number,)) for number in range(len(plains))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert wrong == []


def test_a_codec_that_is_unknown_is_refused_though_the_frame_is_sound() -> None:
    plain = bytes(1000)
    for codec in (2, 7, 255):
        with pytest.raises(IntegrityError, match=f"codec {codec} is unknown"):
            decode(codec, frame(plain), len(plain))
        with pytest.raises(IntegrityError, match=f"codec {codec} is unknown"):
            decode(codec, plain, len(plain))
