"""Formats by their first bytes. What a browser shows by itself has a media type; a name alone gives none."""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["HEAD_BYTES", "Format", "format_of", "is_html", "is_text", "media_type"]

HEAD_BYTES: Final = 1024
"""Bytes by which formats are known."""


class Format(NamedTuple):
    """A format.

    Attributes:
        kind: The kind of preview.
        note: Its name for people, and what there is to know about it.
        media_type: Its type, if a browser may show it; else empty.
    """

    kind: str
    note: str
    media_type: str = ""


_PICKLE: Final = "is not opened, since opening a pickle runs what is in it"
_STARTS: Final[tuple[tuple[bytes, Format], ...]] = (
    (b"\x89PNG\r\n\x1a\n", Format("image", "PNG image", "image/png")),
    (b"\xff\xd8\xff", Format("image", "JPEG image", "image/jpeg")),
    (b"GIF87a", Format("image", "GIF image", "image/gif")),
    (b"GIF89a", Format("image", "GIF image", "image/gif")),
    (b"BM", Format("image", "BMP image", "image/bmp")),
    (b"fLaC", Format("audio", "FLAC sound", "audio/flac")),
    (b"ID3", Format("audio", "MP3 sound", "audio/mpeg")),
    (b"\xff\xfb", Format("audio", "MP3 sound", "audio/mpeg")),
    (b"OggS", Format("audio", "Ogg sound", "audio/ogg")),
    (b"\x1aE\xdf\xa3", Format("video", "WebM video", "video/webm")),
    (b"\x93NUMPY", Format("array", "NumPy array")),
    (b"PAR1", Format("parquet", "Parquet table")),
    (b"%PDF-", Format("pdf", "PDF: download it to read it")),
    (b"\x89HDF\r\n\x1a\n", Format("hdf5", "HDF5 file")),
    (b"SQLite format 3\0", Format("sqlite", "SQLite database")),
    (b"ARROW1", Format("arrow", "Arrow file")),
    (b"\x1f\x8b", Format("gzip", "gzip archive")),
    (b"(\xb5/\xfd", Format("zstd", "Zstandard archive")),
    (b"\xfd7zXZ\0", Format("xz", "xz archive")),
    (b"BZh", Format("bzip2", "bzip2 archive")),
    (b"\x7fELF", Format("elf", "ELF program")),
    (b"GGUF", Format("gguf", "GGUF model")),
)
_RIFF: Final = {
    b"WAVE": Format("audio", "WAV sound", "audio/wav"),
    b"WEBP": Format("image", "WebP image", "image/webp"),
}
_ZIP: Final = Format("zip", "zip archive")
_TORCH: Final = Format("pickle", f"PyTorch checkpoint, a zip archive with a pickle: it {_PICKLE}")
_TAR: Final = Format("tar", "tar archive")
_PROTOCOLS: Final = frozenset(range(2, 6))
_HTML: Final = (b"<!doctype html", b"<html")


def format_of(head: bytes) -> Format | None:
    """Return the format that a file's first bytes say; None if they say none, as of text."""
    for start, found in _STARTS:
        if head.startswith(start) and (start != b"BM" or head[6:10] == bytes(4)):
            return found
    if head.startswith(b"RIFF"):
        return _RIFF.get(head[8:12])
    if head[4:8] == b"ftyp":
        avif = head[8:12] in {b"avif", b"avis"}
        return Format("image", "AVIF image", "image/avif") if avif else Format("video", "MP4 video", "video/mp4")
    if head.startswith(b"PK\x03\x04"):
        name = head[30 : 30 + int.from_bytes(head[26:28], "little")]
        return _TORCH if name.endswith((b"/data.pkl", b"/byteorder", b"/version", b"/.format_version")) else _ZIP
    if head[257:262] == b"ustar":
        return _TAR
    if len(head) > 2 and head[0] == 0x80 and head[1] in _PROTOCOLS:
        return Format("pickle", f"Pickle of protocol {head[1]}: it {_PICKLE}")
    return None


def media_type(head: bytes) -> str:
    """Return the media type of what a browser may show: images, sound and video; else the one of a download."""
    found = format_of(head)
    return found.media_type if found is not None and found.media_type else "application/octet-stream"


def is_text(head: bytes) -> bool:
    """Return whether bytes begin as text does: no NUL, and UTF-8 but for a character that is cut off."""
    if b"\0" in head:
        return False
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.start >= len(head) - 3 and error.reason == "unexpected end of data"
    return True


def is_html(head: bytes, name: bytes) -> bool:
    """Return whether a file is an HTML page: text that begins so, or that is called so."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:15].lower()
    return is_text(head) and (start.startswith(_HTML) or name.lower().endswith((b".html", b".htm")))
