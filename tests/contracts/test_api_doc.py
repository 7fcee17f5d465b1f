"""docs/api.md names what there is: every problem with its status, every scope, every setting of the limits."""

import json
import re
from pathlib import Path
from typing import get_args

import pytest

from service.api.problems import KINDS
from service.model.control_records import Scope
from service.settings import ApiSettings, variables

DOC = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")


def test_every_problem_has_a_heading_and_no_other_does():
    part = DOC.split("## Problems\n", 1)[1]
    assert re.findall(r"^### (.+)$", part, re.MULTILINE) == list(KINDS)


@pytest.mark.parametrize("slug", KINDS)
def test_a_problem_says_its_status_its_cause_and_its_cure(slug):
    text = DOC.split(f"### {slug}\n", 1)[1].split("\n#", 1)[0].strip()
    assert text.startswith(f"{KINDS[slug].status}. **Cause**: ")
    assert "**Cure**: " in text


def test_every_scope_is_in_the_table():
    assert re.findall(r"^\| `([a-z]+:[a-z]+)` \|", DOC, re.MULTILINE) == list(get_args(Scope))


def test_the_example_is_a_problem():
    found = re.search(r"```json\n(.*?)```", DOC, re.DOTALL)
    assert found
    example = json.loads(found[1])
    kind = KINDS[example["type"].removeprefix("urn:bongsu:problem:")]
    assert (example["title"], example["status"]) == (kind.title, kind.status)


def test_the_limits_are_those_of_the_settings():
    named = set(re.findall(r"BONGSU_[A-Z_]+", DOC))
    assert named <= set(variables())
    of = ApiSettings()
    for said in (
        f"{of.requests_per_s:g} a second, {of.burst} at once", f"{of.failed_logins} at once",
        f"{of.max_body_bytes:,} bytes", f"{of.timeout_s:g} s",
    ):  # fmt: skip
        assert said in DOC, said
