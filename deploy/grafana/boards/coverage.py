"""Coverage: what was said about whom, by which newspaper, when.

Numbers of the last minutes come from metrics, whose labels are bounded: beyond BONGSU_METRICS_MAX_LABEL_VALUES entities
are counted together as `other`. Sources and hours have no bound and come from the history, by its view `coverage`.
"""

from boards.panels import (
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
from boards.queries import TOP, most, sums

NAME = "CASE WHEN tenant = 'default' THEN entity ELSE tenant || '/' || entity END"
"""Of an entity, as the labels of metrics have it."""
CHOSEN = f"""hour_ms >= $__from - 3600000 AND hour_ms < $__to
  AND ({NAME}) ~ '^${{entity:regex}}$' AND coalesce(source, '') IN (${{source:sqlstring}})"""
"""Rows of `coverage` that the variables ask for."""
TO_RULES = dashboard_link("Which rules find it", "bongsu-rules")
ONLY_THIS = dashboard_link("Only this entity", "bongsu-coverage", entity="${__field.labels.entity}")
ONLY_THIS_ROW = dashboard_link("Only this entity", "bongsu-coverage", entity="${__data.fields.Entity}")
OFTEN = (("text", None), ("orange", 3.0), ("red", 6.0))


SUMS = Row("In the time shown", [
    stat(
        "Mentions", 'sum(increase(bongsu_entity_mentions_total{entity=~"$entity"}[$__range]))', unit="locale",
        steps=NO_COLOUR, decimals=0, width=6, links=[TO_RULES],
        about="How often the entities chosen were mentioned, in articles in which a rule found them.",
    ),
    stat(
        "New stories", 'sum(increase(bongsu_entity_stories_total{entity=~"$entity"}[$__range]))', unit="locale",
        steps=NO_COLOUR, decimals=0, width=6,
        about="Stories that name one of the entities chosen. An article that copies another is of the same story, so "
        "many mentions in few stories are one agency's text, printed often.",
    ),
    stat(
        "Newspapers", sql(f"SELECT count(DISTINCT source) AS newspapers FROM coverage WHERE {CHOSEN}"), unit="none",
        steps=NO_COLOUR, decimals=0, width=6,
        about="Sources that wrote about the entities chosen; out of the history.",
    ),
    stat(
        "History is whole up to",
        sql("SELECT ($__to - caught_up_ms) / 1000.0 AS behind FROM progress WHERE caught_up_ms IS NOT NULL"),
        unit="s", steps=below(60, 300), decimals=0, width=6, links=[runbook("BongsuHistoryBehind")],
        about="How far the history was behind at the end of the time shown. Where it is behind, newspapers and hours "
        "below are not complete; what is negative ends in the past and is complete.",
    ),
])  # fmt: skip

NOW = Row("Now (metrics)", [
    timeseries(
        "Mentions, by entity", [prom(most("bongsu_entity_mentions_total", "entity"), "{{entity}}")],
        unit="short", bars=True, stacked=True, value_links=[ONLY_THIS],
        about="Mentions in each interval, of those with the most in the time shown.",
    ),
    timeseries(
        "New stories, by entity", [prom(most("bongsu_entity_stories_total", "entity"), "{{entity}}")],
        unit="short", bars=True, stacked=True, value_links=[ONLY_THIS],
        about="Stories that began in each interval, by the entity that they name. A story that names two counts for "
        "both.",
    ),
    bars(
        "Most mentioned", prom(sums("bongsu_entity_mentions_total", "entity"), "{{entity}}", instant=True),
        unit="locale", width=8, value_links=[ONLY_THIS],
        about="Mentions in the time shown. `other` is everything beyond the cap of series; the history below has all.",
    ),
    bars(
        "Most stories", prom(sums("bongsu_entity_stories_total", "entity"), "{{entity}}", instant=True),
        unit="locale", width=8, value_links=[ONLY_THIS],
        about="New stories in the time shown, by entity.",
    ),
    bars(
        "Rules that found the most",
        prom("sort_desc(topk($top, sum by (rule) (increase(bongsu_rule_matches_total[$__range]))))", "{{rule}}",
             instant=True),
        unit="locale", width=8, links=[TO_RULES],
        value_links=[dashboard_link("This rule", "bongsu-rules", rule="${__field.labels.rule}")],
        about="Articles in which each rule was found in the time shown, shadow rules too.",
    ),
    table(
        "Spikes", [
            column('sum by (entity) (increase(bongsu_entity_mentions_total{entity=~"$entity"}[1h])) > 3'),
            column('sum by (entity) (increase(bongsu_entity_mentions_total{entity=~"$entity"}[1h])) / '
                   '(sum by (entity) (increase(bongsu_entity_mentions_total{entity=~"$entity"}[1d])) / 24 > 0)'
                   ' and on (entity) sum by (entity) (increase(bongsu_entity_mentions_total{entity=~"$entity"}[1h])) > 3'),
        ], [
            Column("entity", "Entity", links=[ONLY_THIS_ROW]),
            Column("Value #A", "Last hour", "locale", decimals=0),
            Column("Value #B", "Times its average hour", "none", OFTEN, decimals=1),
        ],
        sort_by="Times its average hour",
        about="Mentions of entities mentioned more than three times in the last hour, against their average hour of the last day. "
        "In the first hours after a start there is no day to compare with and everything looks like a spike.",
    ),
])  # fmt: skip

HOURS = Row("By hour and newspaper (history)", [
    timeseries(
        "Mentions each hour, by entity", [
            sql(f"""
SELECT to_timestamp(hour_ms / 1000.0) AS time, {NAME} AS metric, sum(mentions) AS mentions
FROM coverage
WHERE {CHOSEN}
GROUP BY 1, 2 ORDER BY 1, 2""", series=True),
        ],
        unit="short", bars=True, stacked=True,
        about="By the hour in which the article was published, not the one in which Bongsu read it.",
    ),
    timeseries(
        "Stories each hour, by entity", [
            sql(f"""
SELECT to_timestamp(hour_ms / 1000.0) AS time, {NAME} AS metric, sum(stories) AS stories
FROM coverage
WHERE {CHOSEN}
GROUP BY 1, 2 ORDER BY 1, 2""", series=True),
        ],
        unit="short", bars=True, stacked=True,
        about="Stories of which anybody was alerted; one that two newspapers print in one hour counts for each.",
    ),
    table(
        "By newspaper", [
            sql(f"""
SELECT coalesce(source, '(none)') AS "Newspaper", sum(articles) AS "Articles", sum(mentions) AS "Mentions",
       count(DISTINCT ({NAME})) AS "Entities", max(hour_ms) AS "Last hour"
FROM coverage
WHERE {CHOSEN}
GROUP BY 1 ORDER BY 2 DESC LIMIT 200"""),
        ], [
            Column("Newspaper", "Newspaper"),
            Column("Articles", "Articles", "locale"),
            Column("Mentions", "Mentions", "locale"),
            Column("Entities", "Entities", "locale"),
            Column("Last hour", "Last hour", "dateTimeAsIso", width=160),
        ],
        width=12, sort_by="Articles",
        about="Who wrote about the entities chosen. An article that names three entities counts for each of them.",
    ),
    table(
        "Entity by newspaper", [
            sql(f"""
SELECT {NAME} AS "Entity", coalesce(source, '(none)') AS "Newspaper", sum(articles) AS "Articles",
       sum(mentions) AS "Mentions", sum(stories) AS "Stories"
FROM coverage
WHERE {CHOSEN}
GROUP BY 1, 2 ORDER BY 4 DESC LIMIT 500"""),
        ], [
            Column("Entity", "Entity", links=[ONLY_THIS_ROW]),
            Column("Newspaper", "Newspaper"),
            Column("Articles", "Articles", "locale"),
            Column("Mentions", "Mentions", "locale"),
            Column("Stories", "Stories", "locale"),
        ],
        width=12, sort_by="Mentions",
        about="Which newspaper writes about whom. Few stories under many articles: copies of one text.",
    ),
    table(
        "Spikes of the last day", [
            sql(f"""
SELECT "Entity", "Mentions", "Usual", round("Mentions" / greatest("Usual", 1), 1) AS "Times"
FROM (
  SELECT {NAME} AS "Entity",
         coalesce(sum(mentions) FILTER (WHERE hour_ms >= $__to - 86400000), 0) AS "Mentions",
         round(coalesce(sum(mentions) FILTER (WHERE hour_ms < $__to - 86400000), 0) / 7.0, 1) AS "Usual"
  FROM coverage
  WHERE hour_ms >= $__to - 8 * 86400000 AND hour_ms < $__to AND ({NAME}) ~ '^${{entity:regex}}$'
    AND coalesce(source, '') IN (${{source:sqlstring}})
  GROUP BY 1
) AS days
WHERE "Mentions" >= 3
ORDER BY 4 DESC, 2 DESC LIMIT 100"""),
        ], [
            Column("Entity", "Entity", links=[ONLY_THIS_ROW]),
            Column("Mentions", "Last 24 h", "locale"),
            Column("Usual", "A usual day", "locale", decimals=1),
            Column("Times", "Times", "none", OFTEN, decimals=1),
        ],
        width=10, sort_by="Times",
        about="The last 24 hours of the time shown against the average day of the 7 days before them; below one "
        "mention a day counts as one.",
    ),
    table(
        "Newest articles that somebody was alerted of", [
            sql("""
SELECT alerted.at AS "Alerted", articles.title AS "Title", articles.source AS "Newspaper", alerted.rules AS "Rules",
       articles.url AS "URL"
FROM (
  SELECT article, max(alerted_ms) AS at, string_agg(DISTINCT rule, ', ') AS rules
  FROM alerts WHERE alerted_ms >= $__from AND alerted_ms < $__to GROUP BY article
) AS alerted
JOIN articles ON articles.id = alerted.article
WHERE NOT articles.taken_down AND coalesce(articles.source, '') IN (${source:sqlstring})
ORDER BY 1 DESC LIMIT 100"""),
        ], [
            Column("Alerted", "Alerted", "dateTimeAsIso", width=160),
            Column("Title", "Title", links=[{"title": "The article", "url": "${__data.fields.URL}", "targetBlank": True}]),
            Column("Newspaper", "Newspaper", width=120),
            Column("Rules", "Rules"),
            Column("URL", "URL", hidden=True),
        ],
        width=14, sort_by="Alerted",
        about="The newest version of each; articles that were withdrawn are not shown.",
    ),
])  # fmt: skip

BOARD = Board(
    uid="bongsu-coverage",
    title="Bongsu: Coverage",
    about="What was said about whom, by which newspaper, when: mentions and stories of entities, top rules, spikes.",
    rows=[SUMS, NOW, HOURS],
    variables=[
        Variable("entity", "Entity", "label_values(bongsu_entity_mentions_total, entity)"),
        Variable(
            "source",
            "Newspaper",
            "SELECT DISTINCT coalesce(source, '') AS source FROM coverage "
            "WHERE hour_ms >= $__to - 31 * 86400000::bigint ORDER BY 1 LIMIT 500",
            "history",
        ),
        TOP,
    ],
    since="now-24h",
    history=True,
)
