"""schemathesis with all of its checks against `bongsu api` on a real Kafka: what the OpenAPI says is what happens.

The same requests every time in `make test`; `make soak` asks for much more, in chains too, and for other things at each run.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.api_process import api, make_token, role
from tests.soak import PARTS, parts

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "tests" / "contracts" / "schemathesis" / "schemathesis.toml"
SHORT = ("--phases", "examples,coverage,fuzzing", "-n", "5", "--seed", "1", "--generation-deterministic")
LONG = ("--phases", "examples,coverage,fuzzing,stateful")
LONG_EXAMPLES = int(os.environ.get("EXAMPLES") or "500")
"""Of each operation, over all parts."""


@pytest.fixture
async def token(kafka_env):
    return await make_token(kafka_env)


def schemathesis(url, token, folder, *options):
    """Run it to its end; gives what it printed."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run", f"{url}/v1/openapi.json"),
            *("--checks", "all", "-H", f"Authorization: Bearer {token}", "--continue-on-failure", *options),
        ],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "SCHEMATHESIS_HOOKS": "tests.contracts.schemathesis.hooks"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def run(kafka_env, tmp_path, token, *options, note=None):
    with role("history", kafka_env, tmp_path), api(kafka_env, tmp_path) as url:
        code, said = schemathesis(url, token, tmp_path, *options)
        assert code == 0, said[-8000:]
        tested = re.search(r"Tested: (\d+)", said)
        generated = re.search(r"(\d+) generated", said)
        assert tested, said
        assert generated, said
        operations = sum(len(methods) for methods in httpx.get(f"{url}/v1/openapi.json").json()["paths"].values())
        if note:
            note(requests=int(generated[1]), operations=operations)
        assert int(tested[1]) == operations, said[-3000:]
        assert int(generated[1]) > 50 * operations, said[-3000:]
    faults = [
        line for log in tmp_path.glob("api-*.log") for line in log.read_text().splitlines() if "in a fault" in line
    ]
    assert faults == []


@pytest.mark.kafka
@pytest.mark.long
@pytest.mark.timeout(600)  # a minute and a half, but for a machine that has ten other things to do
def test_it_finds_nothing(kafka_env, tmp_path, token):
    run(kafka_env, tmp_path, token, *SHORT)


@pytest.mark.kafka
@pytest.mark.soak
@parts
def test_it_finds_nothing_in_a_long_search(kafka_env, tmp_path, token, soak, part):
    seed, examples = soak.luck.randrange(2**32), -(-LONG_EXAMPLES // PARTS)
    soak.note(examples=examples, schemathesis_seed=seed)
    run(kafka_env, tmp_path, token, *LONG, "-n", str(examples), "--seed", str(seed), note=soak.note)
    soak.logs(tmp_path)


@pytest.mark.kafka
def test_it_would_find_something(kafka_env, tmp_path, token):
    """Held against another contract than ours it must complain: else the tests above would say nothing."""
    with api(kafka_env, tmp_path) as url:
        document = httpx.get(f"{url}/v1/openapi.json").json()
        listed = document["paths"]["/v1/subscriptions"]["get"]
        document["paths"] = {"/v1/subscriptions": {"get": listed}}
        document["components"]["schemas"]["SubscriptionPage"]["required"].append("total")
        (tmp_path / "other.json").write_text(json.dumps(document), encoding="utf-8")
        done = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "run", str(tmp_path / "other.json"), "--url", url),
                *("--checks", "response_schema_conformance", "-H", f"Authorization: Bearer {token}"),
                *("--phases", "coverage", "-n", "2", "--seed", "1", "--generation-deterministic"),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1, done.stdout[-3000:] + done.stderr
        assert "total" in done.stdout
