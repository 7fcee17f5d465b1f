"""What the worker says of its rules."""

from prometheus_client import CollectorRegistry

from service.metrics.worker import RuleMetrics


def made(limit=10):
    registry = CollectorRegistry()
    return RuleMetrics(registry, limit), lambda name, **labels: registry.get_sample_value(name, labels)


def test_rules_that_never_fire_are_counted_until_they_do():
    rules, value = made()
    rules.in_force("a" * 32, ["r1", "r2", "r3"], ["e1"], 100.0)
    assert (value("bongsu_rules_loaded"), value("bongsu_rules_unfired")) == (3, 3)
    assert value("bongsu_rules_info", version="a" * 12) == 1
    assert value("bongsu_rules_loaded_timestamp_seconds") == 100
    rules.found({"r1": 2, "r2": 1}, {"e1": 5})
    assert value("bongsu_rules_unfired") == 1
    assert value("bongsu_rule_matches_total", rule="r1") == 2
    assert value("bongsu_rule_matches_total", rule="r3") == 0, "its zero stands before it fires"
    assert value("bongsu_entity_mentions_total", entity="e1") == 5


def test_a_new_set_keeps_what_stays_and_forgets_what_goes():
    rules, value = made()
    rules.in_force("a" * 32, ["r1", "r2"], [], 0.0)
    rules.found({"r1": 1, "r2": 1}, {})
    rules.in_force("b" * 32, ["r2", "r9"], [], 1.0)
    assert value("bongsu_rules_unfired") == 1
    assert value("bongsu_rule_matches_total", rule="r1") is None
    assert value("bongsu_rules_info", version="a" * 12) is None
    rules.found({"r1": 1}, {})
    assert value("bongsu_rules_unfired") == 1, "a batch of before the change says nothing about the new set"
