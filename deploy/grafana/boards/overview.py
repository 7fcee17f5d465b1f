"""Overview: does news flow, is anything lost, is every process well."""

from boards.panels import (
    GREEN,
    MUST_BE_ZERO,
    NO_COLOUR,
    Board,
    Column,
    Row,
    above,
    below,
    column,
    dashboard_link,
    prom,
    runbook,
    stat,
    table,
    timeseries,
)
from boards.queries import stage_quantile

OUTCOMES = {
    "delivered": "green", "retry": "orange", "held": "blue", "given_up": "red", "expired": "dark-red",
    "undeliverable": "purple",
}  # fmt: skip

TO_DELIVERY = dashboard_link("Delivery, by subscription", "bongsu-delivery")
TO_RULES = dashboard_link("Rules", "bongsu-rules")
TO_COVERAGE = dashboard_link("Coverage", "bongsu-coverage")


HEALTH = Row("Is it healthy?", [
    stat(
        "Not ready", "sum(bongsu_ready == bool 0)", unit="none", steps=MUST_BE_ZERO, decimals=0,
        about="Processes that answer and say that they are not ready; /readyz of each says why. A process that does "
        "not answer at all is not counted here: the alert BongsuRoleDown is for that.",
        links=[runbook("BongsuNotReady"), runbook("BongsuRoleDown")],
    ),
    stat(
        "Lost or told twice",
        "sum(max by (ledger) (bongsu_account_unaccounted)) + sum(max by (ledger) (bongsu_account_conflicting))",
        unit="none", steps=MUST_BE_ZERO, decimals=0,
        about="Alerts and deliveries without an end, or with two, in the books of the audit role. Anything but 0 is a "
        "fault of Bongsu: `bongsu audit` names examples.",
        links=[runbook("BongsuBooksDoNotBalance")],
    ),
    stat(
        "Books are whole up to", "time() - max(bongsu_account_watermark_timestamp_seconds)", unit="s",
        steps=below(300, 900), decimals=0,
        about="How long ago the last finished reading of the books began. While this grows nobody knows whether "
        "anything is lost.",
        links=[runbook("BongsuBooksStale")],
    ),
    stat(
        "Oldest record that waits", 'max(bongsu_group_oldest_seconds{topic=~"articles|matches|alerts|deliveries"})',
        unit="s", steps=below(30, 300), decimals=1,
        about="Age of the oldest article, match, alert or delivery that nobody has acknowledged; looked at by the "
        "audit role. Retry tiers rest on purpose and are not counted.",
        links=[runbook("BongsuStageStuck"), runbook("BongsuLagGrowing")],
    ),
    stat(
        "Dead letters",
        "sum(increase(bongsu_dead_letters_total[$__range])) "
        "+ sum(increase(bongsu_delivery_dead_letters_total[$__range]))",
        unit="none", steps=below(1, 100), decimals=0,
        about="Records that could not be read, in the time shown. They are kept in the topic `dead-letters`, the "
        "reason is a header.",
        links=[runbook("BongsuDeadLetters")],
    ),
    stat(
        "Rules refused", "max(bongsu_rules_refused)", unit="none", steps=MUST_BE_ZERO, decimals=0,
        about="1 while a newer rule set does not load: the last good one stays in force, the log says why.",
        links=[runbook("BongsuRulesRefused"), TO_RULES],
    ),
    stat(
        "Articles", "sum(rate(bongsu_articles_total[$__rate_interval]))", unit="reqps", steps=NO_COLOUR, decimals=1,
        about="Articles read each second. 0 while newspapers publish is a stalled input.",
        links=[runbook("BongsuInputStalled"), TO_COVERAGE],
    ),
    stat(
        "Published to decided, 99 %", stage_quantile(0.99, "group", "le"), unit="s", steps=below(5, 10), decimals=2,
        about="99 of 100 articles with an alert were decided within this time of being published. Promised: 10 s for "
        "995 of 1000.",
        links=[runbook("BongsuSlow")],
    ),
    stat(
        "Published to accepted, 99 %", stage_quantile(0.99, "accepted", "le"), unit="s", steps=below(30, 300),
        decimals=2,
        about="The same, until the receiver said 2xx. What a policy holds back for a digest is late on purpose.",
        links=[runbook("BongsuSlow"), TO_DELIVERY],
    ),
    stat(
        "Webhooks accepted",
        'sum(increase(bongsu_attempts_total{outcome="delivered"}[$__range])) / '
        '(sum(increase(bongsu_attempts_total{outcome=~"delivered|given_up|expired"}[$__range])) > 0)',
        unit="percentunit", steps=above(0.995, 0.95), decimals=2,
        about="Of the webhooks that came to an end in the time shown, the share that was accepted. Retries are no end.",
        links=[runbook("BongsuDeliveryFailingForAll"), TO_DELIVERY],
    ),
    stat(
        "Subscriptions in trouble",
        'sum(max by (subscription) (bongsu_subscription_state{state=~"open|disabled"})) or vector(0)',
        unit="none", steps=below(1, 10), decimals=0,
        about="Subscriptions that get only probes after failures in a row, or that were disabled.",
        links=[runbook("BongsuSubscriptionFailing"), TO_DELIVERY],
    ),
    stat(
        "History is behind", "max(bongsu_history_lag_seconds)", unit="s", steps=below(60, 300), decimals=0,
        about="How old the answers of the API about the past, and the SQL panels of these dashboards, are.",
        links=[runbook("BongsuHistoryBehind")],
    ),
])  # fmt: skip

FLOW = Row("Does news flow?", [
    timeseries(
        "Articles, by what became of them", [prom("sum by (result) (rate(bongsu_articles_total[$__rate_interval]))")],
        unit="reqps", stacked=True, links=[runbook("BongsuInputStalled"), TO_COVERAGE],
        colours={"matched": "green", "unmatched": "text", "dead_letter": "red", "taken_down": "purple"},
        about="Articles read from the topic, each second: with a rule in them, without one, unreadable, withdrawn.",
    ),
    timeseries(
        "From publishing to the end of each stage, 99 %",
        [prom(stage_quantile(0.99, "consume|match|story|group|first_attempt|accepted"), "{{stage}}", exemplars=True)],
        unit="s", log=True, links=[runbook("BongsuSlow")],
        about="One clock for all stages: each contains the ones before it, so the gap between two lines is what that "
        "stage costs. Points are exemplars: their trace_id is in the header traceparent of the webhook.",
    ),
    timeseries(
        "From publishing to the end of each stage, half of all",
        [prom(stage_quantile(0.5, "consume|match|story|group|first_attempt|accepted"), "{{stage}}")],
        unit="s", log=True, links=[runbook("BongsuSlow")],
        about="The median of the same: what is usual, where the panel beside says what is rare.",
    ),
    timeseries(
        "Decisions about alerts", [prom("sum by (decision) (rate(bongsu_decisions_total[$__rate_interval]))")],
        unit="reqps", stacked=True, links=[TO_RULES],
        about="Told at once, attached to a story that was told, held for later, silenced, expired, suppressed. Each "
        "alert that is held is decided a second time.",
    ),
    timeseries(
        "Webhooks, by outcome of the attempt",
        [prom("sum by (outcome) (rate(bongsu_attempts_total[$__rate_interval]))")],
        unit="reqps", stacked=True, colours=OUTCOMES, links=[runbook("BongsuDeliveryFailingForAll"), TO_DELIVERY],
        about="POSTs each second. `retry` will be tried again, `held` waits for a subscription that is disabled or "
        "paused, the rest is final.",
    ),
    timeseries(
        "Alerts", [
            prom("sum(rate(bongsu_matches_total[$__rate_interval]))", "rules found in articles"),
            prom("sum(rate(bongsu_alerts_total[$__rate_interval]))", "alerts for subscriptions"),
            prom("sum(rate(bongsu_deliveries_total[$__rate_interval]))", "webhooks to be sent"),
        ],
        unit="reqps", links=[TO_RULES],
        about="How many rules are found, how many alerts that makes for subscriptions, and how many webhooks are left "
        "after grouping.",
    ),
])  # fmt: skip

WAITING = Row("What waits", [
    timeseries(
        "Records not acknowledged, by topic", [prom("max by (topic) (bongsu_group_lag_records)")],
        unit="short", links=[runbook("BongsuLagGrowing"), runbook("BongsuRetriesStuck")],
        about="As Kafka knows it, asked by the audit role: it is there while workers are not.",
    ),
    timeseries(
        "Age of the oldest of them", [prom("max by (topic) (bongsu_group_oldest_seconds)")],
        unit="s", links=[runbook("BongsuStageStuck")],
        about="Retry tiers rest on purpose, as long as their name says; everything else should be near 0.",
    ),
    timeseries(
        "As the processes themselves see it", [
            prom("sum by (topic) (bongsu_lag_records)", "worker: {{topic}}"),
            prom("sum(bongsu_dispatcher_lag_records)", "dispatcher: deliveries"),
            prom("sum(bongsu_history_lag_records)", "history: all topics"),
        ],
        unit="short", links=[runbook("BongsuLagGrowing")],
        about="Of the partitions that each holds: sharper than the panel above, and gone when a process is.",
    ),
    timeseries(
        "Records kept, by topic", [prom("max by (topic) (bongsu_topic_records)")], unit="short", log=True,
        links=[runbook("BongsuDeadLetters")],
        about="What each topic holds at this moment; `dead-letters` among them, which somebody has to look at.",
    ),
])  # fmt: skip

BOOKS = Row("Books and faults", [
    timeseries(
        "On their way, by ledger", [prom("max by (ledger) (bongsu_account_pending)")], unit="short",
        links=[runbook("BongsuAlertsUndecided")],
        about="Alerts not decided yet and webhooks without an end yet.",
    ),
    timeseries(
        "Age of the oldest on its way", [prom("max by (ledger) (bongsu_account_oldest_pending_seconds)")], unit="s",
        links=[runbook("BongsuAlertsUndecided")],
        about="Grows while a worker is away or stuck; for deliveries also while a receiver does not answer, up to the "
        "end of its schedule.",
    ),
    timeseries(
        "Unreadable records", [
            prom("sum by (topic) (increase(bongsu_dead_letters_total[$__rate_interval]))", "worker: {{topic}}"),
            prom("sum by (why) (increase(bongsu_delivery_dead_letters_total[$__rate_interval]))", "dispatcher: {{why}}"),
            prom("sum(increase(bongsu_account_unreadable_total[$__rate_interval]))", "audit"),
            prom("sum(increase(bongsu_history_unreadable_total[$__rate_interval]))", "history"),
        ],
        unit="short", bars=True, links=[runbook("BongsuDeadLetters"), runbook("BongsuMostlyDeadLetters")],
        about="In each interval. Unreadable articles are those of a feed; anything else is a fault of Bongsu or of "
        "whoever writes into its topics.",
    ),
    timeseries(
        "Troubles with Kafka", [
            prom("sum(increase(bongsu_output_retries_total[$__rate_interval]))", "worker wrote again"),
            prom("sum(increase(bongsu_dispatcher_output_retries_total[$__rate_interval]))", "dispatcher wrote again"),
            prom("sum(increase(bongsu_stream_rewinds_total[$__rate_interval]))", "partition read again"),
            prom("sum(increase(bongsu_account_failed_rounds_total[$__rate_interval]))", "audit gave up a round"),
            prom("sum by (by) (increase(bongsu_history_failures_total[$__rate_interval]))", "history failed: {{by}}"),
        ],
        unit="short", bars=True, links=[runbook("BongsuStageStuck")],
        about="Work that was done again because Kafka (or the database of the history) did not answer. Nothing is lost "
        "by it; a steady stream of it is a network to be looked at.",
    ),
])  # fmt: skip

PROCESSES = Row("Processes", [
    table(
        "What runs", [
            column("max by (role, version, job, instance) (bongsu_build_info)"),
            column("sum by (job, instance) (bongsu_ready)"),
        ], [
            Column("role", "Role"), Column("version", "Version", width=90), Column("job", "Job"),
            Column("instance", "Instance"),
            Column("Value #B", "Ready", "none", (("red", None), ("green", 1)), width=80, decimals=0),
        ],
        width=12, sort_by="Role", ascending=True, links=[runbook("BongsuRoleDown")],
        about="Every process that Prometheus reaches. Two versions of one role for long: an upgrade that stopped.",
    ),
    timeseries(
        "Cores in use", [
            prom("sum by (instance, role) (rate(bongsu_process_cpu_seconds_total[$__rate_interval]) "
                 "* on (job, instance) group_left (role) bongsu_build_info)", "{{role}} {{instance}}"),
        ],
        unit="none", height=9, links=[runbook("BongsuLagGrowing")],
        about="CPU seconds each second. A worker at 1 is at its end, since matching uses one core: add workers.",
    ),
    timeseries(
        "Memory", [
            prom("sum by (instance, role) (bongsu_process_resident_memory_bytes "
                 "* on (job, instance) group_left (role) bongsu_build_info)", "{{role}} {{instance}}"),
        ],
        unit="bytes",
        about="Resident memory. It grows with rules and with groups that are open, not with time.",
    ),
    timeseries(
        "Event loop is late, 99 %", [
            prom("histogram_quantile(0.99, sum by (le, job, instance) "
                 "(rate(bongsu_event_loop_lag_seconds_bucket[$__rate_interval])))", "{{job}} {{instance}}"),
        ],
        unit="s", steps=below(0.5, 2),
        about="How much later than asked a timer came back. Above half a second heartbeats and timeouts suffer: the "
        "machine is too small or something blocks.",
    ),
    timeseries(
        "Room on disk", [
            prom("bongsu_data_free_bytes / bongsu_data_size_bytes", "{{job}} {{instance}}"),
        ],
        unit="percentunit", steps=above(0.2, 0.1), links=[runbook("BongsuDiskFull"), runbook("BongsuDiskFillsUp")],
        about="Free share of the file system of BONGSU_DATA_DIR. A worker whose disk is full stops.",
    ),
    timeseries(
        "Open files", [
            prom("bongsu_process_open_fds / bongsu_process_max_fds", "{{job}} {{instance}}"),
        ],
        unit="percentunit", steps=below(0.7, 0.9),
        about="Share of the files and connections that a process may open. The dispatcher keeps one for each POST "
        "under way.",
    ),
    timeseries(
        "Tables on disk", [prom("sum by (table) (bongsu_table_bytes)")], unit="bytes",
        links=[runbook("BongsuDiskFillsUp")],
        about="What the workers keep: stories by which copies are recognised, groups that may still change.",
    ),
    timeseries(
        "What the tables hold", [
            prom("sum(bongsu_groups)", "groups"),
            prom("sum(bongsu_story_articles_kept)", "articles of stories"),
        ],
        unit="short",
        about="Over all workers. Both forget what is too old, so they follow the news and level off.",
    ),
])  # fmt: skip

API_AND_HISTORY = Row("API and history", [
    timeseries(
        "API: requests, by status", [prom("sum by (status) (rate(bongsu_api_requests_total[$__rate_interval]))")],
        unit="reqps", stacked=True, links=[runbook("BongsuApiErrors")],
        colours={"2xx": "green", "3xx": "blue", "4xx": "orange", "5xx": "red"},
        about="Requests answered each second, by class of the status.",
    ),
    timeseries(
        "API: slowest routes, 99 %", [
            prom("topk(10, histogram_quantile(0.99, sum by (le, route) "
                 "(rate(bongsu_api_request_duration_seconds_bucket[$__rate_interval])))) > 0", "{{route}}"),
        ],
        unit="s", links=[runbook("BongsuApiErrors")],
        about="From the head of a request to the end of its answer, by template of the route.",
    ),
    stat(
        "API: faults", "sum(increase(bongsu_api_faults_total[$__range]))", unit="none", steps=MUST_BE_ZERO, decimals=0,
        height=8,
        links=[runbook("BongsuApiFaults")],
        about="Requests that ended in a fault of Bongsu (500), in the time shown; must stay 0.",
    ),
    stat(
        "API: under way", "sum(bongsu_api_requests_in_flight)", unit="none", steps=GREEN, decimals=0, height=8,
        about="Requests that are being answered at this moment.",
    ),
    timeseries(
        "API: refused", [prom("sum by (reason) (increase(bongsu_api_refused_total[$__rate_interval]))")],
        unit="short", bars=True, width=8, height=8, links=[runbook("BongsuApiErrors")],
        about="Requests refused before they did anything: an unknown token, a scope that is missing, too many.",
    ),
    table(
        "API: tokens that end soonest",
        [column("sort(min by (token) (bongsu_token_expiry_timestamp_seconds) - time())")], [
            Column("token", "Token"),
            Column("Value", "Ends in", "s", (("red", None), ("orange", 0), ("green", 14 * 86400)), decimals=0),
        ],
        width=8, height=8, sort_by="Ends in", ascending=True, links=[runbook("BongsuTokenExpires")],
        about="Time that is left of each token; what uses it fails when it ends. `bongsu token` makes a new one.",
    ),
    timeseries(
        "History: records", [prom("sum by (topic) (rate(bongsu_history_records_total[$__rate_interval]))")],
        unit="reqps", stacked=True, width=8, links=[runbook("BongsuHistoryBehind")],
        about="Records folded into the database each second, by topic.",
    ),
    timeseries(
        "History: a transaction, 99 %", [
            prom("histogram_quantile(0.99, sum by (le) "
                 "(rate(bongsu_history_transaction_seconds_bucket[$__rate_interval])))", "99 %"),
            prom("histogram_quantile(0.5, sum by (le) "
                 "(rate(bongsu_history_transaction_seconds_bucket[$__rate_interval])))", "half"),
        ],
        unit="s", width=8, links=[runbook("BongsuHistoryBehind")],
        about="Folding a batch and putting it into the database.",
    ),
    timeseries(
        "History: rows removed by age", [prom("sum(increase(bongsu_history_expired_rows_total[$__rate_interval]))", "rows")],
        unit="short", bars=True, width=8,
        about="Rows older than BONGSU_HISTORY_RETENTION_DAYS, removed in the background.",
    ),
])  # fmt: skip

BOARD = Board(
    uid="bongsu-overview",
    title="Bongsu: Overview",
    about="Does news flow, is anything lost, is every process well. What is not green says in its description what "
    "it is, and links to the runbook.",
    rows=[HEALTH, FLOW, WAITING, BOOKS, PROCESSES, API_AND_HISTORY],
)
