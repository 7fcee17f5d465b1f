"""Questions that more than one dashboard asks, and what they ask of whoever looks."""

from boards.panels import Variable

TOP = Variable("top", "At most", "10,5,20,50", "custom", many=False)
"""How many `most` and `sums` show."""


def stage_quantile(quantile: float, stages: str, by: str = "le, stage") -> str:
    """From publishing an article to the end of a stage."""
    return (
        f"histogram_quantile({quantile}, sum by ({by}) "
        f'(rate(bongsu_stage_latency_seconds_bucket{{stage=~"{stages}"}}[$__rate_interval])))'
    )


def most(metric: str, label: str) -> str:
    """The `top` busiest in the time shown, of those that the variable `label` chooses; in each step the same ones."""
    picked = f'{metric}{{{label}=~"${label}"}}'
    return (
        f"sum by ({label}) (increase({picked}[$__rate_interval])) and on ({label}) "
        f"topk($top, sum by ({label}) (increase({picked}[$__range] @ end())))"
    )


def sums(metric: str, label: str) -> str:
    """How often in the time shown, the most first."""
    return f'sort_desc(topk($top, sum by ({label}) (increase({metric}{{{label}=~"${label}"}}[$__range]))))'
