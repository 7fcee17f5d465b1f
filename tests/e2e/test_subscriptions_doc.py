"""docs/subscriptions.md as a newcomer follows it: its very commands, in bash with curl, against the real thing."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from service.adapters.embedded_kafka import free_port
from tests.api_process import api, role
from tests.line import local_env

PAGE = Path(__file__).parents[2] / "docs" / "subscriptions.md"


def commands(api_url, hook_port):
    """What stands in the page's shell blocks, in their order, at the addresses of this test."""
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert len(blocks) > 8
    text = "\n".join(blocks)
    assert text.count("http://127.0.0.1:8080") == 1
    text = text.replace("http://127.0.0.1:8080", api_url)
    assert "9100" in text
    return text.replace("9100", str(hook_port))


@pytest.mark.kafka
@pytest.mark.long
@pytest.mark.skipif(shutil.which("curl") is None or shutil.which("bash") is None, reason="needs bash and curl")
def test_every_command_does_what_the_page_says(kafka_env, tmp_path):
    env = local_env(kafka_env)
    with (
        role("dispatcher", env, tmp_path),
        role("history", env, tmp_path),
        api(env, tmp_path) as url,
    ):
        folder = tmp_path / "newcomer"
        folder.mkdir()
        script = "set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n" + commands(url, free_port())
        with (folder / "said.txt").open("wb") as said:
            code = subprocess.run(
                ["timeout", "100", "bash", "-c", script],
                cwd=folder,
                env={**os.environ, **env, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
                stdout=said,
                stderr=said,
                check=False,
            ).returncode
        files = "\n".join(f"== {one.name}: {one.read_text(encoding='utf-8')[-2000:]}" for one in folder.iterdir())
        assert code == 0, files
        heard = (folder / "heard.txt").read_text(encoding="utf-8")
        delivery = re.search(r'"delivery_id":"([^"]+)"', (folder / "test.json").read_text(encoding="utf-8"))
        assert delivery
        assert heard.count(delivery[1]) == 2, heard
        assert heard.count("verified") == heard.count("answered 204") == 2, heard  # every signature fitted


def test_the_page_uses_curl_alone():
    """No jq, no Python: what a person has."""
    text = commands("x", 1)
    used = {line.split()[0] for line in re.split(r"[\n|;]|\$\(", text) if line.strip()}
    assert used & {"jq", "python", "python3", "http", "wget"} == set()
