"""The rights of docs/topics.md are enough: every role and command on a broker that allows them and nothing else.

What the page says is granted, word by word, to a principal for each row; so a right that the page forgets is found here
and not on somebody's cluster.
"""

import asyncio
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import CreateAclsRequest

from service.adapters.embedded_kafka import HOST, EmbeddedKafka, free_port
from service.adapters.kafka_client import client_options
from service.adapters.receiver import Receiver
from service.settings import Settings
from tests.api_process import role
from tests.commands import bongsu_process
from tests.waiting import wait_for

pytestmark = [pytest.mark.deploy, pytest.mark.kafka]
ROOT = Path(__file__).parents[2]
OPERATIONS = {"Read": 3, "Write": 4, "Create": 5, "Delete": 6, "Describe": 8, "DescribeConfigs": 10}
TOPIC, GROUP, CLUSTER = 2, 3, 4
LITERAL, PREFIXED, ALLOW = 3, 4, 3
ROLES = ("worker", "dispatcher", "audit", "history", "api")
RULES = """
entities:
  - {id: naru, name: 나루시, kind: place}
rules:
  - {id: naru-watch, when: '@naru'}
"""
Right = tuple[str, int, str, int]
"""Principal, kind of resource, its name, operation."""


def rows() -> list[list[str]]:
    text = (ROOT / "docs" / "topics.md").read_text(encoding="utf-8")
    part = text.split("## What each role may do\n", 1)[1].split("\n## ", 1)[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in part.splitlines() if line[:1] == "|"][2:]


def principals(cell: str) -> list[str]:
    """A role, or each command that a row names: `rules-apply` for `bongsu rules apply`."""
    return [name.replace(" ", "-") for name in re.findall(r"`bongsu ([^`]+)`", cell)] or [cell]


def rights() -> Iterator[Right]:
    """Every right that the page names."""
    table = [row for row in rows() if not row[0].startswith("all that write")]  # needed before Kafka 3.0
    everybody = sorted({name for row in table[1:] for name in principals(row[0])})
    first = [(name, "") for name in re.findall(r"`([^`]+)`", table[0][2])]
    for who, operations, on in table:
        named = [operation.strip() for operation in re.sub(r"\(.*?\)", "", operations).split(",")]
        kind = GROUP if on.startswith("group") else CLUSTER if on.startswith("cluster") else TOPIC
        here, _, aside = on.partition(";")
        things = re.findall(r"`([^`]+)`(?: \(only (\w+)\))?", here) + (first if "of the first row" in here else [])
        for principal in everybody if who == "all" else principals(who):
            for name, only in things:
                yield from ((principal, kind, name, OPERATIONS[one]) for one in named if only in ("", one))
            for name in re.findall(r"`([^`]+\*)`", aside):  # "; Create, Write and Delete on `doctor*` ..."
                yield from ((principal, kind, name, OPERATIONS[one]) for one in OPERATIONS if one in aside)


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[str]:
    """A broker on which nobody may anything; its address."""
    names = sorted({right[0] for right in rights()})
    users = " ".join(f'user_{name}="{name}"' for name in ("admin", *names))
    module = "org.apache.kafka.common.security.plain.PlainLoginModule"
    port = free_port()
    controller = free_port()
    broker = EmbeddedKafka(
        tmp_path / "kafka",
        port=port,
        properties={
            "listeners": f"SASL_PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller}",
            "advertised.listeners": f"SASL_PLAINTEXT://{HOST}:{port}",
            "controller.quorum.voters": f"1@{HOST}:{controller}",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT",
            "inter.broker.listener.name": "SASL_PLAINTEXT",
            "sasl.mechanism.inter.broker.protocol": "PLAIN",
            "sasl.enabled.mechanisms": "PLAIN",
            "listener.name.sasl_plaintext.plain.sasl.jaas.config": (
                f'{module} required username="admin" password="admin" {users};'
            ),
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:admin;User:ANONYMOUS",  # the second is the controller to itself
        },
    )
    with broker:
        yield broker.bootstrap_servers


def as_(principal: str, at: str, folder: Path) -> dict[str, str]:
    """The settings of a principal."""
    return {
        "BONGSU_KAFKA_BOOTSTRAP_SERVERS": at,
        "BONGSU_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "BONGSU_KAFKA_SASL_MECHANISM": "PLAIN",
        "BONGSU_KAFKA_SASL_USERNAME": principal,
        "BONGSU_KAFKA_SASL_PASSWORD": principal,
        "BONGSU_DATA_DIR": str(folder / "data"),
        "BONGSU_DELIVERY_ALLOW_ADDRESSES": "127.0.0.0/8",
    }


async def grant(at: str, folder: Path) -> None:
    admin = AIOKafkaAdminClient(**client_options(Settings(as_("admin", at, folder)).kafka))
    await admin.start()
    try:
        for principal, kind, name, operation in sorted(set(rights())):
            pattern = PREFIXED if name.endswith("*") else LITERAL
            asked = CreateAclsRequest(kind, name.rstrip("*"), pattern, f"User:{principal}", "*", operation, ALLOW)
            answer: Any = await admin._send_request(asked)
            assert [code for code, _ in answer.creation_responses] == [0], (principal, name)
    finally:
        await admin.close()


class Commands:
    """`bongsu ...`, each by the principal of its row."""

    def __init__(self, at: str, folder: Path) -> None:
        self._at = at
        self._folder = folder

    def __call__(self, principal: str, *args: object, code: int = 0) -> str:
        done = bongsu_process(*args, env=as_(principal, self._at, self._folder))
        assert done.returncode == code, f"{principal}: {' '.join(map(str, args))}\n{done.stdout}{done.stderr}"
        return str(done.stdout)


async def test_the_rights_of_the_page_are_enough(guarded: str, tmp_path: Path) -> None:
    await grant(guarded, tmp_path)
    async with Receiver() as receiver:  # answers while a thread of its own calls commands
        await asyncio.to_thread(_use_everything, guarded, tmp_path, receiver)
    await asyncio.to_thread(_nothing_refused, tmp_path)


def _use_everything(at: str, folder: Path, receiver: Receiver) -> None:
    bongsu = Commands(at, folder)
    file = folder / "rules.yaml"
    file.write_text(RULES, encoding="utf-8")
    article = folder / "article.txt"
    article.write_text("나루시 소식\n나루시가 등대를 세웠다.", encoding="utf-8")
    bongsu("topics-create", "topics", "create")
    bongsu("topics-list", "topics", "list")
    bongsu("rules-apply", "rules", "apply", file)
    token = orjson.loads(bongsu("token", "token", "create", "--name", "x", "--scope", "all"))["token"]
    made = bongsu("subscribe", "subscribe", "--url", receiver.url, "--rule", "*")
    subscription = orjson.loads(made)["id"]
    bongsu("subscriptions", "subscriptions", "show", subscription)
    with ExitStack() as stack:
        ports = {
            name: stack.enter_context(
                role(
                    name,
                    as_(name, at, folder),
                    folder,
                    "--metrics-port",
                    "0",
                    *(("--port", "0") if name == "api" else ()),
                )
            )
            for name in ROLES
        }
        bongsu("ingest", "ingest", article)
        wait_for(lambda: receiver.received, what="a webhook")
        _commands(bongsu, subscription)
        _requests(f"http://{HOST}:{ports['api']['api']}/v1", token, subscription, file)
        bongsu("audit", "audit", "--wait", "30")
        doctor = bongsu("doctor", "doctor")
        assert "not compared" not in doctor, doctor
        for name, port in ports.items():
            assert httpx.get(f"http://{HOST}:{port['metrics']}/readyz").status_code == 200, name


def _nothing_refused(folder: Path) -> None:
    for log in folder.glob("*.log"):
        refused = [line for line in log.read_text(encoding="utf-8").splitlines() if "uthoriz" in line]
        assert not refused, f"{log.name}: {refused[:2]}"


def _commands(bongsu: Commands, subscription: str) -> None:
    bongsu("attempts", "attempts")
    bongsu("dead-letters", "dead-letters")
    bongsu("why", "why", "--subscription", subscription, "--article", "https://nowhere.example/")
    bongsu("test-delivery", "test-delivery", "--subscription", subscription)
    bongsu("replay", "replay", "--subscription", subscription, "--since", "1h", "--yes")
    bongsu("silence", "silence", "preview", "--rule", "*")
    bongsu("silence", "silence", "add", "--rule", "none-*", "--for", "1h", "--author", "a", "--comment", "c")
    bongsu("topics-export", "topics", "export")


def _requests(url: str, token: str, subscription: str, file: Path) -> None:
    """One of each kind: what reads a topic, and what writes one."""
    base = f"/subscriptions/{subscription}"
    as_yaml = {"Content-Type": "application/yaml", "If-Match": "*"}
    ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 60))
    asked: list[tuple[str, str, Mapping[str, Any]]] = [
        ("GET", f"{base}/why?article=nowhere", {}),
        ("GET", "/rules", {}),
        ("PUT", "/rules", {"content": file.read_bytes(), "headers": as_yaml}),
        ("POST", "/rules/backtest", {"json": {"draft": RULES}}),
        ("POST", f"{base}/test", {}),
        ("POST", f"{base}/replay", {"json": {"after": "2026-01-01T00:00:00Z"}}),
        ("POST", "/silences/preview", {"json": {"matchers": {"rule": ["*"]}}}),
        ("POST", "/silences", {"json": {"matchers": {"rule": ["n*"]}, "ends_at": ends, "comment": "c"}}),
        ("POST", "/articles", {"json": {"title": "나루시 둘째 소식"}}),
        ("PATCH", base, {"json": {"name": "x"}}),
    ]
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:
        for method, path, more in asked:
            answer = client.request(method, path, **more)
            assert answer.status_code < 400, f"{method} {path}: {answer.text}"
