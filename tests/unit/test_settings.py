import os
from pathlib import Path

import pytest

from service.model.errors import WrongSetup
from service.settings import SECTIONS, Settings, secrets, variable, variables

KEY = "k1:" + "aHVudGVyMmh1bnRlcjJodW50ZXIyaHVudGVyMmh1bnQ="

GIVEN = {
    # variable: (text in the environment, section, field, what it becomes)
    "BONGSU_DATA_DIR": ("/srv/bongsu", "bongsu", "data_dir", Path("/srv/bongsu")),
    "BONGSU_SECRET_KEY": (KEY, "bongsu", "secret_key", KEY),
    "BONGSU_KAFKA_BOOTSTRAP_SERVERS": ("k1:9092, [::1]:9093", "kafka", "bootstrap_servers", "k1:9092, [::1]:9093"),
    "BONGSU_KAFKA_TOPIC_PREFIX": ("eu.", "kafka", "topic_prefix", "eu."),
    "BONGSU_KAFKA_REPLICATION_FACTOR": ("3", "kafka", "replication_factor", 3),
    "BONGSU_KAFKA_SECURITY_PROTOCOL": ("SASL_SSL", "kafka", "security_protocol", "SASL_SSL"),
    "BONGSU_KAFKA_SASL_MECHANISM": ("SCRAM-SHA-512", "kafka", "sasl_mechanism", "SCRAM-SHA-512"),
    "BONGSU_KAFKA_SASL_USERNAME": ("bongsu", "kafka", "sasl_username", "bongsu"),
    "BONGSU_KAFKA_SASL_PASSWORD": ("hunter2", "kafka", "sasl_password", "hunter2"),
    "BONGSU_KAFKA_SSL_CAFILE": ("/ca.pem", "kafka", "ssl_cafile", Path("/ca.pem")),
    "BONGSU_KAFKA_SSL_CERTFILE": ("/c.pem", "kafka", "ssl_certfile", Path("/c.pem")),
    "BONGSU_KAFKA_SSL_KEYFILE": ("/k.pem", "kafka", "ssl_keyfile", Path("/k.pem")),
    "BONGSU_KAFKA_REQUEST_TIMEOUT_S": ("7.5", "kafka", "request_timeout_s", 7.5),
    "BONGSU_KAFKA_SESSION_TIMEOUT_S": ("6", "kafka", "session_timeout_s", 6.0),
    "BONGSU_MATCHING_MIN_CONFIDENCE": ("0.7", "matching", "min_confidence", 0.7),
    "BONGSU_MATCHING_BATCH_SIZE": ("50", "matching", "batch_size", 50),
    "BONGSU_MATCHING_EVIDENCE_MENTIONS": ("5", "matching", "evidence_mentions", 5),
    "BONGSU_MATCHING_MORPHOLOGY": ("false", "matching", "morphology", False),
    "BONGSU_ALERTING_COMMIT_EVERY": ("10", "alerting", "commit_every", 10),
    "BONGSU_ALERTING_MEMORY_S": ("60", "alerting", "memory_s", 60.0),
    "BONGSU_ALERTING_TIME_TO_LIVE_S": ("61", "alerting", "time_to_live_s", 61.0),
    "BONGSU_ALERTING_STORE": ("memory://", "alerting", "store", "memory://"),
    "BONGSU_DELIVERY_ALLOW_ADDRESSES": ("10.1.2.3/8, ::1", "delivery", "allow_addresses", ("10.0.0.0/8", "::1/128")),
    "BONGSU_DELIVERY_PORTS": ("443,9443", "delivery", "ports", (443, 9443)),
    "BONGSU_DELIVERY_ALLOW_HTTP": ("true", "delivery", "allow_http", True),
    "BONGSU_DELIVERY_SCHEDULE_S": ("0.5, 60", "delivery", "schedule_s", (0.5, 60.0)),
    "BONGSU_DELIVERY_JITTER": ("0", "delivery", "jitter", 0.0),
    "BONGSU_DELIVERY_TIMEOUT_S": ("3", "delivery", "timeout_s", 3.0),
    "BONGSU_DELIVERY_MAX_RESPONSE_BYTES": ("0", "delivery", "max_response_bytes", 0),
    "BONGSU_DELIVERY_MAX_IN_FLIGHT": ("9", "delivery", "max_in_flight", 9),
    "BONGSU_DELIVERY_MAX_IN_FLIGHT_PER_SUBSCRIPTION": ("2", "delivery", "max_in_flight_per_subscription", 2),
    "BONGSU_LOG_LEVEL": ("WARNING", "log", "level", "WARNING"),
    "BONGSU_LOG_FORMAT": ("json", "log", "format", "json"),
    "BONGSU_LOG_FLOOD_PER_10S": ("1", "log", "flood_per_10s", 1),
}  # fmt: skip

WRONG = [
    ("BONGSU_DATA_DIR", ""),
    ("BONGSU_KAFKA_BOOTSTRAP_SERVERS", ""),
    ("BONGSU_KAFKA_BOOTSTRAP_SERVERS", "kafka"),
    ("BONGSU_KAFKA_BOOTSTRAP_SERVERS", "PLAINTEXT://kafka:9092"),
    ("BONGSU_KAFKA_BOOTSTRAP_SERVERS", "a:9092,,b:9092"),
    ("BONGSU_KAFKA_TOPIC_PREFIX", "a/b"),
    ("BONGSU_KAFKA_REPLICATION_FACTOR", "0"),
    ("BONGSU_KAFKA_SECURITY_PROTOCOL", "TLS"),
    ("BONGSU_KAFKA_SASL_MECHANISM", "GSSAPI"),
    ("BONGSU_KAFKA_REQUEST_TIMEOUT_S", "inf"),
    ("BONGSU_KAFKA_REQUEST_TIMEOUT_S", "-1"),
    ("BONGSU_KAFKA_SESSION_TIMEOUT_S", "10 s"),
    ("BONGSU_MATCHING_MIN_CONFIDENCE", "1.1"),
    ("BONGSU_MATCHING_BATCH_SIZE", "0"),
    ("BONGSU_MATCHING_MORPHOLOGY", "perhaps"),
    ("BONGSU_ALERTING_MEMORY_S", "nan"),
    ("BONGSU_ALERTING_STORE", "aerospike://"),
    ("BONGSU_DELIVERY_ALLOW_ADDRESSES", "localhost"),
    ("BONGSU_DELIVERY_PORTS", "443,70000"),
    ("BONGSU_DELIVERY_SCHEDULE_S", "5,-1"),
    ("BONGSU_DELIVERY_SCHEDULE_S", "5,nan"),
    ("BONGSU_DELIVERY_JITTER", "1"),
    ("BONGSU_LOG_LEVEL", "info"),
    ("BONGSU_LOG_FLOOD_PER_10S", "0"),
]


def shown(value):
    return value.get_secret_value() if hasattr(value, "get_secret_value") else value


def test_values_become_what_they_mean():
    assert set(GIVEN) <= set(variables())
    settings = Settings({name: text for name, (text, *_) in GIVEN.items()})
    for section, field, wanted in ((s, f, w) for _, s, f, w in GIVEN.values()):
        assert shown(getattr(getattr(settings, section), field)) == wanted


PAIRS = {
    "BONGSU_KAFKA_SECURITY_PROTOCOL": {"BONGSU_KAFKA_SASL_USERNAME": "u", "BONGSU_KAFKA_SASL_PASSWORD": "p"},
    "BONGSU_KAFKA_SSL_CERTFILE": {"BONGSU_KAFKA_SSL_KEYFILE": "/k.pem"},
    "BONGSU_KAFKA_SSL_KEYFILE": {"BONGSU_KAFKA_SSL_CERTFILE": "/c.pem"},
}
"""Refused without the others."""
ANY = ("false", "true", "7", "7000", "0.25", "2.5", "some-text", "1,2")


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.__name__)
def test_every_variable_is_read_and_changes_its_own_field_alone(section):
    name_of = section.__name__.removesuffix("Settings").lower()
    before = getattr(Settings({}), name_of)
    for field in section.model_fields:
        if (name := variable(section, field)) == "BONGSU_ALERTING_STORE":
            continue  # takes one value only, for now
        more = PAIRS.get(name, {})
        for text in (*([GIVEN[name][0]] if name in GIVEN else []), *ANY):
            try:
                after = getattr(Settings({**more, name: text}), name_of)
            except WrongSetup:
                continue
            changed = {one for one in section.model_fields if getattr(after, one) != getattr(before, one)}
            if changed:
                assert changed == {field, *(one for one in section.model_fields if variable(section, one) in more)}
                break
        else:
            pytest.fail(f"{name} changes nothing")


@pytest.mark.parametrize(("name", "text"), WRONG)
def test_a_wrong_value_is_refused_by_name(name, text):
    with pytest.raises(WrongSetup) as refused:
        Settings({name: text})
    assert str(refused.value).startswith(f"{name}: ")
    assert "docs/settings.md" in str(refused.value)


def test_a_wrong_secret_is_not_repeated():
    with pytest.raises(WrongSetup) as refused:
        Settings({"BONGSU_KAFKA_SASL_PASSWORD": "hunter2", "BONGSU_KAFKA_SECURITY_PROTOCOL": "SASL_SSL"})
    assert "BONGSU_KAFKA_SASL_USERNAME" in str(refused.value)
    assert "hunter2" not in str(refused.value)
    settings = Settings({"BONGSU_SECRET_KEY": KEY})
    assert KEY[3:] not in repr(settings.bongsu) + repr(settings.bongsu.keys)
    for wrong in ("hunter2", "k1:hunter2", "k1:aHVudGVyMg==", f"{KEY},{KEY}", f"{KEY},", "a b:" + KEY[3:]):
        with pytest.raises(WrongSetup, match="BONGSU_SECRET_KEY") as refused:
            Settings({"BONGSU_SECRET_KEY": wrong})
        assert "hunter2" not in str(refused.value)
        assert "aHVudGVy" not in str(refused.value)


def test_certificate_and_key_go_together():
    with pytest.raises(WrongSetup, match="BONGSU_KAFKA_SSL_KEYFILE"):
        Settings({"BONGSU_KAFKA_SSL_CERTFILE": "/c.pem"})


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("BONGSU_KAFKA_BOOTSTRAP_SERVER", "did you mean BONGSU_KAFKA_BOOTSTRAP_SERVERS?"),
        ("BONGSU_DELIVERY_TIMEOUT", "did you mean BONGSU_DELIVERY_TIMEOUT_S?"),
        ("BONGSU_X", "; docs/settings.md"),
    ],
)
def test_an_unknown_variable_is_refused_with_the_nearest_that_exists(name, hint):
    with pytest.raises(WrongSetup) as refused:
        Settings({name: "1"})
    assert name in str(refused.value)
    assert hint in str(refused.value)


def test_other_variables_are_none_of_our_business(monkeypatch):
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "elsewhere:9092")
    monkeypatch.setenv("bongsu_kafka_topic_prefix", "lower")
    assert Settings().kafka.topic_prefix == ""
    monkeypatch.setenv("BONGSU_KAFKA_TOPIC_PREFIX", "eu.")
    assert Settings().kafka.topic_prefix == "eu."
    assert Settings({}).kafka.topic_prefix == "", "a given environ is the whole of it"


def test_settings_do_not_change():
    with pytest.raises(ValueError, match="frozen"):
        Settings({}).kafka.topic_prefix = "x"


FILED = {"BONGSU_SECRET_KEY": KEY, "BONGSU_KAFKA_SASL_PASSWORD": "암호 p!", "BONGSU_HISTORY_URL": "sqlite:////h.sqlite"}


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n"])
@pytest.mark.parametrize("name", FILED)
def test_a_secret_may_stand_in_a_file(name, end, tmp_path):
    """As an editor, `echo` and `kubectl create secret` leave it; a blank at its end is of the secret."""
    assert set(FILED) == set(secrets()), "say what a file of the new one looks like"
    file = tmp_path / "secret"
    file.write_bytes(f"{FILED[name]}{end}".encode())
    of_file, of_variable = Settings({f"{name}_FILE": str(file)}), Settings({name: FILED[name]})
    for section in Settings.__slots__:
        assert getattr(of_file, section) == getattr(of_variable, section)
    file.write_bytes(b"\xef\xbb\xbf" + FILED[name].encode())
    assert Settings({f"{name}_FILE": str(file)}).kafka == of_variable.kafka


NOT_ONE_LINE = {
    "is empty": b"\n", "more than one line": b"k1:abc\nk2:def\n", "holds more than 65536 bytes": b"x" * 65_537,
    "is not text in UTF-8": b"\xff\xfe", "holds more than one": b"a\0b",
}  # fmt: skip


@pytest.mark.parametrize("reason", NOT_ONE_LINE)
def test_a_file_that_is_no_secret_is_refused(reason, tmp_path):
    file = tmp_path / "secret"
    file.write_bytes(NOT_ONE_LINE[reason])
    with pytest.raises(WrongSetup, match=f"BONGSU_HISTORY_URL_FILE: .*{reason}") as refused:
        Settings({"BONGSU_HISTORY_URL_FILE": str(file)})
    assert "k1:abc" not in str(refused.value)


def test_a_file_that_cannot_be_read_is_refused_with_what_to_do(tmp_path, monkeypatch):
    def refused(**given: str) -> str:
        with pytest.raises(WrongSetup) as error:
            Settings({f"BONGSU_{name}": text for name, text in given.items()})
        return str(error.value)

    file = tmp_path / "secret"
    assert "is the secret mounted?" in refused(SECRET_KEY_FILE=str(file))
    assert "is a directory" in refused(SECRET_KEY_FILE=str(tmp_path))
    assert "BONGSU_SECRET_KEY_FILE names no file" in refused(SECRET_KEY_FILE="")
    file.write_text("hunter2", encoding="utf-8")
    wrong = refused(SECRET_KEY_FILE=str(file))
    assert wrong.startswith("BONGSU_SECRET_KEY_FILE: ")
    assert "hunter2" not in wrong
    assert "are both set" in refused(SECRET_KEY_FILE=str(file), SECRET_KEY=KEY)
    assert "only what is secret is read from a file" in refused(KAFKA_SASL_USERNAME_FILE=str(file))
    assert "did you mean BONGSU_SECRET_KEY_FILE?" in refused(SECRET_KEYS_FILE=str(file))

    def closed(self, mode):
        raise PermissionError

    monkeypatch.setattr(Path, "open", closed)  # whoever runs the tests may be root, who may read anything
    file.chmod(0o600)
    said = refused(SECRET_KEY_FILE=str(file))
    assert f"may not be read by uid {os.getuid()}: it is of uid {os.getuid()} with mode 0600" in said
