"""docs/metrics.md says what the roles export, and what they export keeps contract 3.5."""

import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from service import app
from service.cli.generate_docs import insert, metrics_of, metrics_table
from service.metrics import RoleMetrics
from service.settings import Settings

DOC = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
ROLES: dict[str, app.MakeRole] = {
    "worker": app.make_worker, "dispatcher": app.make_dispatcher, "api": app.make_api, "audit": app.make_audit,
    "history": app.make_history,
}  # fmt: skip
UNITS = ("seconds", "records", "bytes")


def families(registry):
    return {family.name: family for family in registry.collect()}


async def exported(role, tmp_path):
    """What the role really exports before it connects."""
    registry = CollectorRegistry()
    settings = Settings({"BONGSU_DATA_DIR": str(tmp_path), "BONGSU_MATCHING_MORPHOLOGY": "false"})
    made = ROLES[role](settings, registry, RoleMetrics(registry, role))
    assert made.not_ready(), "nothing is ready before it is started"
    await made.stop()
    return families(registry)


@pytest.mark.parametrize("role", ["every role", *ROLES])
def test_the_table_is_what_the_code_defines(role):
    assert insert(DOC, f"metrics of {role}", metrics_table(metrics_of()[role])) == DOC, "run `make docs`"


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_exports_what_the_page_says_and_nothing_else(role, tmp_path):
    documented = families(metrics_of()["every role"]) | families(metrics_of()[role])
    found = await exported(role, tmp_path)
    # of the roles that read subscriptions: registered when the first are read, before the role is ready
    assert set(found) | {"bongsu_subscriptions"} == set(documented) | {"bongsu_subscriptions"}
    for name, family in found.items():
        assert (family.type, family.documentation) == (documented[name].type, documented[name].documentation)


@pytest.mark.parametrize("role", ["every role", *ROLES])
def test_names_keep_the_contract(role):
    for family in metrics_of()[role].collect():
        assert re.fullmatch(r"bongsu_[a-z0-9_]+[a-z0-9]", family.name)
        assert family.documentation.endswith(".")
        assert not family.name.endswith(("_total", "_ms", "_milliseconds", "_minutes", "_kb")), "base units"
        if family.type == "histogram":
            assert family.name.rpartition("_")[2] in UNITS


@pytest.mark.parametrize("role", ROLES)
async def test_every_series_stands_before_the_first_event(role, tmp_path):
    for family in (await exported(role, tmp_path)).values():
        # a gauge may have nothing to say; only of what is counted the step from nothing to one is lost
        assert not any(sample.name.endswith("_created") for sample in family.samples), "a third of a scrape for nobody"
        assert family.samples or family.type == "gauge", (
            f"{family.name} has labels and no zero: rate() would miss the first event"
        )


def test_what_the_page_says_to_watch_exists():
    known = {re.sub(r"_info$", "", name) for registry in metrics_of().values() for name in families(registry)}
    named = set(re.findall(r"bongsu_[a-z_]+[a-z]", DOC.split("## Every role", 1)[0]))
    assert named
    assert {re.sub(r"_(total|bucket|info)$", "", name) for name in named} <= known


def test_the_page_is_linked():
    root = Path(__file__).parents[2]
    pages = [root / "README.md", *(root / "docs").glob("*.md")]
    assert any("metrics.md" in page.read_text(encoding="utf-8") for page in pages if page.name != "metrics.md")
