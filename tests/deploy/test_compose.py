"""deploy/compose.yaml, read by the loader of `docker compose` itself, and held against what it promises.

Not tested: an `up` (there is no Docker engine here), and that the images of others have the tags that it names. The
settings of Kafka are tried on a real broker of that version, the roles' settings on Bongsu.
"""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.adapters.embedded_kafka import HOST, EmbeddedKafka, free_port
from service.adapters.kafka_jars import KAFKA_VERSION
from service.adapters.topics_admin import create_topics
from service.cli import COMMANDS
from service.settings import KafkaSettings, Settings
from tests.deploy.tools import BAD, ROOT, run, said, tool

COMPOSE = ROOT / "deploy" / "compose.yaml"
CHOSEN = {
    "BONGSU_SECRET_KEY": "k1:" + "A" * 43 + "=",
    "POSTGRES_PASSWORD": "chosen-for-postgres",
    "GRAFANA_PASSWORD": "chosen-for-grafana",
}
ROLES = {"worker-1": "worker", "worker-2": "worker", "dispatcher": "dispatcher", "audit": "audit",
         "history": "history", "api": "api"}  # fmt: skip

deploy = pytest.mark.deploy


def load(path: Path, **environ: str) -> Any:
    return run([tool("compose-check"), path], env={**dict.fromkeys(CHOSEN, ""), **environ})


@cache
def services() -> dict[str, Any]:
    done = load(COMPOSE, **CHOSEN)
    assert done.returncode == 0, said(done)
    found: dict[str, Any] = json.loads(done.stdout)["services"]
    return found


def bongsus() -> Iterator[tuple[str, dict[str, Any]]]:
    yield from ((name, one) for name, one in services().items() if one.get("image") == "bongsu:local")


@deploy
def test_it_loads() -> None:
    assert set(services()) == {
        *ROLES, "kafka", "postgres", "setup", "prometheus", "alertmanager", "grafana"
    }  # fmt: skip


@deploy
@pytest.mark.parametrize("name", ["compose-unknown-key.yaml", "compose-no-such-volume.yaml"])
def test_the_loader_bites(name: str) -> None:
    done = load(BAD / name)
    assert done.returncode == 1, said(done)
    assert "portz" in done.stderr or "undefined volume" in done.stderr, said(done)


@deploy
@pytest.mark.parametrize("name", CHOSEN)
def test_no_password_has_a_default(name: str) -> None:
    done = load(COMPOSE, **{**CHOSEN, name: ""})
    assert done.returncode == 1
    assert f"required variable {name} is missing" in done.stderr


@deploy
def test_nothing_listens_beyond_this_machine() -> None:
    published = [port for one in services().values() for port in one.get("ports", ())]
    assert {port["host_ip"] for port in published} == {"127.0.0.1"}
    assert {port["published"] for port in published} == {"3000", "8080", "9090", "9093", "9094"}


@deploy
def test_bongsu_is_locked_down() -> None:
    for name, one in bongsus():
        assert one["read_only"] is True, name
        assert one["cap_drop"] == ["ALL"], name
        assert one["security_opt"] == ["no-new-privileges:true"], name
        assert [path.partition(":")[0] for path in one["tmpfs"]] == ["/tmp"], name


@deploy
def test_every_role_runs_and_says_where_it_is_asked() -> None:
    for name, role in ROLES.items():
        assert services()[name]["command"] == [role, "--metrics-port", "9100"]
        assert role in COMMANDS
        assert services()[name]["depends_on"]["setup"]["condition"] == "service_completed_successfully"


@deploy
def test_the_settings_are_settings_of_bongsu() -> None:
    for name, one in bongsus():
        settings = Settings(one["environment"])
        assert settings.kafka.bootstrap_servers == "kafka:9092"
        assert settings.bongsu.keys is not None, name
        assert (settings.history.url is not None) == (name in {"api", "history"})
        assert settings.delivery.allow_addresses == ()


@deploy
def test_workers_share_no_disk() -> None:
    disks = [volume["source"] for name in ("worker-1", "worker-2") for volume in services()[name]["volumes"]]
    assert disks == ["worker-1", "worker-2"]


@deploy
def test_what_is_mounted_from_here_is_here() -> None:
    mounts = [volume for one in services().values() for volume in one.get("volumes", ()) if volume["type"] == "bind"]
    assert mounts
    missing = [volume["source"] for volume in mounts if not Path(volume["source"]).exists()]
    assert not missing
    assert all(volume["read_only"] for volume in mounts)


@deploy
def test_secrets_stand_in_files_where_an_image_can_read_them_there() -> None:
    for name in ("postgres", "grafana"):
        environment = services()[name]["environment"]
        assert not set(CHOSEN.values()) & set(environment.values())
        assert any(value.startswith("/run/secrets/") for value in environment.values())


def test_prometheus_scrapes_every_role() -> None:
    config = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yaml").read_text(encoding="utf-8"))
    targets = {
        target
        for job in config["scrape_configs"]
        for group in job.get("static_configs", ())
        for target in group["targets"]
    }
    assert targets >= {f"{name}:9100" for name in ROLES}


def test_kafka_is_the_version_that_bongsu_is_tested_with() -> None:
    image = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]["kafka"]["image"]
    assert image == f"apache/kafka:{KAFKA_VERSION}"


@pytest.mark.kafka
async def test_a_broker_of_that_version_takes_these_settings(tmp_path: Path) -> None:
    """The image makes `a.b.c` of KAFKA_A_B_C; so does this, with addresses and folders of this machine."""
    given = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]["kafka"]["environment"]
    here = {
        "//:9092": f"//{HOST}:{free_port()}", "//:9094": f"//{HOST}:{free_port()}", "//:9093": f"//{HOST}:{free_port()}",
    }  # fmt: skip
    inside, host, controller = (address.rpartition(":")[2] for address in here.values())

    def moved(value: object) -> str:
        text = str(value)
        for old, new in here.items():
            text = text.replace(old, new)
        text = text.replace("kafka:9092", f"{HOST}:{inside}").replace("kafka:9093", f"{HOST}:{controller}")
        return text.replace(f"{HOST}:9094", f"{HOST}:{host}").replace("/var/lib/kafka/data", str(tmp_path / "logs"))

    properties = {name.removeprefix("KAFKA_").lower().replace("_", "."): moved(value) for name, value in given.items()}
    with EmbeddedKafka(tmp_path / "kafka", port=int(inside), properties=properties):
        for port in (inside, host):
            states = await create_topics(KafkaSettings(bootstrap_servers=f"{HOST}:{port}"))
            assert {state.name for state in states} >= {"articles", "deliveries"}
