"""`bongsu bench load`: how long rules take to load, from YAML and from the control topic, and what they weigh.

Each figure is of a process of its own. From YAML: from the first file to an engine that can match. From the topic: from
the start of a worker to its readiness, which it tells when its rules are in force; the row of the fewest rules says how
much of that is the worker itself. Then, up to `MAX_CHANGED` rules, a set in which every rule is another is applied:
from the call that publishes it to its being in force in that worker, and from the moment when its manifest stands on
the topic, which is when a worker can know of it (`change_in_force_s`).
"""

import asyncio
import gc
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from service.adapters.collector import collector_held
from service.adapters.control import publish_rules
from service.adapters.processes import Child, log_tail, spawn
from service.adapters.rule_files import load_rules
from service.adapters.rule_manifests import CURRENT, manifest_key
from service.adapters.topic_scan import scan
from service.adapters.topics_admin import create_topics
from service.bench.match import build
from service.bench.processes import metric, resident_mb, used_cpu_s
from service.bench.watchlists import articles, mentioned, rule_file
from service.local import LocalStack, make_dir
from service.matching.ruleset import RuleSet
from service.model import topics
from service.model.errors import Unavailable
from service.model.record import DEFAULT_TENANT
from service.settings import KafkaSettings, Settings

SIZES = (100, 10_000, 100_000)
RULES_A_FILE = 1_000
DEADLINE_S = 180.0
MAX_CHANGED = 10_000
POLL_S = 0.1
CHANGED_SEED = 8
LOADED = "bongsu_rules_loaded_timestamp_seconds"
Progress = Callable[[str], None]


def run(*, quick: bool, progress: Progress) -> dict[str, Any]:
    """All of it, on one embedded Kafka; about two minutes."""
    sizes = SIZES[:-1] if quick else SIZES
    with tempfile.TemporaryDirectory(prefix="bongsu-bench-") as name:
        folder = Path(name)
        known = mentioned()
        article = folder / "article.json"
        article.write_text(json.dumps(next(articles(1, known))), encoding="utf-8")
        rows = []
        for size in sizes:
            rules = folder / f"rules-{size}"
            write_rules(rules, rule_file(size, known))
            rows.append({"rules": size, **_from_yaml(folder, rules, article, progress)})
        workers = asyncio.run(_from_topic(folder, sizes, known, progress))
    return {"rows": [row | worker for row, worker in zip(rows, workers, strict=True)]}


def write_rules(folder: Path, written: dict[str, Any]) -> None:
    """A rule set as people keep it: a directory of YAML files, a field a line."""
    folder.mkdir()
    for part, items in written.items():
        for number, begin in enumerate(range(0, len(items), RULES_A_FILE)):
            lines = [f"{part}:"]
            for item in items[begin : begin + RULES_A_FILE]:
                fields = [
                    f"{name}: '{value}'" if name == "when" else f"{name}: {value}" for name, value in item.items()
                ]
                lines.append("\n".join(f"{'    ' if at else '  - '}{field}" for at, field in enumerate(fields)))
            (folder / f"{part}-{number:03}.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _from_yaml(folder: Path, rules: Path, article: Path, progress: Progress) -> dict[str, Any]:
    log = folder / f"{rules.name}.log"
    child = spawn([sys.executable, "-m", "service.bench.load", str(rules), str(article)], log_path=log)
    if child.wait(DEADLINE_S):
        raise Unavailable(f"loading {rules.name} ended with {child.returncode}:\n{log_tail(log)}")
    told: dict[str, Any] = json.loads(log.read_text(encoding="utf-8").splitlines()[-1])
    progress(f"{rules.name} from YAML: {told['yaml_s']} s, {told['yaml_mb']} MB")
    return told


async def _from_topic(
    folder: Path, sizes: tuple[int, ...], known: list[str], progress: Progress
) -> list[dict[str, Any]]:
    async with LocalStack(folder / "kafka", environ={}, progress=progress) as stack:
        await stack.start_kafka()
        return [await _worker(stack, folder, size, known, progress) for size in sizes]


async def _worker(stack: LocalStack, folder: Path, size: int, known: list[str], progress: Progress) -> dict[str, Any]:
    home = folder / f"worker-{size}"
    make_dir(home)
    environ = {
        **stack.environ,
        "BONGSU_KAFKA_TOPIC_PREFIX": f"rules{size}.",
        "BONGSU_DATA_DIR": str(home),
        "BONGSU_MATCHING_MORPHOLOGY": "false",
    }
    kafka = Settings(environ).kafka
    await create_topics(kafka)
    began = time.monotonic()
    await publish_rules(kafka, await asyncio.to_thread(load_rules, folder / f"rules-{size}"))
    row: dict[str, Any] = {"load_and_publish_s": round(time.monotonic() - began, 2)}
    child = Child("worker")
    began = time.monotonic()
    child.start(["worker", "--metrics-port", "0"], environ, home / "worker.log")
    try:
        told = await asyncio.to_thread(child.wait_ready, DEADLINE_S)
        row["worker_ready_s"] = round(time.monotonic() - began, 2)
        row["worker_ready_cpu_s"] = round(used_cpu_s(child.pid), 2)
        row |= _weight(child.pid, "worker")
        progress(f"{size} rules from the topic: worker ready after {row['worker_ready_s']} s, {row['worker_mb']} MB")
        if size <= MAX_CHANGED:
            changed = await asyncio.to_thread(build, rule_file(size, known, CHANGED_SEED))
            row |= await _changed(kafka, changed, told["ports"]["metrics"])
            progress(f"{size} other rules: in force after {row['change_s']} s")
    finally:
        await asyncio.to_thread(child.terminate)
    return row


async def _changed(kafka: KafkaSettings, ruleset: RuleSet, port: int) -> dict[str, float]:
    """Apply another set: how long its publisher took, and how long it was until the worker had it in force."""
    before = await asyncio.to_thread(metric, port, LOADED)
    began, deadline = time.time(), time.monotonic() + DEADLINE_S
    await publish_rules(kafka, ruleset)
    published = time.time()
    while (loaded := await asyncio.to_thread(metric, port, LOADED)) <= before:
        if time.monotonic() > deadline:
            raise Unavailable(f"the worker has had no newer rules for {DEADLINE_S:g} s")
        await asyncio.sleep(POLL_S)
    stands = await _manifest_written_s(kafka)
    return {
        "change_publish_s": round(published - began, 2),
        "change_s": round(loaded - began, 2),
        "change_in_force_s": round(loaded - stands, 2),
    }


async def _manifest_written_s(kafka: KafkaSettings) -> float:
    """When the manifest that stands was written, by Kafka's timestamp, seconds since the epoch."""
    written = [
        one.timestamp
        async for one in scan(kafka, topics.RULES)
        if one.key == manifest_key(CURRENT, DEFAULT_TENANT).encode()
    ]
    return float(written[-1]) / 1000


def _weight(pid: int, name: str) -> dict[str, int]:
    """Resident memory of a process in MB, and the most it ever had."""
    now, most = resident_mb(pid)
    return {f"{name}_mb": now, f"{name}_peak_mb": most} if now else {}


def _load(rules: Path, article: Path) -> dict[str, Any]:
    """In the child: from the first file to an engine that has matched."""
    from service.ingest.decode import decode_article
    from service.matching.engine import Engine

    began, cpu = time.monotonic(), time.process_time()
    with collector_held():  # as `bongsu match` does
        ruleset = load_rules(rules)
        read_s = time.monotonic() - began
        engine = Engine(ruleset)
    took, took_cpu = time.monotonic() - began, time.process_time() - cpu
    found = engine.match(decode_article(article.read_bytes()))
    gc.collect()
    return {
        "yaml_s": round(took, 2),
        "yaml_cpu_s": round(took_cpu, 2),
        "of_which_compiling_s": round(took - read_s, 2),
        "mentions": len(found.mentions),
        **_weight(os.getpid(), "yaml"),
    }


if __name__ == "__main__":
    print(json.dumps(_load(Path(sys.argv[1]), Path(sys.argv[2]))), flush=True)  # noqa: T201
