"""A server with the interface of S3, to read: `objectserver.py DIRECTORY`, whose port is the first line that it prints.

Every bucket has the files of the directory. A request to the bucket `far` waits 20 ms before it is answered.
"""

from __future__ import annotations

import os
import sys
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

_FAR = "far"
_FAR_SECONDS = 0.02


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients that have enough of an answer hang up."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    top: Path

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base's name
        """Say nothing."""

    def do_HEAD(self) -> None:
        """Answer a HEAD."""
        self.do_GET()

    def do_GET(self) -> None:
        """Answer a GET: of an object, or of a list."""
        parts = urlsplit(self.path)
        bucket, _slash, key = unquote(parts.path).removeprefix("/").partition("/")
        if bucket == _FAR:
            time.sleep(_FAR_SECONDS)
        if not key:
            self._list(parse_qs(parts.query).get("prefix", [""])[0])
            return
        try:
            file = os.open(self.top / key, os.O_RDONLY)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            self._head(404, {"Content-Length": "0"})
            return
        try:
            self._object(file)
        finally:
            os.close(file)

    def _object(self, file: int) -> None:
        status = os.fstat(file)
        headers = {"ETag": _etag(status), "Last-Modified": formatdate(status.st_mtime, usegmt=True)}
        if self.headers.get("If-Match", _etag(status)) != _etag(status):
            self._head(412, {**headers, "Content-Length": "0"})
            return
        start, end = 0, status.st_size
        wanted = self.headers.get("Range")
        if wanted is not None:
            first, _dash, last = wanted.removeprefix("bytes=").partition("-")
            start, end = int(first), min(int(last) + 1 if last else end, end)
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{status.st_size}"
        self._head(200 if wanted is None else 206, {**headers, "Content-Length": str(end - start)})
        while self.command == "GET" and start < end:
            start += os.sendfile(self.connection.fileno(), file, start, end - start)

    def _list(self, prefix: str) -> None:
        rows = []
        directory = self.top / prefix.rpartition("/")[0]
        for path in sorted(each for each in directory.rglob("*") if each.is_file()):
            key = path.relative_to(self.top).as_posix()
            if key.startswith(prefix):
                status = path.stat()
                changed = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(status.st_mtime))
                rows.append(
                    f"<Contents><Key>{escape(quote(key))}</Key><LastModified>{changed}</LastModified>"
                    f"<ETag>{escape(_etag(status))}</ETag><Size>{status.st_size}</Size></Contents>"
                )
        body = "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>"
        data = f"{body}{''.join(rows)}</ListBucketResult>".encode()
        self._head(200, {"Content-Length": str(len(data))})
        self.wfile.write(data)

    def _head(self, code: int, headers: dict[str, str]) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()


def _etag(status: os.stat_result) -> str:
    return f'"{status.st_size:x}-{status.st_mtime_ns:x}-{status.st_ino:x}"'


def main() -> None:
    """Serve until the process is ended."""

    class Handler(_Handler):
        top = Path(sys.argv[1])

    with _Server(("127.0.0.1", 0), Handler) as server:
        sys.stdout.write(f"{server.server_port}\n")
        sys.stdout.flush()
        server.serve_forever()


if __name__ == "__main__":
    main()
