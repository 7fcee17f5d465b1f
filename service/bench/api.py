"""`bongsu bench api`: articles/s through POST /v1/articles into a real Kafka, and how long a list of attempts takes.

The API is a process of its own, as it runs in production, and so is who posts; Kafka acknowledges every article
before an answer. Beside it, in the same run, a process that does nothing but send the same records with aiokafka: what
Python and Kafka allow on this machine.
"""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from aiokafka import TopicPartition

from service.adapters.kafka_client import make_consumer, make_producer, started, topic_name
from service.adapters.processes import spawn
from service.adapters.topics_admin import create_topics
from service.bench.access import make_token
from service.bench.corpus import articles
from service.bench.processes import used_cpu_s
from service.local import LocalStack, Roles
from service.model import topics
from service.settings import KafkaSettings, Settings

ARTICLES = 60_000
LENGTH = 590
"""Characters: an article of about 1.5 kB."""
EACH = 2_000
"""Articles of one request: 3 MB of the 5 that are allowed."""
CONNECTIONS = (1, 2, 4)
ROWS = 1_000_000
DEADLINE_S = 200.0
Progress = Callable[[str], None]


def run(*, quick: bool, progress: Progress) -> dict[str, Any]:
    """All measurements, on one embedded Kafka."""
    from service.bench.history import attempts_over  # with SQL: not for the processes that are measured

    share = 10 if quick else 1
    with tempfile.TemporaryDirectory(prefix="bongsu-bench-") as folder:
        result = asyncio.run(_publishing(Path(folder), ARTICLES // share, progress))
    result["attempts"] = attempts_over(ROWS // share, progress=progress)
    return result


async def _publishing(folder: Path, count: int, progress: Progress) -> dict[str, Any]:
    file = folder / "articles.jsonl"
    file.write_bytes(b"".join(orjson.dumps(one) + b"\n" for one in articles(count, watched=100, length=LENGTH)))
    result: dict[str, Any] = {"articles": count, "bytes_each": file.stat().st_size // count, "articles_each": EACH}
    async with LocalStack(folder, environ={}, progress=progress) as stack:
        await stack.start_kafka()
        bare = [await _bare(stack, file, progress)]
        result["post"] = [await _posted(stack, folder, file, number, progress) for number in CONNECTIONS]
        bare.append(await _bare(stack, file, progress))
    result["bare_producer"] = bare
    least = min(one["articles_per_s"] for one in result["post"])
    result["articles_per_s"] = least
    result["to_bare_producer"] = round(least * len(bare) / sum(one["articles_per_s"] for one in bare), 3)
    return result


async def _topics(stack: LocalStack, name: str) -> dict[str, str]:
    environ = {**stack.environ, "BONGSU_KAFKA_TOPIC_PREFIX": f"{name}{time.monotonic_ns()}."}
    await create_topics(Settings(environ).kafka)
    return environ


async def _bare(stack: LocalStack, file: Path, progress: Progress) -> dict[str, float]:
    told = await _child(await _topics(stack, "bare"), "bare", str(file))
    progress(f"bare producer: {told['articles_per_s']:,.0f} articles/s, {told['cpu_us_each']:.0f} us of CPU each")
    return told


async def _posted(stack: LocalStack, folder: Path, file: Path, number: int, progress: Progress) -> dict[str, Any]:
    environ = {**await _topics(stack, "post"), "BONGSU_API_PORT": "0"}
    token = await make_token(Settings(environ).kafka)
    async with Roles(folder / f"api{number}", environ) as roles:
        (role,) = await roles.start("api")
        url = f"http://127.0.0.1:{role.wait_ready(1)['ports']['api']}/v1/articles"
        before = used_cpu_s(role.pid)
        told = await _child(environ, "post", str(file), url, token, str(number))
        if (stored := await _stored(Settings(environ).kafka)) != told["accepted"]:
            raise RuntimeError(f"{told['accepted']} articles were accepted, and Kafka holds {stored}")
        told["api_cpu_us_each"] = round((used_cpu_s(role.pid) - before) / told["accepted"] * 1e6, 1)
    progress(
        f"{number} connections: {told['articles_per_s']:,.0f} articles/s, CPU each: "
        f"API {told['api_cpu_us_each']:.0f} us, client {told['client_cpu_us_each']:.0f} us"
    )
    return told


async def _stored(settings: KafkaSettings) -> int:
    """Records on the topic `articles`."""
    topic = topic_name(settings, topics.ARTICLES)
    parts = [TopicPartition(topic, number) for number in range(topics.DATA_PARTITIONS)]
    async with started(settings, make_consumer(settings, group=None)) as consumer:
        return sum((await consumer.end_offsets(parts)).values())


async def _child(environ: dict[str, str], *args: str) -> dict[str, Any]:
    """What a process of `main` below said."""
    log = Path(environ["BONGSU_DATA_DIR"]) / f"{args[0]}-{time.monotonic_ns()}.log"
    argv = [sys.executable, "-m", "service.bench.api", *args]
    child = spawn(argv, log_path=log, env={**environ, "PATH": "/usr/bin"})
    try:
        await asyncio.to_thread(child.wait, DEADLINE_S)
    finally:
        child.kill()
    told: dict[str, Any] = json.loads(log.read_text(encoding="utf-8").splitlines()[-1])
    return told


async def _send_bare(lines: list[bytes]) -> dict[str, Any]:
    settings = Settings().kafka
    made = [(str(orjson.loads(line)["id"]).encode(), line) for line in lines]
    topic = topic_name(settings, topics.ARTICLES)
    async with started(settings, make_producer(settings)) as producer:
        await producer.client.force_metadata_update()
        began, cpu = time.monotonic(), time.process_time()
        await asyncio.gather(*[await producer.send(topic, line, key) for key, line in made])
        seconds, used = time.monotonic() - began, time.process_time() - cpu
    return {"articles_per_s": round(len(made) / seconds), "cpu_us_each": round(used / len(made) * 1e6, 1)}


async def _post(lines: list[bytes], url: str, token: str, connections: int) -> dict[str, Any]:
    bodies = [b"\n".join(lines[at : at + EACH]) for at in range(0, len(lines), EACH)]
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/x-ndjson"}
    took: list[float] = []
    accepted = 0

    async def work(session: aiohttp.ClientSession) -> None:
        nonlocal accepted
        while bodies:
            body = bodies.pop()
            began = time.monotonic()
            async with session.post(url, data=body, headers=headers) as answer:
                told = await answer.json(content_type=None)
                if answer.status != 200:
                    raise RuntimeError(f"{answer.status}: {told}")
            took.append(time.monotonic() - began)
            accepted += told["accepted"]

    async with aiohttp.ClientSession() as session:
        began, cpu = time.monotonic(), time.process_time()
        await asyncio.gather(*[work(session) for _ in range(connections)])
        seconds, used = time.monotonic() - began, time.process_time() - cpu
    if accepted != len(lines):
        raise RuntimeError(f"{accepted} of {len(lines)} articles were accepted")
    took.sort()
    return {
        "connections": connections,
        "articles_per_s": round(accepted / seconds),
        "accepted": accepted,
        "requests": len(took),
        "request_p50_s": round(took[len(took) // 2], 3),
        "request_max_s": round(took[-1], 3),
        "client_cpu_us_each": round(used / accepted * 1e6, 1),
    }


def main(kind: str, file: str, *args: str) -> None:
    """One of the processes that are measured: prints what it saw as JSON."""
    lines = Path(file).read_bytes().splitlines()
    told = asyncio.run(_send_bare(lines) if kind == "bare" else _post(lines, args[0], args[1], int(args[2])))
    print(json.dumps(told), flush=True)  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
