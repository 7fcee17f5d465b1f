"""The database of the history, SQLite and PostgreSQL: its tables, who may open it, what it answers."""

import random

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from service.history import queries
from service.history.arrived import Arrived
from service.history.database import open_to_read, open_to_write, url_of
from service.history.fold import Fold, Rows
from service.history.migrate import drop_all, migrate
from service.history.queries import STALE_S, History
from service.history.store import Store
from service.history.tables import COVERAGE, metadata
from service.model.errors import BadInput, HistoryUnavailable, WrongSetup
from service.model.records import RuleHead, RuleMatch, StoryHead
from service.settings import Settings
from tests.builders import (
    alert_record,
    attempt_record,
    decision_record,
    delivery_record,
    evidence,
    match_record,
)


@pytest.fixture
def engine(history_url):
    made = open_to_write(history_url)
    yield made
    made.dispose()


@pytest.fixture
def history(history_url):
    asked = History(open_to_read(history_url))
    yield asked
    asked.close()


def put(engine, *records):
    """(topic, value) each, at places of their own."""
    rows, store = Rows(), Store(engine)
    for offset, (topic, value) in enumerate(records):
        Fold().take(rows, Arrived(topic, 0, offset, offset + 1, b"key", value))
    store.begin({("t", 0): (0, 0)})
    store.apply(rows, {("t", 0): (0, len(records), len(records))})
    store.tell({("t", 0): len(records)}, behind_records=0, now_ms=1_000_000)


def test_the_migrations_make_the_tables_that_the_code_knows(engine):
    assert migrate(engine) == (None, "0001")
    assert migrate(engine) == ("0001", "0001")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": "schema_version"})
        different = [
            one for one in compare_metadata(context, metadata) if getattr(one[1], "name", None) != "schema_version"
        ]
    assert different == []


def test_tables_of_a_newer_version_are_left_alone(engine):
    migrate(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE schema_version SET version_num = '9999'"))
    with pytest.raises(WrongSetup, match="tables of version 9999, which this Bongsu does not know"):
        migrate(engine)
    drop_all(engine)
    assert migrate(engine) == (None, "0001")


def test_a_migration_that_is_cut_off_leaves_nothing(engine, monkeypatch):
    """All of it is one transaction: whoever is killed within leaves the database as it was."""
    from alembic import command

    real = command.upgrade

    def cut_off(config, revision):
        real(config, revision)
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "upgrade", cut_off)
    with pytest.raises(KeyboardInterrupt):
        migrate(engine)
    monkeypatch.undo()
    assert migrate(engine) == (None, "0001")


def test_without_tables_the_answer_says_what_to_do(engine, history):
    with engine.connect():
        pass  # SQLite: the file is there now
    with pytest.raises(HistoryUnavailable, match="start the role `bongsu history`, or run `bongsu history migrate`"):
        history.progress()
    migrate(engine)
    with pytest.raises(HistoryUnavailable, match="was never read: start the role"):
        history.lag_s(0)


def test_how_far_it_is(engine, history):
    migrate(engine)
    store = Store(engine)
    store.tell({}, behind_records=7, now_ms=1_000)
    with pytest.raises(HistoryUnavailable, match=r"for the first time \(7 records to go\)"):
        history.lag_s(2_000)
    store.tell({}, behind_records=0, now_ms=10_000)
    store.tell({}, behind_records=3, now_ms=12_000)
    assert history.lag_s(15_000) == 5
    with pytest.raises(HistoryUnavailable, match="is 301 s behind"):
        history.lag_s(10_000 + int(STALE_S * 1000) + 1000)


@pytest.mark.parametrize("rare", [0, 5_000], ids=["walked", "looked_up"])
def test_pages_hold_each_row_once_newest_first(engine, history, monkeypatch, rare):
    monkeypatch.setattr(queries, "RARE", rare)
    migrate(engine)
    luck = random.Random(3)
    values = [
        ("attempts", attempt_record(f"msg_{n % 5}", luck.choice(["delivered", "retry"]), number=n, started_ms=luck.randrange(4)).encode())
        for n in range(60)
    ]  # fmt: skip
    decided = [("decisions", decision_record(f"alr_{n}", f"msg_{n}", rule=f"rule{n % 2}").encode()) for n in range(5)]
    put(engine, *values, *decided)
    everything = history.attempts("sub1", limit=1000)
    assert len(everything) == 60
    assert everything == sorted(everything, key=lambda row: row.place, reverse=True)
    for wanted, fits in (
        ({}, lambda _: True),
        ({"outcome": "retry"}, lambda row: row.outcome == "retry"),
        ({"delivery_id": "msg_2"}, lambda row: row.delivery_id == "msg_2"),
        ({"rule": "rule1"}, lambda row: row.delivery_id in {"msg_1", "msg_3"}),
        ({"since_ms": 1, "until_ms": 3}, lambda row: 1 <= row.started_ms < 3),
    ):
        found, after = [], None
        while page := history.attempts("sub1", limit=7, after=after, **wanted):
            found += page
            after = page[-1].place
        assert found == [row for row in everything if fits(row)]
    assert history.attempts("sub2", limit=9) == []


def test_what_is_written_reads_back_as_it_was(engine, history):
    migrate(engine)
    told = decision_record("alr_1", None, decision="suppressed", reason="filter", by="other/lang", rule="other/seoul")
    put(
        engine,
        ("deliveries", delivery_record("msg_1", '{"글": "나루시"}', created_ms=5, alert_ids=("alr_1", "alr_2")).encode()),
        ("attempts", attempt_record("msg_1", "retry", terminal=False, status=503, detail="nul \0 here", started_ms=7, next_due_ms=99).encode()),
        ("decisions", told.encode()),
        ("articles", '{"id": "a1", "title": "제목", "text": "비밀", "source": "한빛일보"}'.encode()),
    )  # fmt: skip
    row = history.delivery("msg_1")
    assert row is not None
    assert (row.body, row.alert_ids, row.status, row.next_due_ms) == (
        '{"글": "나루시"}',
        ("alr_1", "alr_2"),
        "retry",
        99,
    )
    (attempt,) = history.attempts_of("msg_1")
    assert (attempt.detail, attempt.status, attempt.terminal) == ("nul \ufffd here", 503, False)
    (decision,) = history.decisions("sub1", limit=9)
    assert (decision.rule, decision.by, decision.reason) == ("seoul", "lang", "filter"), "as its tenant's people say"
    with engine.connect() as connection:
        assert connection.execute(text("SELECT text FROM articles")).scalars().all() == [None]


def test_texts_are_kept_only_where_that_is_asked_for():
    rows = Rows()
    record = Arrived("articles", 0, 0, 1, b"a1", '{"id": "a1", "text": "나루시"}'.encode())
    Fold(keep_text=True).take(rows, record)
    assert rows.parts["articles"]["a1"]["text"] == "나루시"


@pytest.mark.parametrize(
    ("topic", "value"),
    [
        ("attempts", attempt_record(started_ms=2**63 + 5).encode()),
        ("deliveries", delivery_record("m" * 500, subscription="우" * 500).encode()),
    ],
)
def test_what_no_database_takes_is_unreadable_and_costs_only_itself(topic, value):
    rows = Rows()
    with pytest.raises(BadInput, match=r"more than (64 bits|512 bytes)"):
        Fold().take(rows, Arrived(topic, 0, 0, 1, b"key", value))
    assert rows.parts == {}


def test_coverage_counts_mentions_articles_and_stories(engine):
    migrate(engine)

    def matched(article, *entities):
        found = tuple(evidence(entity=name, start=at, end=at + 2) for at, name in enumerate(entities))
        rule = RuleMatch(match_id="m", rule=RuleHead(id="r", name="r"), mentions=found, mentions_total=len(found))
        return ("matches", match_record(article, matches=(rule, rule), published_ms=7_200_000).encode())

    put(
        engine,
        matched("a1", "harbour", "hill", "hill"),
        matched("a2", "harbour", "harbour", "other/harbour"),
        matched("a2", "harbour"),  # a newer version of it
        ("alerts", alert_record("sub1", "a1", alert_id="alr_1", story=StoryHead(id="sty_1")).encode()),
        ("alerts", alert_record("sub2", "a1", alert_id="alr_2", story=StoryHead(id="sty_1")).encode()),
    )
    with engine.connect() as connection:
        asked = text(f"SELECT {', '.join(COVERAGE)} FROM coverage ORDER BY tenant, entity")
        rows = [tuple(row) for row in connection.execute(asked)]
    assert rows == [
        ("default", "harbour", "한빛일보", 7_200_000, 2, 2, 1),
        ("default", "hill", "한빛일보", 7_200_000, 2, 1, 1),
    ]


def test_a_reader_sees_a_file_that_was_replaced(tmp_path):
    url = url_of(Settings({"BONGSU_DATA_DIR": str(tmp_path)}))
    history = History(open_to_read(url))
    with pytest.raises(HistoryUnavailable, match="there is no history at"):
        history.progress()
    for behind in (3, 4):
        engine = open_to_write(url)
        migrate(engine)
        Store(engine).tell({}, behind_records=behind, now_ms=1)
        engine.dispose()
        assert history.progress().behind_records == behind
        for path in tmp_path.glob("history.sqlite*"):
            path.rename(tmp_path / f"old-{behind}-{path.name}")
    history.close()


def test_a_writer_is_told_when_its_file_is_gone(tmp_path):
    url = url_of(Settings({"BONGSU_DATA_DIR": str(tmp_path)}))
    engine = open_to_write(url)
    migrate(engine)
    store = Store(engine)
    (tmp_path / "history.sqlite").unlink()
    with pytest.raises(WrongSetup, match="deleted or replaced while it was being written"):
        store.tell({}, behind_records=0, now_ms=1)
    engine.dispose()


@pytest.mark.parametrize(
    ("given", "driver"),
    [
        ("postgresql://me:secret@db.example.org/bongsu", "postgresql+psycopg"),
        ("postgresql+psycopg://db.example.org/bongsu", "postgresql+psycopg"),
        ("sqlite:////tmp/history.sqlite", "sqlite"),
    ],
)
def test_urls(given, driver):
    assert url_of(Settings({"BONGSU_HISTORY_URL": given})).drivername == driver


@pytest.mark.parametrize("given", ["mysql://db.example.org/bongsu", "no url", "sqlite://"])
def test_urls_that_are_none_are_refused_without_being_shown(given):
    with pytest.raises(WrongSetup, match="BONGSU_HISTORY_URL"):
        url_of(Settings({"BONGSU_HISTORY_URL": given}))


def test_a_database_that_does_not_answer(tmp_path):
    history = History(
        open_to_read(url_of(Settings({"BONGSU_HISTORY_URL": "postgresql://me:secret@127.0.0.1:1/bongsu"})))
    )
    with pytest.raises(HistoryUnavailable, match="does not answer") as told:
        history.progress()
    assert "secret" not in str(told.value)
    history.close()
