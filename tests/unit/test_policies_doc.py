"""docs/policies.md is what the code does: its examples load, its fields are all there, its refusal is the refusal."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from service.adapters.rule_files import load_rules, read_value
from service.alerting.policy import resolve
from service.model.errors import BadInput
from service.model.policy import DigestModel, FiltersModel, FrequencyModel, PolicyModel, QuietModel, RenotifyModel
from service.model.policy_check import checked_policy
from tests.golden.test_day import DECISIONS

PAGE = Path(__file__).parents[2] / "docs" / "policies.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)


def test_the_whole_policy_of_the_page_can_be_kept() -> None:
    (block,) = [block for block in BLOCKS if "# policy.yaml" in block]
    policy = resolve(checked_policy(read_value(block, "policies.md")), None)
    assert (policy.mode, policy.group_wait_ms, policy.max_per_hour, len(policy.quiet)) == ("first", 60_000, 20, 2)


def test_the_rule_of_the_page_loads(tmp_path: Path) -> None:
    (block,) = [block for block in BLOCKS if block.startswith("rules:")]
    (tmp_path / "r.yaml").write_text("entities: [{id: harbour, name: 나루시}]\n" + block, encoding="utf-8")
    (rule,) = load_rules(tmp_path).rules
    assert rule.policy == {"mode": "each", "urgent": True}


def test_the_refusal_of_the_page_is_what_is_said() -> None:
    with pytest.raises(BadInput) as refused:
        checked_policy({"mode": "digest", "timezone": "Europe/Berlin", "digest": {"times": ["02:30"]}})
    assert f"bongsu: {refused.value}\n" in TEXT


@pytest.mark.parametrize("part", [PolicyModel, FiltersModel, RenotifyModel, QuietModel, DigestModel, FrequencyModel])
def test_every_field_stands_on_the_page(part: type[BaseModel]) -> None:
    table = TEXT.partition("| Field | Means |")[2].partition("\n\n")[0]
    for name, field in part.model_fields.items():
        assert re.search(rf"`(\w*\.)?{field.alias or name}`|\b{field.alias or name}\b", table), name


@pytest.mark.parametrize("decision", sorted(DECISIONS))
def test_every_reason_that_a_day_meets_stands_beside_its_decision(decision: str) -> None:
    row = re.search(rf"^\| `{decision}` \|.*$", TEXT, re.MULTILINE)
    assert row
    assert {reason for reason in DECISIONS[decision] if f"`{reason}`" not in row[0]} == set()
