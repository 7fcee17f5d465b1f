"""The image is built for real, and what it promises is tried: small, non-root, a read-only root, the demo inside.

It is built on Debian's Python and not on the base that the Dockerfile names, and run by runc and not by Docker:
docs/deployment.md says what that leaves untested.
"""

import json
import urllib.error
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import pytest

from service.adapters.embedded_kafka import free_port
from service.adapters.kafka_jars import user_cache
from tests.deploy import containers
from tests.deploy.containers import Container, Image
from tests.deploy.tools import BAD, ROOT, run, said, tool
from tests.waiting import wait_for

pytestmark = pytest.mark.deploy

OURS_AT_MOST_MB = 430
"""What the image adds to its base: 390 MB when this was written, 195 of them the veto and its model."""
ROLES = ("worker", "dispatcher", "audit", "api", "history")


@pytest.fixture(scope="session")
def image() -> Image:
    return containers.build("bongsu")


@pytest.fixture(scope="session")
def demo_image(image: Image) -> Image:
    return containers.build("demo")


def test_hadolint_finds_nothing() -> None:
    done = run([tool("hadolint"), ROOT / "Dockerfile"])
    assert done.returncode == 0, said(done)


def test_hadolint_bites() -> None:
    done = run([tool("hadolint"), "--format", "json", BAD / "Dockerfile"])
    assert done.returncode == 1, said(done)
    assert {found["code"] for found in json.loads(done.stdout)} >= {"DL3002", "DL3007", "DL3025"}


def test_size(image: Image, demo_image: Image, capsys: pytest.CaptureFixture[str]) -> None:
    base = containers.size_of_base()
    with capsys.disabled():
        print(f"\nimage {image.size / 1e6:.0f} MB, demo {demo_image.size / 1e6:.0f}; base {base / 1e6:.0f} of each")
    assert (image.size - base) / 1e6 < OURS_AT_MOST_MB


def test_what_it_says_of_itself(image: Image, demo_image: Image) -> None:
    assert image.config["User"] == "10001:10001"
    assert image.config["Entrypoint"] == ["bongsu"]
    assert image.config["Cmd"] == ["--help"]
    assert demo_image.config["Cmd"] == ["demo"]
    assert list(image.config["Volumes"]) == ["/var/lib/bongsu"]
    assert image.config["Healthcheck"]["Test"] == ["CMD", "python", "/opt/healthcheck.py"]


def test_nothing_inside_installs_anything(image: Image) -> None:
    done = containers.run_in(image, "-m", "pip", "--version", options=("--entrypoint", "python"))
    assert "No module named pip" in done.stderr, said(done)


def test_it_may_write_where_it_must_and_nowhere_else(image: Image) -> None:
    script = "id -u; for place in /app /opt /home/bongsu /var/lib/bongsu /tmp; do touch $place/x && echo $place; done"
    done = containers.run_in(image, "-c", script, options=("--entrypoint", "sh"))
    assert done.stdout.split() == ["10001", "/var/lib/bongsu", "/tmp"], said(done)


def test_it_has_no_rights(image: Image) -> None:
    done = containers.run_in(image, "/proc/self/status", options=("--entrypoint", "cat"))
    status = dict(line.split(":\t", 1) for line in done.stdout.splitlines() if ":\t" in line)
    assert int(status["CapEff"], 16) == 0
    assert int(status["CapBnd"], 16) == 0
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"


def test_the_production_image_has_no_kafka_in_it(image: Image) -> None:
    done = containers.run_in(image, "demo")
    assert done.returncode != 0
    assert "embedded" in done.stderr, said(done)


def test_the_demo_runs_inside(demo_image: Image) -> None:
    jars = user_cache()  # the 43 MB that another test fetched, or this one does
    jars.mkdir(parents=True, exist_ok=True)
    fetched = any(jars.glob("kafka-*/*.jar"))
    options = ("-v", f"{jars}:/jars/bongsu:ro", "-e", "XDG_CACHE_HOME=/jars") if fetched else _may_fetch()
    done = containers.run_in(demo_image, options=options, timeout_s=180)
    assert done.returncode == 0, said(done)
    account = {" ".join(line.split()[:-1]): line.split()[-1] for line in done.stdout.splitlines() if line.split()}
    assert account["unaccounted for"] == "0", said(done)
    assert int(account["webhooks verified"]) > 0


def _may_fetch() -> tuple[str, ...]:
    certificates = "/etc/ssl/certs"
    return ("-v", f"{certificates}:{certificates}:ro", "-e", f"REQUESTS_CA_BUNDLE={certificates}/ca-certificates.crt")


@pytest.mark.kafka
@pytest.mark.long
def test_every_role_runs_locked_down(image: Image, kafka_env: dict[str, str], tmp_path: Path) -> None:
    """Ready, healthy by the image's own health check, and gone in order, with exit code 0, at SIGTERM."""
    env = {name: value for name, value in kafka_env.items() if name != "BONGSU_DATA_DIR"}
    ports = {role: free_port() for role in ROLES}
    options = tuple(word for name, value in env.items() for word in ("-e", f"{name}={value}"))
    for command in (("topics", "create"), ("rules", "apply", "/app/rules")):
        done = containers.run_in(image, *command, options=options)
        assert done.returncode == 0, said(done)
    with ExitStack() as stack:
        running = {
            role: stack.enter_context(
                containers.started(
                    image,
                    *(role, "--metrics-port", str(port)),
                    env={**env, "BONGSU_API_PORT": "0"},
                    log=tmp_path / f"{role}.log",
                )
            )
            for role, port in ports.items()
        }
        for role, container in running.items():
            _wait_ready(role, container, ports[role])
            healthy = container.exec("python", "/opt/healthcheck.py")
            assert (healthy.returncode, healthy.stdout) == (0, "ok\n"), said(healthy)
            assert container.exec("id", "-u").stdout == "10001\n"
        for role, container in running.items():
            assert container.terminate(timeout_s=15) == 0, f"{role}:\n{container.log()[-4000:]}"


def _wait_ready(role: str, container: Container, port: int) -> None:
    last = "nothing answered"

    def ready() -> bool:
        nonlocal last
        assert container.process.poll() is None, f"{role} ended:\n{container.log()[-4000:]}"
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except urllib.error.HTTPError as error:
            last = error.read().decode()
        except OSError as error:
            last = str(error)
        return False

    try:
        wait_for(ready)
    except AssertionError:
        pytest.fail(f"{role} is not ready: {last}\n{container.log()[-4000:]}")
