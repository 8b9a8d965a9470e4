"""Connections to buckets and containers: obstore's stores, with the user's settings and the providers' usual places.

What obstore does not read itself is added here: the AWS tools' files (`aws.py`), the variables of Azure's command line,
and the emulators' variables.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from artfs.errors import InvalidInputError, SourceError
from artfs.objects.client.aws import aws_options
from artfs.objects.locations import Location
from artfs.objects.settings import ConnectionSettings, Settings

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

__all__ = ["STALLED_S", "Connections", "require_obstore"]

STALLED_S = 10
"""A request that brings no byte for as long has failed."""
_CONNECT_S = 5
_PATIENCE_S = 60
_AZURE_VARIABLES = {
    "AZURE_STORAGE_ACCOUNT": "account_name",
    "AZURE_STORAGE_ACCOUNT_NAME": "account_name",
    "AZURE_STORAGE_KEY": "account_key",
    "AZURE_STORAGE_SAS_TOKEN": "sas_key",
}
_AZURE_CONNECTION = {
    "AccountName": "account_name",
    "AccountKey": "account_key",
    "SharedAccessSignature": "sas_key",
    "BlobEndpoint": "endpoint",
}


def require_obstore() -> None:
    """Refuse what needs obstore if it is not installed.

    Raises:
        SourceError: It is not.
    """
    try:
        import obstore  # noqa: PLC0415, F401 # its threads are for processes that read objects alone
    except ImportError:
        raise SourceError("S3, GCS and Azure need obstore: pip install 'artfs[objects]'") from None


class Connections:
    """Connections of one event loop, made at first use and kept.

    Args:
        settings: Of the user.
        variables: The environment.
    """

    def __init__(self, settings: Settings, variables: Mapping[str, str]) -> None:
        self._settings = settings
        self._variables = variables
        self._made: dict[tuple[str, str, str | None, ConnectionSettings, bool], ObjectStore] = {}

    def to(self, location: Location, uri: str, *, patient: bool) -> ObjectStore:
        """Return the connection to a bucket.

        Args:
            location: An object or prefix in it.
            uri: The same as text, for which the settings may differ within a bucket.
            patient: Repeat what fails; otherwise each request is sent once.

        Raises:
            InvalidInputError: The settings do not fit together, or lack something.
            SourceError: obstore is not installed, or the credentials cannot be had.
        """
        require_obstore()
        settings = self._settings.connection(uri)
        key = (location.provider, location.bucket, location.account, settings, patient)
        if key not in self._made:
            self._made[key] = self._connect(location, settings, patient=patient)
        return self._made[key]

    def _connect(self, location: Location, settings: ConnectionSettings, *, patient: bool) -> ObjectStore:
        from obstore.exceptions import BaseError  # noqa: PLC0415 # obstore has threads
        from obstore.store import AzureStore, GCSStore, S3Store  # noqa: PLC0415 # obstore has threads

        classes: dict[str, Any] = {"s3": S3Store, "gs": GCSStore, "az": AzureStore}
        makers = {"s3": self._s3, "gs": self._gcs, "az": self._azure}
        config, provider = makers[location.provider](location, settings)
        retry: RetryConfig = {
            "max_retries": 5 if patient else 0,
            "retry_timeout": timedelta(seconds=_PATIENCE_S if patient else STALLED_S),
        }
        try:
            store: ObjectStore = classes[location.provider](
                location.bucket,
                config=config,
                client_options=self._client_options(),
                retry_config=retry,
                credential_provider=provider,
            )
        except (BaseError, ValueError) as error:
            wrong = str(error).partition("\n")[0]
            if "account" in wrong.lower():
                wrong = "its storage account is not known: set AZURE_STORAGE_ACCOUNT, or `account` in the configuration"
            raise InvalidInputError(f"no connection to {location.top}: {wrong}") from error
        return store

    def _client_options(self) -> ClientConfig:
        options: ClientConfig = {
            "allow_http": True,
            "connect_timeout": timedelta(seconds=_CONNECT_S),
            "read_timeout": timedelta(seconds=STALLED_S),
            "timeout": timedelta(hours=1),  # as long as bytes come
        }
        if bundle := self._variables.get("AWS_CA_BUNDLE") or self._variables.get("SSL_CERT_FILE"):
            try:
                with open(bundle, "rb") as file:
                    options["root_certificate"] = file.read()
            except OSError as error:
                raise InvalidInputError(f"the certificates in {bundle} cannot be read: {error.strerror}") from error
        return options

    def _s3(self, _location: Location, settings: ConnectionSettings) -> tuple[dict[str, Any], Any]:
        config, provider = aws_options(settings.profile, self._variables, anonymous=bool(settings.anonymous))
        if settings.endpoint:
            config["endpoint"] = settings.endpoint
        if settings.region:
            config["region"] = settings.region
        if settings.requester_pays:
            config["request_payer"] = True
        if settings.anonymous is not None:
            config["skip_signature"] = settings.anonymous
        return config, provider

    def _gcs(self, _location: Location, settings: ConnectionSettings) -> tuple[dict[str, Any], Any]:
        config: dict[str, Any] = {}
        if emulator := self._variables.get("STORAGE_EMULATOR_HOST"):
            config["base_url"] = emulator if "://" in emulator else f"http://{emulator}"
            config["skip_signature"] = True
        if settings.endpoint:
            config["base_url"] = settings.endpoint
        if settings.anonymous is not None:
            config["skip_signature"] = settings.anonymous
        return config, None

    def _azure(self, location: Location, settings: ConnectionSettings) -> tuple[dict[str, Any], Any]:
        variables = self._variables
        config: dict[str, Any] = {}
        for part in variables.get("AZURE_STORAGE_CONNECTION_STRING", "").split(";"):
            name, _equals, value = part.partition("=")
            if name in _AZURE_CONNECTION:
                config[_AZURE_CONNECTION[name]] = value
        for name, option in _AZURE_VARIABLES.items():
            if variables.get(name):
                config[option] = variables[name]
        account = location.account or settings.account
        if account is not None:
            if config.get("account_name", account) != account:  # another account's key and endpoint
                config = {}
            config["account_name"] = account
        if settings.endpoint:
            config["endpoint"] = settings.endpoint
        if settings.anonymous is not None:
            config["skip_signature"] = settings.anonymous
        return config, None
