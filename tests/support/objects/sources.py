"""Buckets of the servers that tests start, as sources of the contract suite of handlers, and how clients reach them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from artfs.references.objects import ObjectsElsewhere
from tests.support.objects.servers import ACCESS_KEY, SECRET_KEY
from tests.support.objects.web import WebServer

if TYPE_CHECKING:
    from obstore.store import AzureStore, S3Store

__all__ = [
    "BucketSource",
    "GcsSource",
    "WebSource",
    "azure_environment",
    "azure_source",
    "gcs_environment",
    "make_container",
    "make_gcs_bucket",
    "make_s3_bucket",
    "s3_environment",
    "s3_source",
]

_AZURE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The key that Azurite documents for its account."""
_ACCOUNT = "devstoreaccount1"


def s3_environment(endpoint: str, home: Path) -> dict[str, str]:
    """Write the AWS tools' files with endpoint and key, and return the environment that leads to them."""
    directory = home / ".aws"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "credentials").write_text(
        f"[default]\naws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}\n"
    )
    (directory / "config").write_text(f"[default]\nregion = us-east-1\nendpoint_url = {endpoint}\n")
    return {"HOME": str(home), "AWS_EC2_METADATA_DISABLED": "true"}


def gcs_environment(endpoint: str, home: Path) -> dict[str, str]:
    """Return the environment with the emulator's variable."""
    return {"HOME": str(home), "STORAGE_EMULATOR_HOST": endpoint}


def azure_environment(endpoint: str, home: Path) -> dict[str, str]:
    """Return the environment with the connection string of Azurite's account."""
    parts = f"AccountName={_ACCOUNT};AccountKey={_AZURE_KEY};BlobEndpoint={endpoint}"
    return {"HOME": str(home), "AZURE_STORAGE_CONNECTION_STRING": parts}


class BucketSource:
    """An empty prefix of a bucket, and a handler for it.

    Attributes:
        handler: Under test.
        top: URI of the prefix.
        store: The bucket, for putting.
        key: The prefix.
    """

    def __init__(self, handler: ObjectsElsewhere, top: str, store: S3Store | AzureStore) -> None:
        self.handler = handler
        self.key = secrets.token_hex(4) + "/"
        self.top = f"{top}/{self.key}"
        self.store = store

    def uri(self, path: str) -> str:
        return self.top + path

    def put(self, path: str, data: bytes) -> None:
        self.store.put(self.key + path, data, use_multipart=False)

    def remove(self, path: str) -> None:
        self.store.delete(self.key + path)


def s3_source(handler: ObjectsElsewhere, endpoint: str, bucket: str) -> BucketSource:
    """Return an empty prefix of an S3 bucket."""
    from obstore.store import S3Store

    store = S3Store(
        bucket,
        config={
            "endpoint": endpoint,
            "access_key_id": ACCESS_KEY,
            "secret_access_key": SECRET_KEY,
            "region": "us-east-1",
        },
        client_options={"allow_http": True},
    )
    return BucketSource(handler, f"s3://{bucket}", store)


def azure_source(handler: ObjectsElsewhere, endpoint: str, container: str) -> BucketSource:
    """Return an empty prefix of an Azure container."""
    from obstore.store import AzureStore

    store = AzureStore(
        container,
        config={"account_name": _ACCOUNT, "account_key": _AZURE_KEY, "endpoint": endpoint},
        client_options={"allow_http": True},
    )
    return BucketSource(handler, f"az://{container}", store)


def make_container(endpoint: str, container: str) -> None:
    """Make a container, with a request that is signed as Azure's documentation has it."""
    now = datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
    kind = "application/octet-stream"
    signed = (
        f"PUT\n\n\n\n\n{kind}\n\n\n\n\n\n\nx-ms-date:{now}\nx-ms-version:2021-08-06\n"
        f"/{_ACCOUNT}/{_ACCOUNT}/{container}\nrestype:container"
    )
    mark = hmac.new(base64.b64decode(_AZURE_KEY), signed.encode(), hashlib.sha256).digest()
    headers = {
        "x-ms-date": now,
        "x-ms-version": "2021-08-06",
        "Content-Type": kind,
        "Authorization": f"SharedKey {_ACCOUNT}:{base64.b64encode(mark).decode()}",
    }
    _request("PUT", f"{endpoint}/{container}?restype=container", b"", headers)


def make_s3_bucket(endpoint: str, bucket: str, *, versions: bool = False) -> Any:
    """Make a bucket of S3, and return boto3's client."""
    import boto3

    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        region_name="us-east-1",
    )
    client.create_bucket(Bucket=bucket)
    if versions:
        client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return client


class GcsSource:
    """An empty prefix of a bucket of GCS, and a handler for it; objects are put by the JSON interface."""

    def __init__(self, handler: ObjectsElsewhere, endpoint: str, bucket: str) -> None:
        self.handler = handler
        self.key = secrets.token_hex(4) + "/"
        self._endpoint = endpoint
        self._bucket = bucket

    def uri(self, path: str) -> str:
        return f"gs://{self._bucket}/{self.key}{path}"

    def put(self, path: str, data: bytes) -> None:
        name = quote(self.key + path, safe="")
        url = f"{self._endpoint}/upload/storage/v1/b/{self._bucket}/o?uploadType=media&name={name}"
        _request("POST", url, data, {"Content-Type": "application/octet-stream"})

    def remove(self, path: str) -> None:
        name = quote(self.key + path, safe="")
        _request("DELETE", f"{self._endpoint}/storage/v1/b/{self._bucket}/o/{name}", None, {})


def make_gcs_bucket(endpoint: str, bucket: str, *, versions: bool = False) -> None:
    """Make a bucket of GCS."""
    body = json.dumps({"name": bucket, "versioning": {"enabled": versions}}).encode()
    _request("POST", f"{endpoint}/storage/v1/b", body, {"Content-Type": "application/json"})


class WebSource:
    """A web server, and a handler for it."""

    def __init__(self, handler: ObjectsElsewhere, server: WebServer) -> None:
        self.handler = handler
        self._server = server

    def uri(self, path: str) -> str:
        return self._server.url(path)

    def put(self, path: str, data: bytes) -> None:
        self._server.put(path, data)

    def remove(self, path: str) -> None:
        self._server.remove(path)


def _request(method: str, url: str, data: bytes | None, headers: dict[str, str]) -> None:
    request = urllib.request.Request(url, data=data, method=method, headers=headers)  # noqa: S310 # a test's server
    with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 # the same
        answer.read()
