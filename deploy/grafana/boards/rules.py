"""Rules: what they find, what they cost, what is suppressed, and which ones never fire."""

from boards.panels import (
    MUST_BE_ZERO,
    NO_COLOUR,
    Board,
    Column,
    Row,
    Variable,
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
from boards.queries import TOP, most, stage_quantile, sums

MATCHES = "bongsu_rule_matches_total"
ONLY_THIS = dashboard_link("Only this rule", "bongsu-rules", rule="${__field.labels.rule}")
ONLY_THIS_ROW = dashboard_link("Only this rule", "bongsu-rules", rule="${__data.fields.Rule}")
TO_COVERAGE = dashboard_link("What was found", "bongsu-coverage")

IN_FORCE = Row("In force", [
    stat(
        "Rules", "max(bongsu_rules_loaded)", unit="none", steps=(("red", None), ("green", 1)), decimals=0, width=3,
        links=[runbook("BongsuNoRules")],
        about="Rules in force in the worker that has the most.",
    ),
    stat(
        "Version", "max by (version) (bongsu_rules_info)", legend="{{version}}", names=True, unit="none",
        steps=NO_COLOUR, width=6, links=[runbook("BongsuRulesStale")],
        about="First characters of the version of the rule set in force. Two of them for minutes: a worker is stuck at "
        "the old rules.",
    ),
    stat(
        "Applied", "time() - max(bongsu_rules_published_timestamp_seconds > 0)", unit="s", steps=NO_COLOUR, decimals=0,
        links=[runbook("BongsuRulesStale")],
        about="How long ago the newest rules in force were applied.",
    ),
    stat(
        "Slowest worker loaded it after",
        "max(bongsu_rules_loaded_timestamp_seconds) - max(bongsu_rules_published_timestamp_seconds > 0)",
        unit="s", steps=NO_COLOUR, decimals=1,
        about="From applying the rules until the last worker had them in force. A worker that started later loaded "
        "them when it did, so this is the age of the youngest worker then.",
    ),
    stat(
        "Refused", "max(bongsu_rules_refused)", unit="none", steps=MUST_BE_ZERO, decimals=0,
        links=[runbook("BongsuRulesRefused")],
        about="1 while a newer rule set does not load and the last good one stays.",
    ),
    stat(
        "Never fired", "min(bongsu_rules_unfired)", unit="none", steps=NO_COLOUR, decimals=0, width=3,
        about="Rules that have found nothing since the worker began, in the worker with the fewest: over all workers "
        "there are at most so many dead rules.",
    ),
])  # fmt: skip

FINDING = Row("Finding", [
    timeseries(
        "Articles in which a rule was found, by rule", [prom(most(MATCHES, "rule"), "{{rule}}")],
        unit="short", bars=True, stacked=True, value_links=[ONLY_THIS], links=[TO_COVERAGE],
        about="In each interval, of the rules with the most in the time shown. Shadow rules too.",
    ),
    bars(
        "Most found", prom(sums(MATCHES, "rule"), "{{rule}}", instant=True),
        unit="locale", value_links=[ONLY_THIS],
        about="In the time shown. A rule far above all others is often too wide: look what it finds.",
    ),
    timeseries(
        "Rules asked and rules found", [
            prom("sum(rate(bongsu_rule_candidates_total[$__rate_interval]))", "asked"),
            prom("sum(rate(bongsu_matches_total[$__rate_interval]))", "found"),
            prom("sum(rate(bongsu_shadow_matches_total[$__rate_interval]))", "found, shadow only"),
        ],
        unit="reqps",
        about="A rule is asked when a name that it waits for is found in an article; found when all of it holds.",
    ),
    timeseries(
        "Selectivity", [
            prom("sum(rate(bongsu_matches_total[$__rate_interval])) / "
                 "(sum(rate(bongsu_rule_candidates_total[$__rate_interval])) > 0)", "found of asked"),
        ],
        unit="percentunit",
        about="Share of the rules asked that are found. Near 0: rules wait for a name that is everywhere.",
    ),
])  # fmt: skip

COST = Row("Cost", [
    timeseries(
        "Matching one article", [
            prom("sum(rate(bongsu_match_cpu_seconds_total[$__rate_interval])) / "
                 "(sum(rate(bongsu_articles_total[$__rate_interval])) > 0)", "CPU"),
        ],
        unit="s", width=8,
        about="CPU time of matching for each article, on average.",
    ),
    timeseries(
        "Cores used for matching", [prom("sum by (instance) (rate(bongsu_match_cpu_seconds_total[$__rate_interval]))")],
        unit="none", width=8, steps=below(0.7, 0.9), links=[runbook("BongsuLagGrowing")],
        about="Of one core for each worker. Near 1: add workers, up to the partitions.",
    ),
    timeseries(
        "Taken to matched, 99 %", [
            prom(stage_quantile(0.99, "consume|match"), "{{stage}}", exemplars=True),
        ],
        unit="s", width=8, log=True, links=[runbook("BongsuSlow"), dashboard_link("All stages", "bongsu-overview")],
        about="From publishing an article until it was taken from the topic, and until its rules were found.",
    ),
])  # fmt: skip

SUPPRESSED = Row("Suppressed", [
    timeseries(
        "Names that do not count",
        [prom("sum by (reason) (increase(bongsu_mentions_suppressed_total[$__rate_interval]))")],
        unit="short", bars=True, stacked=True,
        about="Names that a rule waits for, found where they do not count: in a zone that was excluded, in a repeated "
        "paragraph, inside another word, or meaning someone else.",
    ),
    timeseries(
        "Alerts suppressed, by reason",
        [prom("sum by (reason) (increase(bongsu_suppressed_total[$__rate_interval]))")],
        unit="short", bars=True, stacked=True,
        about="A filter of the subscription, too few so far, another rule says it already, an old text with a new "
        "date, the subscription or the article is gone.",
    ),
    timeseries(
        "What joins an article to a story",
        [prom("sum by (joined_by) (increase(bongsu_story_articles_total[$__rate_interval]))")],
        unit="short", bars=True, stacked=True,
        about="`new` begins a story; the rest is a copy or a version of an article that is known.",
    ),
    timeseries(
        "Decisions", [prom("sum by (decision) (increase(bongsu_decisions_total[$__rate_interval]))")],
        unit="short", bars=True, stacked=True,
        about="What became of alerts, in each interval.",
    ),
])  # fmt: skip

DEAD = Row("Dead rules", [
    table(
        "Found nothing in the time shown", [
            column(f'sum by (rule) (increase({MATCHES}{{rule=~"$rule", rule!="other"}}[$__range])) == 0'),
        ], [
            Column("rule", "Rule", links=[ONLY_THIS_ROW]), Column("Value", "Found", "locale", decimals=0),
        ],
        width=8, sort_by="Rule", ascending=True,
        about="Rules with a series of their own that found nothing. Choose at least a week before you believe it: "
        "`bongsu rules backtest` tries a rule on what was published.",
    ),
    table(
        "What became of alerts, by rule", [
            sql("""
SELECT rule AS "Rule", count(*) AS "Alerts",
       count(*) FILTER (WHERE decision = 'notified') AS "Told",
       count(*) FILTER (WHERE decision = 'attached') AS "Attached",
       count(*) FILTER (WHERE decision = 'held') AS "Held",
       count(*) FILTER (WHERE decision = 'silenced') AS "Silenced",
       count(*) FILTER (WHERE decision IN ('suppressed', 'expired')) AS "Suppressed"
FROM decisions
WHERE decided_ms >= $__from AND decided_ms < $__to AND rule IS NOT NULL AND rule ~ '^${rule:regex}$'
GROUP BY 1 ORDER BY 2 DESC LIMIT 200"""),
        ], [
            Column("Rule", "Rule", links=[ONLY_THIS_ROW]),
            Column("Alerts", "Alerts", "locale"),
            Column("Told", "Told", "locale"),
            Column("Attached", "Attached", "locale"),
            Column("Held", "Held", "locale"),
            Column("Silenced", "Silenced", "locale"),
            Column("Suppressed", "Suppressed", "locale"),
        ],
        width=16, sort_by="Alerts",
        about="Out of the history, over all subscriptions, the last decision of each alert. Much suppressed and little "
        "told: the rule is wider than what its readers want.",
    ),
])  # fmt: skip

BOARD = Board(
    uid="bongsu-rules",
    title="Bongsu: Rules",
    about="What rules find, what they cost, what is suppressed by which reason, and which rules never fire.",
    rows=[IN_FORCE, FINDING, COST, SUPPRESSED, DEAD],
    variables=[
        Variable("rule", "Rule", "label_values(bongsu_rule_matches_total, rule)"),
        TOP,
    ],
    since="now-24h",
    history=True,
)
