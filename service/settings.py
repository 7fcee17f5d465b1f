"""Settings: one frozen class a section, read from `BONGSU_<SECTION>_<NAME>`; units stand in the names.

A wrong value, and a `BONGSU_` variable that no setting has, is refused at start with its name. What is secret may stand
in a file that `..._FILE` names (`secret_files`). docs/settings.md lists every field and a test keeps the list true.
"""

import difflib
import ipaddress
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import AfterValidator, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from service.delivery.sealing import Keyring
from service.model.errors import WrongSetup
from service.secret_files import SUFFIX, file_variable, with_files

PREFIX = "BONGSU_"

T = TypeVar("T", bound="Section")


def _csv(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _cidr(value: str) -> str:
    return str(ipaddress.ip_network(value, strict=False))


def _servers(value: str) -> str:
    for server in value.split(","):
        if not re.fullmatch(r"[^\s/,]+:\d{1,5}", server.strip()):
            raise ValueError(f"{server.strip()!r} is not host:port, e.g. kafka-1.example.org:9092")
    return value


def _named_path(value: Path) -> Path:
    if value == Path():  # `BONGSU_DATA_DIR=` would fill the current directory
        raise ValueError("a path is needed; unset it for the default")
    return value


Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Wait = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Port = Annotated[int, Field(ge=1, le=65_535)]
Cidr = Annotated[str, AfterValidator(_cidr)]


class Section(BaseSettings):
    """Base: values come from the mapping that `Settings` was given and from nowhere else."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  the signature is pydantic's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is passed in."""
        return (init_settings,)


def _section(name: str) -> SettingsConfigDict:
    return SettingsConfigDict(env_prefix=f"{PREFIX}{name}_", frozen=True, extra="forbid")


class KafkaSettings(Section):
    """Where Kafka is, and how to speak to it."""

    model_config = _section("KAFKA")

    bootstrap_servers: Annotated[str, AfterValidator(_servers)] = Field(
        "127.0.0.1:9092", description="host:port, comma-separated"
    )
    topic_prefix: str = Field(
        "", pattern=r"^[A-Za-z0-9._-]*$", description="put before the name of every topic and group"
    )
    replication_factor: int = Field(1, ge=1, description="of topics that Bongsu creates; 3 in a cluster")
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="as in Kafka's own clients"
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field("PLAIN", description="with SASL_*")
    sasl_username: str | None = Field(None, description="with SASL_*")
    sasl_password: SecretStr | None = Field(None, description="with SASL_*")
    ssl_cafile: Path | None = Field(None, description="PEM of the authority; default: the system's")
    ssl_certfile: Path | None = Field(None, description="PEM of the client's certificate, for mutual TLS")
    ssl_keyfile: Path | None = Field(None, description="PEM of the client's key")
    request_timeout_s: Positive = Field(30.0, description="one request to a broker")
    session_timeout_s: Positive = Field(10.0, description="a process that is silent for so long is replaced by others")

    @model_validator(mode="after")
    def _sasl_is_whole(self) -> "KafkaSettings":
        if self.security_protocol.startswith("SASL") and not (self.sasl_username and self.sasl_password):
            raise ValueError("SASL needs BONGSU_KAFKA_SASL_USERNAME and BONGSU_KAFKA_SASL_PASSWORD")
        if bool(self.ssl_certfile) != bool(self.ssl_keyfile):
            raise ValueError("BONGSU_KAFKA_SSL_CERTFILE and BONGSU_KAFKA_SSL_KEYFILE go together")
        return self


class MatchingSettings(Section):
    """How articles are read and matched."""

    model_config = _section("MATCHING")

    min_confidence: float = Field(0.5, ge=0, le=1, description="a mention below it does not count")
    batch_size: int = Field(200, ge=1, le=10_000, description="articles of one batch at most")
    evidence_mentions: int = Field(20, ge=1, description="mentions kept of one rule in one article")
    morphology: bool = Field(True, description="let kiwipiepy veto homographs, where it is installed")


class AlertingSettings(Section):
    """How matches become notifications."""

    model_config = _section("ALERTING")

    commit_every: int = Field(100, ge=1, description="alerts of one flushed step at most")
    memory_s: Positive = Field(172_800.0, description="how long an alert id is remembered (48 h)")
    time_to_live_s: Positive = Field(259_200.0, description="a notification older than this expires (72 h)")
    story_window_s: Positive = Field(259_200.0, description="an article joins a story told no longer ago (72 h)")
    story_articles: int = Field(200_000, ge=1, description="articles remembered at most to find copies by")
    redated_after_s: Wait = Field(
        172_800.0, description="an article published so long before it came is no news; 0: never"
    )
    store: Literal["rocksdb://?driver=rocksdict", "memory://"] = Field(
        "rocksdb://?driver=rocksdict", description="where stories and groups are kept, beside Kafka"
    )


class DeliverySettings(Section):
    """How webhooks are sent."""

    model_config = _section("DELIVERY")

    allow_addresses: Annotated[tuple[Cidr, ...], NoDecode] = Field(
        (), description="CIDRs that may be called although they are not public, e.g. 127.0.0.0/8"
    )
    ports: Annotated[tuple[Port, ...], NoDecode] = Field(
        (80, 443, 8080, 8443), description="ports of public addresses that may be called"
    )
    allow_http: bool = Field(False, description="plain http to public addresses too")
    schedule_s: Annotated[tuple[Wait, ...], NoDecode] = Field(
        (5.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0, 36000.0), description="waits between attempts"
    )
    jitter: float = Field(0.2, ge=0, lt=1, description="share of a wait that is random, only ever added")
    timeout_s: Positive = Field(15.0, description="one deadline over connecting, headers and body")
    max_response_bytes: int = Field(65_536, ge=0, description="read of an answer at most, after decompression")
    max_in_flight: int = Field(512, ge=1, description="POSTs under way at once in one dispatcher")
    max_in_flight_per_subscription: int = Field(16, ge=1, description="of these to one subscription")
    max_in_flight_per_host: int = Field(256, ge=1, description="of these to one host")
    max_per_s: Wait = Field(0.0, description="POSTs a second to one subscription; 0: no cap")
    breaker_failures: int = Field(10, ge=0, description="in a row until only probes are sent; 0: never")
    breaker_open_s: Positive = Field(1.0, description="until the first probe; doubles with each that fails")
    breaker_max_open_s: Positive = Field(10.0, description="between two probes at most")
    gone_probe_s: Wait = Field(30.0, description="after 410 Gone, until one probe confirms it")
    disable_failures: int = Field(100, ge=1, description="in a row, and for disable_after_s, until it is disabled")
    disable_after_s: Positive = Field(432_000.0, description="of nothing but failures until it is disabled (5 days)")
    keys_port: Annotated[int, Field(ge=0, le=65_535)] | None = Field(
        None, description="serve public keys for receivers outside here, and nothing else; 0: a free port"
    )
    operations_subscription: str | None = Field(
        None, description="subscription that is told when an endpoint fails, is disabled, recovers"
    )
    schedule_dns_s: Annotated[tuple[Wait, ...], NoDecode] = Field((), description="instead of schedule_s: no address")
    schedule_connect_s: Annotated[tuple[Wait, ...], NoDecode] = Field((), description="... refused or reset")
    schedule_tls_s: Annotated[tuple[Wait, ...], NoDecode] = Field((), description="... TLS")
    schedule_timeout_s: Annotated[tuple[Wait, ...], NoDecode] = Field((), description="... no answer in time")
    schedule_refused_s: Annotated[tuple[Wait, ...], NoDecode] = Field((), description="... 3xx and 4xx")
    schedule_throttled_s: Annotated[tuple[Wait, ...], NoDecode] = Field((), description="... 429")

    @field_validator(
        "allow_addresses", "ports", "schedule_s", "schedule_dns_s", "schedule_connect_s", "schedule_tls_s",
        "schedule_timeout_s", "schedule_refused_s", "schedule_throttled_s", mode="before",
    )  # fmt: skip
    @classmethod
    def _split(cls, value: Any) -> Any:
        return _csv(value)


class ApiSettings(Section):
    """The role `api`."""

    model_config = _section("API")

    host: str = Field("127.0.0.1", description="address to listen on; 0.0.0.0 in a container, behind TLS")
    port: Annotated[int, Field(ge=0, le=65_535)] = Field(8080, description="0 takes a free port (see --ready-file)")
    requests_per_s: Positive = Field(50.0, description="of one token, lasting; 429 beyond")
    burst: int = Field(200, ge=1, description="requests of one token at once")
    failed_logins: int = Field(
        20, ge=1, description="requests without a valid token from one address at once, then one in 3 s; 429 beyond"
    )
    max_body_bytes: int = Field(5_000_000, ge=1_000, description="of one request; 413 beyond")
    timeout_s: Positive = Field(30.0, description="until a change must have been read back from Kafka; 503 beyond")


class HistorySettings(Section):
    """The index of deliveries, attempts and decisions: a projection of the topics into SQL."""

    model_config = _section("HISTORY")

    url: SecretStr | None = Field(
        None, description="postgresql+psycopg://user:password@host/name; default: SQLite in BONGSU_DATA_DIR"
    )
    retention_days: Positive = Field(30.0, description="rows older than this go")
    keep_text: bool = Field(False, description="keep the full text of articles: mind their copyright")
    batch_size: int = Field(1_000, ge=1, le=100_000, description="records of one transaction at most")


class MetricsSettings(Section):
    """What /metrics tells one by one."""

    model_config = _section("METRICS")

    max_label_values: int = Field(
        200, ge=0, le=100_000, description="rules, entities, subscriptions that have series of their own"
    )


class LogSettings(Section):
    """What is written to standard error."""

    model_config = _section("LOG")

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="lowest level that is written")
    format: Literal["auto", "console", "json"] = Field("auto", description="auto: console on a terminal, else json")
    flood_per_10s: int = Field(20, ge=1, description="lines of one origin and shape in 10 s; the rest are counted")


class BongsuSettings(Section):
    """What belongs to no section."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    data_dir: Annotated[Path, AfterValidator(_named_path)] = Field(
        Path(".bongsu"), description="embedded Kafka, table stores, generated secrets"
    )
    secret_key: SecretStr | None = Field(
        None, description="`id:base64` of 32 bytes, comma-separated: the first seals webhook secrets, all open them"
    )

    @field_validator("secret_key")
    @classmethod
    def _readable(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            Keyring.parse(value.get_secret_value())
        return value

    @property
    def keys(self) -> Keyring | None:
        """What webhook secrets are sealed with; None: they stand in clear."""
        return None if self.secret_key is None else Keyring.parse(self.secret_key.get_secret_value())


class Settings:
    """All sections, read once. A test passes its own `environ`."""

    __slots__ = ("alerting", "api", "bongsu", "delivery", "history", "kafka", "log", "matching", "metrics")

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        """Read every section.

        Raises:
            WrongSetup: a value is wrong, a `BONGSU_` variable is none of ours, or the file of a secret cannot be read.
        """
        given = os.environ if environ is None else environ
        _refuse_unknown(given)
        env = with_files(given, secrets())
        self.bongsu = _read(BongsuSettings, env)
        self.kafka = _read(KafkaSettings, env)
        self.matching = _read(MatchingSettings, env)
        self.alerting = _read(AlertingSettings, env)
        self.delivery = _read(DeliverySettings, env)
        self.api = _read(ApiSettings, env)
        self.history = _read(HistorySettings, env)
        self.log = _read(LogSettings, env)
        self.metrics = _read(MetricsSettings, env)


SECTIONS: tuple[type[Section], ...] = (
    BongsuSettings, KafkaSettings, MatchingSettings, AlertingSettings, DeliverySettings, ApiSettings,
    HistorySettings, LogSettings, MetricsSettings,
)  # fmt: skip


def variable(section: type[Section], field: str) -> str:
    """Name of the environment variable of a field."""
    return f"{section.model_config['env_prefix']}{field}".upper()


def is_secret(section: type[Section], field: str) -> bool:
    """Whether a field may stand in a file of its own, and is never shown."""
    return SecretStr in get_args(section.model_fields[field].annotation)


def secrets() -> list[str]:
    """The variables that are secret."""
    return [
        variable(section, field) for section in SECTIONS for field in section.model_fields if is_secret(section, field)
    ]


def variables() -> list[str]:
    """Every variable that has a meaning."""
    named = [variable(section, field) for section in SECTIONS for field in section.model_fields]
    return [*named, *(file_variable(name) for name in secrets())]


def _refuse_unknown(env: Mapping[str, str]) -> None:
    known = variables()
    for name in env:
        if name.startswith(PREFIX) and name not in known:
            if name.removesuffix(SUFFIX) in known and name.endswith(SUFFIX):
                raise WrongSetup(
                    f"{name} is no setting of Bongsu: only what is secret is read from a file "
                    f"({', '.join(map(file_variable, secrets()))}); set {name.removesuffix(SUFFIX)}"
                )
            near = difflib.get_close_matches(name.removeprefix(PREFIX), [one.removeprefix(PREFIX) for one in known], 1)
            hint = f"did you mean {PREFIX}{near[0]}?" if near else "docs/settings.md has the list."
            raise WrongSetup(f"{name} is no setting of Bongsu; {hint}")


def _read(section: type[T], env: Mapping[str, str]) -> T:
    values: dict[str, Any] = {
        field: env[name] for field in section.model_fields if (name := variable(section, field)) in env
    }
    try:
        return section(**values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        names = [variable(section, str(part)) for part in first["loc"][:1]]
        names = [file_variable(name) if file_variable(name) in env else name for name in names]
        reason = first["msg"].removeprefix("Value error, ")
        raise WrongSetup(f"{names[0] + ': ' if names else ''}{reason}. docs/settings.md says what it takes.") from None
