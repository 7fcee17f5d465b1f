import orjson
import pytest

from service.adapters.receiver import Received
from service.audit.books import Balance
from service.cli.account import problems_of, read_expected
from service.cli.audit import as_text
from service.model.errors import BadInput

EXPECTED = {"a.txt": ["r1", "r2"], "b.txt": [], "c.jsonl#1": ["r1"]}


def webhook(number, rule, verified=True):
    body = orjson.dumps({"data": {"rule": {"id": rule, "name": rule}, "alerts": []}})
    return Received(f"msg_{number}", {}, body, 1.0, 204, verified)


ARRIVED = [webhook(1, "r1"), webhook(2, "r2"), webhook(3, "r1"), webhook(3, "r1")]


def account(delivered=3, **more):
    given = {
        "balanced": True, "at_rest": True, "unreadable": 0,
        "ledgers": {"deliveries": {"ends": {"delivered": delivered}}}, "topics": {"dead-letters": {"records": 0, "behind": None}},
    }  # fmt: skip
    return given | more


def test_nothing_is_wrong():
    assert problems_of(EXPECTED, 3, ARRIVED, account()) == []
    assert problems_of(None, 99, ARRIVED, account()) == [], "seeds of one's own promise nothing"


@pytest.mark.parametrize(
    ("published", "received", "of", "said"),
    [
        (2, ARRIVED, account(), "2 articles were published, expected.yaml names 3"),
        (3, ARRIVED[1:], account(), "promises 2 webhooks of the rule r1, 1 arrived"),
        (3, [*ARRIVED, webhook(4, "r9")], account(4), "promises 0 webhooks of the rule r9, 1 arrived"),
        (3, [*ARRIVED[:2], webhook(3, "r2")], account(), "promises 2 webhooks of the rule r1, 1 arrived"),
        (3, [*ARRIVED, webhook(1, "r1", verified=False)], account(), "1 webhooks did not verify"),
        (3, ARRIVED, account(2), "3 different webhooks arrived, 2 were accounted as delivered"),
        (3, ARRIVED, account(topics={"dead-letters": {"records": 4}}), "4 records went to dead-letters"),
    ],
)
def test_each_fault_is_told(published, received, of, said):
    assert any(said in problem for problem in problems_of(EXPECTED, published, received, of))


@pytest.mark.parametrize("text", ["a.txt: [", "- a.txt", "a.txt: r1", "", "\x00"])
def test_an_expectation_that_is_none_is_refused(tmp_path, text):
    (tmp_path / "expected.yaml").write_text(text)
    with pytest.raises(BadInput, match=r"expected\.yaml"):
        read_expected(tmp_path)


def test_no_expectation_is_none(tmp_path):
    assert read_expected(tmp_path) is None


def test_the_account_names_what_is_unreadable():
    balance = Balance("alerts", 3, 1, 1, 1, 0, 5, {"notified": 1}, ("alr_1",))
    ledger = {"entries": balance.entries, "ended": balance.ended, "pending": 1, "unaccounted": 1, "conflicting": 0, "ends": balance.ends, "balanced": False, "examples": balance.examples}  # fmt: skip
    text = as_text({"ledgers": {"alerts": ledger}, "topics": {"alerts": {"records": 9, "behind": 2}}, "unreadable": 7})
    assert "DOES NOT BALANCE: 3 ids, ended 1 (notified 1), pending 1, unaccounted 1" in text
    assert "look at: alr_1" in text
    assert "9 records, 2 not yet acknowledged" in text
    assert "unreadable records in these topics: 7" in text
