"""The commands against a real Kafka, as a person calls them: exit codes, what is said, and where."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from service.adapters.control import read_subscriptions, read_whole
from service.adapters.embedded_kafka import free_port
from service.adapters.kafka_client import topic_name
from service.adapters.topics_admin import delete_topics
from service.model import topics
from service.model.ids import default_article_id
from service.model.topics import TOPICS
from tests.conftest import in_new_loop
from tests.e2e.test_embedded_kafka import read_all
from tests.waiting import wait_for

pytestmark = pytest.mark.kafka

RULES = """
entities: [{id: seoul-city, name: 서울시, kind: government}]
rules: [{id: seoul, name: 서울시, when: '@seoul-city'}]
"""


def articles(settings):
    return in_new_loop(lambda: read_all(settings, topics.ARTICLES))


def test_ingest_of_good_files(bongsu, kafka_settings, tmp_path):
    (tmp_path / "a.txt").write_bytes("서울시, 충칭시와 협약\n본문이다.\n".encode())
    (tmp_path / "b.html").write_bytes("<title>표제</title><p>한국어 기사</p>".encode("cp949"))
    lines = [
        '{"id": "given", "text": "x", "n": 12345678901234567890123, "schema": 1}',
        "",
        '{ "title":"둘째", "odd": 1e2}',
        '{"id": null, "text": "y"}',
    ]
    (tmp_path / "c.jsonl").write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    done = bongsu("ingest", tmp_path / "a.txt", tmp_path / "b.html", tmp_path / "c.jsonl")
    assert (done.returncode, done.stdout, done.stderr) == (0, "5 articles acknowledged by Kafka, 0 refused\n", "")
    found = {key.decode(): value for _, key, value in articles(kafka_settings)}
    text_id = default_article_id(None, None, "서울시, 충칭시와 협약", "본문이다.\n")
    assert json.loads(found[text_id]) == {
        "id": text_id,
        "schema": 1,
        "title": "서울시, 충칭시와 협약",
        "text": "본문이다.\n",
    }
    html = "<title>표제</title><p>한국어 기사</p>"
    html_id = default_article_id(None, None, None, html)
    assert json.loads(found[html_id]) == {"id": html_id, "schema": 1, "html": html}
    assert found["given"] == lines[0].encode()  # not a byte of it is touched
    second_id = default_article_id(None, None, "둘째", None)
    assert found[second_id] == f'{{"id":"{second_id}","schema":1, "title":"둘째", "odd": 1e2}}'.encode()
    null_id = default_article_id(None, None, None, "y")
    assert json.loads(found[null_id]) == {"schema": 1, "id": None, "text": "y"}
    again = bongsu("ingest", tmp_path)  # a directory is searched
    assert again.stdout.startswith("5 articles acknowledged")
    assert {key.decode() for _, key, _ in articles(kafka_settings)} == set(found)
    named = bongsu("ingest", "--ids", tmp_path / "a.txt", tmp_path / "c.jsonl").stdout.splitlines()
    places = (tmp_path / "a.txt", *(f"{tmp_path / 'c.jsonl'}:{line}" for line in (1, 3, 4)))
    ids = (text_id, "given", second_id, null_id)
    assert named[:-1] == [f"{one}  {place}" for one, place in zip(ids, places, strict=True)]


def test_a_bad_file_or_line_is_told_with_its_place_and_costs_nothing_else(bongsu, kafka_settings, tmp_path):
    bad = tmp_path / "bad.jsonl"
    bad.write_text(
        '{"id": "1", "text": "a"}\nnot json\n{"id": "3"}\n{"text": 4}\n{"schema": 99, "text": "n"}\n{"id": "6", "text": "b"}\n'
    )
    (tmp_path / "neither.txt").write_bytes(b"\xff\xfe\x00\xd8")
    (tmp_path / "picture.png").write_bytes(b"")
    huge = tmp_path / "huge.jsonl"
    huge.write_text(json.dumps({"id": "huge", "text": "h" * 6_300_000}) + '\n{"id": "after", "text": "c"}')
    done = bongsu("ingest", bad, tmp_path / "neither.txt", tmp_path / "picture.png", tmp_path / "missing.txt", huge)
    assert done.returncode == 1
    assert done.stdout == "3 articles acknowledged by Kafka, 8 refused\n"
    told = done.stderr.splitlines()
    places = [
        f"{bad}:2",
        f"{bad}:3",
        f"{bad}:4",
        f"{bad}:5",
        tmp_path / "neither.txt",
        tmp_path / "picture.png",
        tmp_path / "missing.txt",
        f"{huge}:1",
    ]
    assert [line.split(": ")[0] for line in told] == list(map(str, places))
    assert "not JSON" in told[0]
    assert "UTF-8" in told[4]
    assert "No such file" in told[6]
    assert "up to 6 MB" in told[7]
    assert {key for _, key, _ in articles(kafka_settings)} == {b"1", b"6", b"after"}


def test_lines_from_a_pipe_are_published_as_they_come(bongsu, kafka_env, kafka_settings):
    with subprocess.Popen(
        [sys.executable, "-m", "service", "ingest", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **kafka_env},
    ) as process:
        assert process.stdin
        process.stdin.write(b'{"id": "first", "text": "a"}\n{"id": "sec')
        process.stdin.flush()
        wait_for(lambda: [key for _, key, _ in articles(kafka_settings)] == [b"first"])
        assert process.poll() is None  # the pipe is open: it waits
        out, _ = process.communicate(b'ond", "text": "b"}', timeout=30)
        assert out == b"2 articles acknowledged by Kafka, 0 refused\n"
        assert process.returncode == 0
    assert {key for _, key, _ in articles(kafka_settings)} == {b"first", b"second"}


def test_ctrl_c_ends_a_silent_pipe_at_once(kafka_env, kafka_settings):
    with subprocess.Popen(
        [sys.executable, "-m", "service", "ingest", "-"], stdin=subprocess.PIPE, env={**os.environ, **kafka_env}
    ) as process:
        assert process.stdin
        process.stdin.write(b'{"id": "first", "text": "a"}\n')
        process.stdin.flush()
        wait_for(lambda: articles(kafka_settings))
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130


def test_ingest_from_files_as_standard_input(kafka_env, kafka_settings, tmp_path):
    (tmp_path / "in.jsonl").write_text('{"text": "a"}\n')
    for path, count in ((tmp_path / "in.jsonl", 1), (os.devnull, 0)):
        with Path(path).open("rb") as stream:
            done = subprocess.run(
                [sys.executable, "-m", "service", "ingest", "-"],
                stdin=stream,
                capture_output=True,
                check=False,
                timeout=60,
                env={**os.environ, **kafka_env},
            )
        assert done.stdout.decode() == f"{count} articles acknowledged by Kafka, 0 refused\n"


def test_subscribe_list_remove(bongsu, kafka_settings):
    made = bongsu(
        "subscribe", "--url", "https://alerts.example.org/in", "--rule", "seoul-*", "--rule", "x", "--name", "시청"
    )
    assert (made.returncode, made.stderr) == (0, "")
    shown = json.loads(made.stdout)
    [stored] = in_new_loop(lambda: read_subscriptions(kafka_settings))
    assert json.loads(stored.encode()) == shown
    assert (shown["name"], shown["rules"], shown["url"]) == ("시청", ["seoul-*", "x"], "https://alerts.example.org/in")
    secret = shown["secrets"][0]
    assert secret.startswith("whsec_")
    assert len(secret) == len("whsec_") + 44
    listed = bongsu("subscriptions", "list")
    assert json.loads(listed.stdout)["secrets"] == ["whsec_***"]
    assert secret not in listed.stdout + listed.stderr
    assert bongsu("subscriptions", "remove", "sub_none").returncode == 2
    assert bongsu("subscriptions", "remove", shown["id"]).returncode == 0
    assert in_new_loop(lambda: read_subscriptions(kafka_settings)) == ()
    (gone,) = in_new_loop(lambda: read_whole(kafka_settings, topics.SUBSCRIPTIONS)).values()
    assert secret.encode() not in gone, "what stands for it holds nothing of it"
    assert b"alerts.example.org" not in gone


def test_subscribe_with_a_secret_of_ones_own_and_a_local_url(bongsu):
    secret = "whsec_" + "QUJD" * 8
    url = "http://127.0.0.1:8080/hook"
    made = bongsu("subscribe", "--url", url, "--secret", secret)
    assert json.loads(made.stdout)["secrets"] == [secret]
    assert json.loads(made.stdout)["rules"] == ["*"]
    assert "BONGSU_DELIVERY_ALLOW_ADDRESSES" in made.stderr
    allowed = bongsu("subscribe", "--url", url, "--secret", secret, BONGSU_DELIVERY_ALLOW_ADDRESSES="127.0.0.0/8")
    assert allowed.stderr == ""


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--url", "ftp://example.org/"], "only https and http"),
        (["--url", "example.org/in"], "only https and http"),
        (["--url", "https:///in"], "no host"),
        (["--url", "https://u:p@example.org/"], "user name"),
        (["--url", "https://example.org/", "--secret", "whsec_QUJD"], "24 to 64 bytes"),
        (["--url", "https://example.org/", "--secret", "whsec_!!"], "not base64"),
        (["--url", "https://example.org/", "--secret", "hunter2"], "starts with whsec_"),
        (["--url", "https://example.org/", "--rule", ""], "a glob over rule ids is needed"),
    ],
)
def test_a_subscription_that_cannot_work_is_refused(bongsu, kafka_settings, args, says):
    refused = bongsu("subscribe", *args)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert says in refused.stderr
    assert "Traceback" not in refused.stderr
    assert "hunter2" not in refused.stderr
    assert in_new_loop(lambda: read_subscriptions(kafka_settings)) == ()


def test_rules_apply(bongsu, kafka_settings, tmp_path):
    (tmp_path / "watch.yaml").write_text(RULES, encoding="utf-8")
    first = bongsu("rules", "apply", tmp_path)
    assert (first.returncode, first.stderr) == (0, "")
    assert "rules applied: 1 rule, version " in first.stdout
    assert "(2 written, 0 unchanged, 0 removed)" in first.stdout
    assert "(0 written, 2 unchanged, 0 removed)" in bongsu("rules", "apply", tmp_path).stdout
    before = in_new_loop(lambda: read_whole(kafka_settings, topics.RULES))
    (tmp_path / "watch.yaml").write_text(RULES.replace("'@seoul-city'", "'@seoul-city AND'"), encoding="utf-8")
    refused = bongsu("rules", "apply", tmp_path)
    assert refused.returncode == 2
    assert "watch.yaml:3:" in refused.stderr
    assert in_new_loop(lambda: read_whole(kafka_settings, topics.RULES)) == before


def test_topics_create_and_list(bongsu, kafka_settings):
    assert bongsu("topics", "list").returncode == 0
    assert bongsu("topics", "create").stdout.count("there ") == len(TOPICS)
    in_new_loop(lambda: delete_topics(kafka_settings, [topic_name(kafka_settings, "tokens")]))
    wait_for(lambda: bongsu("topics", "list").returncode == 1)
    assert f"missing  {kafka_settings.topic_prefix}tokens" in bongsu("topics", "list").stdout
    made = bongsu("topics", "create")
    assert made.returncode == 0
    assert f"created  {kafka_settings.topic_prefix}tokens" in made.stdout
    lines = [json.loads(line) for line in bongsu("topics", "list", "--json").stdout.splitlines()]
    assert {line["state"] for line in lines} == {"there"}


def test_every_command_says_so_when_there_is_no_kafka(bongsu, tmp_path):
    (tmp_path / "a.txt").write_text("t\nx")
    (tmp_path / "watch.yaml").write_text(RULES, encoding="utf-8")
    nobody = {"BONGSU_KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}"}
    for args in (
        ["ingest", tmp_path / "a.txt"],
        ["topics", "create"],
        ["topics", "list"],
        ["subscribe", "--url", "https://example.org/"],
        ["subscriptions", "list"],
        ["rules", "apply", tmp_path],
    ):
        done = bongsu(*args, **nobody)
        assert done.returncode == 1, args
        assert done.stderr.startswith("bongsu: Kafka at 127.0.0.1:"), done.stderr
        assert len(done.stderr.splitlines()) == 1
    doctor = bongsu("doctor", **nobody)
    assert doctor.returncode == 1
    assert doctor.stdout.startswith("error    kafka "), doctor.stdout


def test_a_topic_that_is_missing_is_said_at_once(bongsu, tmp_path):
    (tmp_path / "a.txt").write_text("t\nx")
    done = bongsu("ingest", tmp_path / "a.txt", BONGSU_KAFKA_TOPIC_PREFIX="nowhere.")
    assert (done.returncode, done.stdout) == (2, "")
    assert "nowhere.articles does not exist; run `bongsu topics create`" in done.stderr
