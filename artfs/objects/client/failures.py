"""Failed requests as artfs's exceptions: one line that says what happened, without anything that grants access.

obstore's messages hold answers of servers and URLs that may be signed; of them only the status, the server's error code
and the kind of failure are taken.
"""

from __future__ import annotations

import re
from typing import Final

from artfs.errors import ReferenceChangedError, ReferenceGoneError, SourceError
from artfs.names import quoted
from artfs.objects.object_client import TransientError

__all__ = ["NO_BUCKET", "changed", "code_of", "failed", "gone", "no_connection", "refused_status", "status_of"]

_STATUS: Final = re.compile(r"status code: (\d{3})")
_CODE: Final = re.compile(r"<Code>([A-Za-z]{1,60})</Code>")
_STATUS_OF_KIND: Final = {
    "FileNotFoundError": 404,
    "PermissionDeniedError": 403,
    "UnauthenticatedError": 401,
    "PreconditionError": 412,
    "NotModifiedError": 412,
}
_KINDS: Final = (
    ("Connection refused", "the server refuses connections"),
    ("dns error", "its server's name is not known"),
    ("certificate", "the server's certificate is not trusted"),
    ("TimedOut", "the server does not answer"),
    ("timed out", "the server does not answer"),
    ("Connection reset", "the connection was reset"),
    ("decoding response body", "the answer was cut off"),
    ("IncompleteBody", "the answer was cut off"),
    ("IncompleteMessage", "the connection was closed before an answer"),
    ("missing region", "its region is not known: set AWS_REGION, or `region` in the configuration"),
    ("incorrectly configured region", "the bucket is in another region: set AWS_REGION, or `region`"),
)
_WRONG_RANGE: Final = (
    ("UnexpectedRange", "the server sends another range than was asked"),
    ("NotPartial", "the server sends the whole where a range was asked"),
)
_MAY_PASS: Final = frozenset({408, 425, 429, 500, 502, 503, 504, 509})
_CODES_MAY_PASS: Final = frozenset({"SlowDown", "InternalError", "ServerBusy", "RequestTimeout", "OperationTimedOut"})
NO_BUCKET: Final = frozenset({"NoSuchBucket", "ContainerNotFound", "InvalidBucketName"})


def failed(uri: str, error: Exception) -> SourceError:
    """Translate an exception of obstore.

    Args:
        uri: Of the object or prefix that was asked for.
        error: The exception.
    """
    text = str(error)
    number = status_of(error)
    if number is not None:
        return refused_status(uri, number, code_of(error))
    if _lacks_credentials(text):
        return SourceError(
            f"{quoted(uri)} cannot be read: no credentials were found where the provider's tools keep them; "
            "for a public bucket say that it is anonymous (`artfs help references`)"
        )
    if wrong := next((meaning for sign, meaning in _WRONG_RANGE if sign in text), None):
        return SourceError(f"{quoted(uri)} cannot be read: {wrong}")
    return no_connection(uri, next((meaning for sign, meaning in _KINDS if sign in text), "the request failed"))


def status_of(error: Exception) -> int | None:
    """Return the status of the answer that an exception of obstore tells of; None: there was no answer."""
    status = _STATUS.search(str(error))
    return int(status[1]) if status else _STATUS_OF_KIND.get(type(error).__name__)


def code_of(error: Exception) -> str:
    """Return the server's error code in the answer that an exception of obstore tells of; empty: it gave none."""
    code = _CODE.search(str(error))
    return code[1] if code else ""


def refused_status(uri: str, status: int, code: str = "") -> SourceError:
    """Return what the status of an answer means for who wanted to read."""
    if code in NO_BUCKET:
        return SourceError(f"{quoted(uri)} cannot be read: there is no such bucket or container")
    if status in {404, 410}:
        return gone(uri)
    if status in {412, 416}:
        return changed(uri)
    said = f"the server answers {status}" + (f" ({code})" if code else "")
    if status in {401, 403}:
        return SourceError(f"{quoted(uri)} cannot be read: {said}: check the credentials, and what they may read")
    if status in _MAY_PASS or code in _CODES_MAY_PASS:
        return TransientError(f"{quoted(uri)} cannot be read: {said}; try again later")
    return SourceError(f"{quoted(uri)} cannot be read: {said}")


def no_connection(uri: str, why: str) -> SourceError:
    """Return the error of a request that brought no whole answer."""
    return TransientError(f"{quoted(uri)} cannot be read: {why}")


def gone(uri: str) -> ReferenceGoneError:
    """Return the error of an object or version that is not there any more."""
    return ReferenceGoneError(f"{quoted(uri)}, which the artifact refers to, is gone")


def changed(uri: str) -> ReferenceChangedError:
    """Return the error of an object in another state."""
    return ReferenceChangedError(
        f"{quoted(uri)} is not what the artifact refers to any more: bring it back, or log a new version"
    )


def _lacks_credentials(text: str) -> bool:
    return any(sign in text for sign in ("metadata/identity", "latest/api/token", "169.254.169.254", "computeMetadata"))
