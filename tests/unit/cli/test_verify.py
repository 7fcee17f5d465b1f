import json
import time

import pytest
from click.testing import CliRunner

from service.cli.verify import read_headers, verify_
from service.delivery.rotation import public_keys
from service.delivery.signing import signature_headers
from service.model.errors import BadInput
from tests.builders import SECRET

BODY = '{"type":"alert.matched","data":{"summary":"서울시와 重慶 🏮"}}'.encode()
OTHER = "whsec_" + "B" * 43 + "="
PRIVATE = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="


def signed(body=BODY, secrets=(SECRET,), age_s=0):
    return signature_headers(list(secrets), "msg_1", int(time.time()) - age_s, body)


@pytest.fixture
def run(tmp_path):
    def call(headers, body, *arguments, secret=SECRET):
        (tmp_path / "headers").write_bytes(headers if isinstance(headers, bytes) else json.dumps(headers).encode())
        (tmp_path / "body").write_bytes(body)
        files = ["--headers", str(tmp_path / "headers"), "--body", str(tmp_path / "body")]
        done = CliRunner().invoke(verify_, ["--secret", secret, *files, *arguments], standalone_mode=False)
        return done.return_value, done.output

    return call


def test_what_verifies(run):
    assert run(signed(), BODY) == (0, "verified\n")
    lines = "POST /hook HTTP/1.1\r\nHost: a\r\n" + "".join(f"{name.title()}: {v}\r\n" for name, v in signed().items())
    assert run(lines.encode(), BODY) == (0, "verified\n")
    curl = "> POST / HTTP/1.1\n" + "".join(f"> {name}: {value}\n" for name, value in signed().items()) + "> \n"
    assert run(curl.encode(), BODY) == (0, "verified\n")
    assert run({name: [value] for name, value in signed().items()}, BODY) == (0, "verified\n")
    (public,) = public_keys([PRIVATE])
    assert run(signed(secrets=(PRIVATE,)), BODY, secret=public) == (0, "verified\n")
    assert run(signed(age_s=4000), BODY, "--any-age") == (0, "verified\n")


@pytest.mark.parametrize(
    ("headers", "body", "secret", "cause"),
    [
        (signed, json.dumps(json.loads(BODY)).encode(), SECRET, "reserialised"),
        (signed, BODY + b"\n", SECRET, "whitespace"),
        (signed, BODY.decode().encode("cp949", "replace"), SECRET, "other_secret"),
        (signed, BODY, OTHER, "other_secret"),
        (lambda: signed(age_s=400), BODY, SECRET, "too_old"),
        (lambda: signed(age_s=-400), BODY, SECRET, "too_new"),
        (lambda: {**signed(), "webhook-timestamp": "now"}, BODY, SECRET, "bad_timestamp"),
        (lambda: {**signed(), "webhook-signature": "v1"}, BODY, SECRET, "malformed_signature"),
        (lambda: signed(secrets=(PRIVATE,)), BODY, SECRET, "other_version"),
        (lambda: {"webhook-id": "msg_1"}, BODY, SECRET, "missing_header"),
    ],
)
def test_the_cause_is_named(run, headers, body, secret, cause):
    code, said = run(headers(), body, secret=secret)
    assert code == 1
    assert said.startswith(f"{cause}: ")
    assert secret not in said


@pytest.mark.parametrize("raw", [b"\xff\xfe", b"{not json", b"a: 1\nno colon here\n"])
def test_headers_that_cannot_be_read(raw):
    with pytest.raises(BadInput):
        read_headers(raw)
