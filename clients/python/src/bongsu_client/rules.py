"""What is looked for: the rule set in force, and drafts of another."""

from typing import Any

from bongsu_client import models
from bongsu_client.pages import Pages
from bongsu_client.resource import PAGE, Resource, matching, path_of

ROOT = "/v1/rules"


class Rules(Resource):
    """Methods of /v1/rules and /v1/entities. Rules are the text of a rule file (YAML or JSON), or what JSON makes."""

    def list_rules(self, *, limit: int = PAGE, cursor: str | None = None) -> Pages[models.Rule]:
        """Those in force, by id."""
        return self._pages(models.Rule, ROOT, {}, limit, cursor)

    def rules_version(self) -> str | None:
        """Of the set in force, for `if_match`; None: there is none."""
        etag = self._transport.call("GET", ROOT, query={"limit": 1}).headers.get("ETag")
        return None if etag is None else str(etag)

    def get_rule(self, rule_id: str) -> models.RuleWithSource:
        """One, with its source."""
        return self._json(models.RuleWithSource, "GET", path_of("rules", rule_id))

    def list_entities(self, *, limit: int = PAGE, cursor: str | None = None) -> Pages[models.Entity]:
        """Those in force, by id."""
        return self._pages(models.Entity, "/v1/entities", {}, limit, cursor)

    def get_entity(self, entity_id: str) -> models.Entity:
        """One, with its source."""
        return self._json(models.Entity, "GET", path_of("entities", entity_id))

    def apply_rules(self, rules: str | dict[str, Any], *, if_match: str) -> models.Applied:
        """Put a set in force in place of the version `if_match` (`rules_version()`; "none" where there is none)."""
        return self._json(models.Applied, "PUT", ROOT, **_written(rules, matching(if_match)))

    def check_rules(self, rules: str | dict[str, Any]) -> models.Checked:
        """Whether a draft loads, and what will be regretted."""
        return self._json(models.Checked, "POST", f"{ROOT}/check", **_written(rules, {}))

    def explain_rules(self, body: models.ExplainRequest) -> models.Explained:
        """Why a rule finds something in an article, or does not."""
        return self._json(models.Explained, "POST", f"{ROOT}/explain", json=body)

    def backtest_rules(self, body: models.BacktestRequest) -> models.Backtested:
        """What a draft would have found in the last day."""
        return self._json(models.Backtested, "POST", f"{ROOT}/backtest", json=body)


def _written(rules: str | dict[str, Any], headers: dict[str, str | None]) -> dict[str, Any]:
    if isinstance(rules, str):
        return {"content": rules.encode("utf-8"), "headers": headers | {"Content-Type": "application/yaml"}}
    return {"json": rules, "headers": headers}
