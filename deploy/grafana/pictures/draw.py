"""Draw the dashboards as pictures for docs/, from what a real Bongsu said.

    .venv/bin/python deploy/grafana/pictures/draw.py [--seconds 200] [--answers FOLDER]

Starts Bongsu, Prometheus and PostgreSQL as tests/deploy/test_dashboards.py does, asks every query of every dashboard,
and draws the answers with Grafana's own components (npm `@grafana/ui`) in a Chromium without a window. It is not
Grafana: docs/dashboards.md says what such a picture does not prove. Needs node, npm, chromium, fonts-noto-cjk,
prometheus and postgresql; takes some minutes, so it is no part of continuous integration. `--answers` keeps what was
asked in a folder, and draws from it where it is full already.
"""

import argparse
import asyncio
import datetime as dt
import decimal
import json
import math
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
IMAGES = ROOT / "docs" / "images"
WIDTH = 1400
MOST_BYTES = 300_000
POINTS = 100
"""Steps of a graph."""

sys.path.insert(0, str(ROOT))

from sqlalchemy import create_engine  # noqa: E402

from service.adapters.embedded_kafka import EmbeddedKafka  # noqa: E402
from service.adapters.topics_admin import create_topics  # noqa: E402
from service.settings import KafkaSettings  # noqa: E402
from tests import postgres  # noqa: E402
from tests.deploy import dashboards  # noqa: E402
from tests.deploy.watched import SOURCES, Watched, watched  # noqa: E402


async def ask(folder: Path, seconds: float) -> None:
    """Let Bongsu work so long, then ask all that the dashboards ask, into a file for each."""
    with tempfile.TemporaryDirectory() as name, postgres.server() as server, postgres.database(server) as history:
        home = Path(name)
        with EmbeddedKafka(home / "kafka") as kafka:
            settings = KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)
            await create_topics(settings, partitions=2)
            env = {"BONGSU_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers}
            async with watched(settings, env, history, home, for_s=seconds, per_s=4, past=6) as world:
                for board, dashboard in dashboards.committed().items():
                    since_s = time.time() - 26 * 3600 if board == "coverage" else world.began_s
                    answers = {
                        str(panel["id"]): answers_of(world, panel, since_s) for panel in dashboards.panels(dashboard)
                    }
                    told = {
                        "dashboard": dashboard,
                        "answers": answers,
                        "from": since_s * 1000,
                        "to": time.time() * 1000,
                    }
                    file = folder / f"{board}.json"
                    file.write_text(json.dumps(told, ensure_ascii=False, default=plain), encoding="utf-8")


def answers_of(world: Watched, panel: dict[str, Any], since_s: float) -> list[dict[str, Any]]:
    """What each query of a panel says, as the API of Prometheus has it, or as columns and rows of SQL."""
    now_s = time.time()
    # metrics began with the run, whatever time the history is asked for
    began_s = max(world.began_s, since_s)
    step_s = max(1, math.ceil((now_s - began_s) / POINTS))
    variables = {
        "__rate_interval": f"{max(15, 4 * step_s)}s", "__range": f"{math.ceil(now_s - began_s)}s",
        "__from": str(int(since_s * 1000)), "__to": str(int(now_s * 1000)), "entity": ".*", "rule": ".*",
        "subscription": ".*", "top": "10", "source": ", ".join(f"'{source}'" for source in SOURCES),
    }  # fmt: skip
    found: list[dict[str, Any]] = []
    for target in dashboards.targets(panel):
        query = target.expanded(variables)
        if target.is_sql:
            engine = create_engine(world.history)
            with engine.connect() as connection:
                answer = connection.exec_driver_sql(query.replace("%", "%%"))
                rows = [list(row) for row in answer]
                found.append({"columns": list(answer.keys()), "rows": rows})
            engine.dispose()
        elif target.instant:
            found.append({"vector": world.prometheus.query(query, now_s)})
        else:
            matrix = world.prometheus.query_range(query, start_s=began_s, end_s=now_s, step_s=step_s)
            found.append({"matrix": matrix, "start": began_s, "end": now_s, "step": step_s})
    return found


def plain(value: object) -> float | str:
    """What JSON does not know."""
    if isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, dt.datetime):
        return value.timestamp() * 1000
    raise TypeError(type(value))


def draw(folder: Path) -> None:
    """A picture of each file of answers."""
    if not (HERE / "node_modules").is_dir():
        subprocess.run(["npm", "ci", "--legacy-peer-deps", "--no-audit", "--no-fund"], cwd=HERE, check=True)  # noqa: S607
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.exit("there is no chromium here; `apt-get install chromium fonts-noto-cjk` brings it")
    with tempfile.TemporaryDirectory() as name:
        page = Path(name)
        esbuild = HERE / "node_modules" / ".bin" / "esbuild"
        subprocess.run(  # noqa: S603
            [
                esbuild, HERE / "page.jsx", "--bundle", "--minify", f"--outdir={page}", "--loader:.svg=text", "--loader:.ttf=dataurl",
                "--loader:.woff2=dataurl", "--loader:.woff=dataurl", "--log-level=error", "--alias:react-custom-scrollbars-2=./scrollbars.jsx",
                '--define:process.env.NODE_ENV="production"', "--define:global=window",
            ],
            check=True, cwd=HERE,
        )  # fmt: skip
        for file in sorted(folder.glob("*.json")):
            told = json.loads(file.read_text(encoding="utf-8"))
            grid = [panel["gridPos"] for panel in told["dashboard"]["panels"]]
            height = 70 + 38 * max(place["y"] + place["h"] for place in grid)
            (page / "board.js").write_text(f"window.BOARD = {json.dumps(told)};", encoding="utf-8")
            (page / "index.html").write_text(HTML, encoding="utf-8")
            picture = IMAGES / f"dashboard-{file.stem}.png"
            subprocess.run(  # noqa: S603
                [
                    chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                    "--allow-file-access-from-files", f"--window-size={WIDTH},{height}", "--force-device-scale-factor=1",
                    "--virtual-time-budget=20000", "--enable-logging=stderr", "--v=0",
                    f"--screenshot={picture}", f"--user-data-dir={page / 'profile'}", f"file://{page / 'index.html'}",
                ],
                check=True, timeout=180, stderr=(page / "chromium.log").open("w"),
            )  # fmt: skip
            for line in (page / "chromium.log").read_text(encoding="utf-8", errors="replace").splitlines():
                if "CONSOLE" in line:
                    print(file.stem, line[:600], file=sys.stderr)  # noqa: T201
            subprocess.run(["node", HERE / "smaller.mjs", picture], check=True, cwd=HERE)  # noqa: S603, S607
            size = picture.stat().st_size
            print(f"{picture.relative_to(ROOT)}: {size // 1000} kB, {WIDTH} x {height}")  # noqa: T201
            if size > MOST_BYTES:
                sys.exit(f"{picture} is larger than {MOST_BYTES} bytes")


HTML = """<!doctype html><html lang="ko"><meta charset="utf-8"><link rel="stylesheet" href="page.css"><body>
<div id="root"></div><script src="board.js"></script><script src="page.js"></script></body></html>"""


def main() -> None:
    """Ask, unless there are answers; draw."""
    parser = argparse.ArgumentParser(description="Draw the dashboards.")
    parser.add_argument("--seconds", type=float, default=200, help="how long Bongsu works before it is asked")
    parser.add_argument("--answers", type=Path, help="folder of what was asked: kept, or drawn from")
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = told.answers or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        if not list(folder.glob("*.json")):
            asyncio.run(ask(folder, told.seconds))
        IMAGES.mkdir(parents=True, exist_ok=True)
        draw(folder)


if __name__ == "__main__":
    main()
