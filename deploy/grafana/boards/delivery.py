"""Delivery: who gets his webhooks, how fast, and why somebody does not."""

from boards.overview import OUTCOMES
from boards.panels import (
    MUST_BE_ZERO,
    NO_COLOUR,
    Board,
    Column,
    Row,
    Variable,
    above,
    bars,
    below,
    column,
    dashboard_link,
    prom,
    runbook,
    sql,
    stat,
    table,
    timeseries,
)
from boards.queries import stage_quantile

CHOSEN = 'subscription=~"$subscription"'
MINE = "subscription ~ '^${subscription:regex}$'"
FINAL = "delivered|given_up|expired"
ONLY_THIS = dashboard_link("Only this subscription", "bongsu-delivery", subscription="${__field.labels.subscription}")
ONLY_THIS_ROW = dashboard_link(
    "Only this subscription", "bongsu-delivery", subscription="${__data.fields.Subscription}"
)
ENDS = (("red", None), ("orange", 0.0), ("green", 14 * 86400.0))
"""Of time that is left: it is over, less than two weeks, more."""


def attempts(outcome: str, over: str = "$__range") -> str:
    """Attempts by subscription."""
    selector = f'{CHOSEN}, outcome=~"{outcome}"'
    return f"sum by (subscription) (increase(bongsu_subscription_attempts_total{{{selector}}}[{over}]))"


def state(name: str) -> str:
    """Subscriptions in a state; every dispatcher tells of it."""
    return f'sum(max by (subscription) (bongsu_subscription_state{{{CHOSEN}, state="{name}"}})) or vector(0)'


SUMS = Row("In the time shown", [
    stat(
        "Accepted", f"sum({attempts('delivered')}) / (sum({attempts(FINAL)}) > 0)", unit="percentunit",
        steps=above(0.995, 0.95), decimals=2, width=3, links=[runbook("BongsuDeliveryFailingForAll")],
        about="Of the webhooks that came to an end, the share that was accepted. What the owner of a receiver removed "
        "(`undeliverable`) is no failure.",
    ),
    stat(
        "Accepted at once",
        f"sum({attempts('delivered')}) / (sum({attempts('delivered|retry|given_up|expired')}) > 0)",
        unit="percentunit", steps=above(0.95, 0.8), decimals=2, width=3,
        about="Accepted webhooks against all POSTs: what is missing to 100 % are attempts that failed.",
    ),
    stat(
        "Failing", state("failing"), unit="none", steps=below(1, 10), decimals=0, width=3,
        links=[runbook("BongsuSubscriptionFailing")],
        about="Subscriptions whose last attempt failed.",
    ),
    stat(
        "Only probes", state("open"), unit="none", steps=below(1, 10), decimals=0, width=3,
        links=[runbook("BongsuSubscriptionFailing")],
        about="Subscriptions whose circuit breaker is open: one POST now and then, the rest waits in a retry tier.",
    ),
    stat(
        "Disabled", state("disabled"), unit="none", steps=MUST_BE_ZERO, decimals=0, width=3,
        links=[runbook("BongsuSubscriptionDisabled")],
        about="Subscriptions that failed for days or answered 410. Their webhooks are kept until somebody enables "
        "them again, or they are too old.",
    ),
    stat(
        "Paused", state("paused"), unit="none", steps=(("text", None), ("blue", 1)), decimals=0, width=3,
        about="Subscriptions that their owner paused: their webhooks are kept.",
    ),
    stat(
        "Waiting for those on hold", "sum(bongsu_subscriptions_on_hold)", unit="none", steps=(("text", None), ("blue", 1)),
        decimals=0, width=3,
        about="Paused or disabled subscriptions for which at least one webhook waits.",
    ),
    stat(
        "All subscriptions", "max(bongsu_subscriptions)", unit="none", steps=NO_COLOUR, decimals=0, width=3,
        about="Known to the processes, paused and disabled ones too.",
    ),
])  # fmt: skip

BY_SUBSCRIPTION = Row("By subscription", [
    table(
        "Subscriptions", [
            column(f"sum by (subscription) (increase(bongsu_subscription_deliveries_total{{{CHOSEN}}}[$__range]))"),
            column(f"{attempts('delivered')} / ({attempts(FINAL)} > 0)"),
            column(attempts("retry")),
            column(attempts("given_up|expired")),
            column("histogram_quantile(0.95, sum by (le, subscription) "
                   f"(increase(bongsu_subscription_latency_seconds_bucket{{{CHOSEN}}}[$__range]))) > 0"),
            column(f"max by (subscription) (bongsu_subscription_state{{{CHOSEN}}} * 0 + 1)"),
        ], [
            Column("subscription", "Subscription", links=[ONLY_THIS_ROW]),
            Column("Value #A", "Webhooks", "locale", decimals=0),
            Column("Value #B", "Accepted", "percentunit", above(0.995, 0.95), decimals=1),
            Column("Value #C", "Retries", "locale", (("text", None), ("orange", 1.0)), decimals=0),
            Column("Value #D", "Lost to it", "locale", MUST_BE_ZERO, decimals=0),
            Column("Value #E", "95 % accepted within", "s", below(30, 300), decimals=2),
            Column("Value #F", "In trouble", "none", MUST_BE_ZERO, decimals=0),
        ],
        sort_by="Retries", links=[runbook("BongsuSubscriptionFailing"), runbook("BongsuWebhooksGivenUp")],
        about="In the time shown. `Lost to it`: the receiver refused for good, or for so long that the webhook was too "
        "old. `In trouble`: failing, only probes, disabled or paused (the panel below says which). Nothing stands where "
        "nothing came to an end.",
    ),
    timeseries(
        "Webhooks accepted, by subscription",
        [prom(attempts("delivered", "$__rate_interval"), "{{subscription}}")],
        unit="short", bars=True, stacked=True, value_links=[ONLY_THIS],
        about="In each interval. `other` is everyone beyond the cap of series.",
    ),
    timeseries(
        "Attempts that failed, by subscription",
        [prom(attempts("retry|given_up|expired", "$__rate_interval"), "{{subscription}}")],
        unit="short", bars=True, stacked=True, value_links=[ONLY_THIS],
        links=[runbook("BongsuSubscriptionFailing")],
        about="In each interval. One subscription: its receiver. All at once: our network.",
    ),
    timeseries(
        "Published to accepted, 95 %, by subscription", [
            prom("histogram_quantile(0.95, sum by (le, subscription) "
                 f"(rate(bongsu_subscription_latency_seconds_bucket{{{CHOSEN}}}[$__rate_interval])))", "{{subscription}}"),
        ],
        unit="s", log=True, value_links=[ONLY_THIS], links=[runbook("BongsuSlow")],
        about="In coarse steps (0.1, 0.5, 1, 5, 30, 300, 3600 s). Only what is told at once: digests are late on "
        "purpose and not counted.",
    ),
    timeseries(
        "States", [
            prom(f"max by (subscription, state) (bongsu_subscription_state{{{CHOSEN}}})", "{{subscription}}: {{state}}"),
        ],
        unit="none", value_links=[ONLY_THIS], links=[runbook("BongsuSubscriptionDisabled")],
        about="1 while a subscription is failing, gets only probes, is disabled or paused; nobody who is well is here.",
    ),
])  # fmt: skip

ATTEMPTS = Row("Attempts", [
    timeseries(
        "Outcomes", [prom("sum by (outcome) (rate(bongsu_attempts_total[$__rate_interval]))")], unit="reqps",
        stacked=True, colours=OUTCOMES, links=[runbook("BongsuDeliveryFailingForAll")],
        about="POSTs each second, of all subscriptions.",
    ),
    timeseries(
        "Why attempts fail", [prom("sum by (error) (increase(bongsu_attempt_errors_total[$__rate_interval])) > 0")],
        unit="short", bars=True, stacked=True, links=[runbook("BongsuSubscriptionFailing")],
        about="By class: an answer that is no 2xx (status, redirect, gone, throttled), or none (dns, connect, tls, "
        "timeout, reset).",
    ),
    timeseries(
        "One POST takes", [
            prom("histogram_quantile(0.99, sum by (le) (rate(bongsu_attempt_duration_seconds_bucket[$__rate_interval])))",
                 "99 %"),
            prom("histogram_quantile(0.5, sum by (le) (rate(bongsu_attempt_duration_seconds_bucket[$__rate_interval])))",
                 "half"),
        ],
        unit="s", log=True,
        about="From resolving the name to the end of the answer.",
    ),
    timeseries(
        "Under way and held in memory", [
            prom("sum(bongsu_deliveries_in_flight)", "under way"),
            prom("sum(bongsu_deliveries_held)", "offset not done"),
        ],
        unit="short", links=[runbook("BongsuLagGrowing")],
        about="POSTs under way, and records whose place in the topic cannot be acknowledged yet.",
    ),
    timeseries(
        "Resting in retry tiers", [prom("sum by (tier) (bongsu_retry_depth_records)")], unit="short", stacked=True,
        links=[runbook("BongsuRetriesStuck")],
        about="Webhooks that wait for their next attempt, by how long they rest.",
    ),
    timeseries(
        "Put aside without an attempt", [prom("sum by (why) (increase(bongsu_delivery_spills_total[$__rate_interval]))")],
        unit="short", bars=True, stacked=True,
        about="Sent to a retry tier because it was not due, its lane was busy, its breaker was open, or our side failed.",
    ),
    timeseries(
        "Endpoints with an open breaker, or near being disabled", [
            prom("sum(bongsu_endpoints_open)", "only probes"),
            prom("sum by (percent) (bongsu_endpoints_failing)", "{{percent}} % of the way to disabled"),
        ],
        unit="none", links=[runbook("BongsuSubscriptionFailing")],
        about="An endpoint is disabled after failures in a row over days; owners are warned on the way.",
    ),
    timeseries(
        "Endpoints warned about, disabled, recovered",
        [prom("sum by (event) (increase(bongsu_endpoint_events_total[$__rate_interval]))")],
        unit="short", bars=True, links=[runbook("BongsuSubscriptionDisabled")],
        colours={"failing": "orange", "disabled": "red", "recovered": "green"},
        about="Events of endpoints in each interval; they are also sent to whoever subscribed to them.",
    ),
    timeseries(
        "Faults of our own", [prom("sum by (fault) (increase(bongsu_delivery_own_faults_total[$__rate_interval]))")],
        unit="short", bars=True, links=[runbook("BongsuDispatcherOwnFaults")],
        about="POSTs that did not leave this machine: no network, no resolver, no sockets. No endpoint is charged.",
    ),
    timeseries(
        "Published to first attempt and to accepted, 99 %", [
            prom(stage_quantile(0.99, "first_attempt|accepted"), "{{stage}}", exemplars=True),
        ],
        unit="s", log=True, links=[runbook("BongsuSlow"), dashboard_link("All stages", "bongsu-overview")],
        about="The gap between the two is what receivers cost.",
    ),
])  # fmt: skip

PAST = Row("One by one (history)", [
    table(
        "Newest attempts that failed", [
            sql(f"""
SELECT started_ms AS "At", subscription AS "Subscription", number AS "Attempt", outcome AS "Outcome",
       status AS "Status", error AS "Error", duration_ms AS "Took", detail AS "Detail", delivery_id AS "Webhook"
FROM attempts
WHERE outcome <> 'delivered' AND started_ms >= $__from AND started_ms < $__to AND {MINE}
ORDER BY started_ms DESC, id DESC LIMIT 200"""),
        ], [
            Column("At", "At", "dateTimeAsIso", width=160),
            Column("Subscription", "Subscription", links=[ONLY_THIS_ROW], width=150),
            Column("Attempt", "Attempt", width=80),
            Column("Outcome", "Outcome", width=90),
            Column("Status", "Status", width=70),
            Column("Error", "Error", width=100),
            Column("Took", "Took", "ms", width=90, decimals=1),
            Column("Detail", "Detail"),
            Column("Webhook", "Webhook"),
        ],
        sort_by="At", links=[runbook("BongsuSubscriptionFailing")],
        about="`bongsu attempts SUBSCRIPTION` shows the same with the head of the answer.",
    ),
    bars(
        "Answers", sql(f"""
SELECT coalesce(status::text, error, 'none') AS "Answer", count(*) AS "Attempts"
FROM attempts
WHERE started_ms >= $__from AND started_ms < $__to AND {MINE}
GROUP BY 1 ORDER BY 2 DESC LIMIT 20"""),
        unit="locale", width=8,
        about="Attempts by HTTP status, or by what went wrong before there was one.",
    ),
    table(
        "Webhooks without an end, oldest first", [
            sql(f"""
SELECT created_ms AS "Since", subscription AS "Subscription", status AS "State", next_due_ms AS "Next attempt",
       id AS "Webhook"
FROM deliveries
WHERE status IN ('pending', 'retry', 'held') AND created_ms IS NOT NULL AND {MINE}
ORDER BY created_ms LIMIT 100"""),
        ], [
            Column("Since", "Since", "dateTimeAsIso", width=160),
            Column("Subscription", "Subscription", links=[ONLY_THIS_ROW]),
            Column("State", "State", width=80),
            Column("Next attempt", "Next attempt", "dateTimeAsIso", width=160),
            Column("Webhook", "Webhook"),
        ],
        width=16, height=8, sort_by="Since", ascending=True, links=[runbook("BongsuRetriesStuck")],
        about="What is not delivered and not given up: it waits for its first attempt, for the next one, or for a "
        "subscription that is disabled or paused.",
    ),
])  # fmt: skip

EXPIRY = Row("What ends soon", [
    table(
        "Secrets", [column(f"min by (subscription) (bongsu_secret_expiry_timestamp_seconds{{{CHOSEN}}}) - time()")], [
            Column("subscription", "Subscription"), Column("Value", "Old secret signs for", "s", ENDS, decimals=0),
        ],
        width=12, sort_by="Old secret signs for", ascending=True, links=[runbook("BongsuSecretExpires")],
        about="A secret was exchanged and the old one still signs beside it. A receiver that was not told fails when "
        "it ends.",
    ),
    table(
        "Certificates of endpoints", [column("min by (host) (bongsu_certificate_expiry_timestamp_seconds) - time()")], [
            Column("host", "Host"), Column("Value", "Valid for", "s", ENDS, decimals=0),
        ],
        width=12, sort_by="Valid for", ascending=True, links=[runbook("BongsuCertificateExpires")],
        about="As the endpoint showed it when it was last connected to. Its owner has to renew it.",
    ),
])  # fmt: skip

BOARD = Board(
    uid="bongsu-delivery",
    title="Bongsu: Delivery",
    about="Who gets his webhooks, how fast, and why somebody does not.",
    rows=[SUMS, BY_SUBSCRIPTION, ATTEMPTS, PAST, EXPIRY],
    variables=[
        Variable("subscription", "Subscription", "label_values(bongsu_subscription_deliveries_total, subscription)")
    ],
    history=True,
)
