"""The sentences of `bongsu why` in English (`why_words`)."""

SENTENCES = {
    "no_article": (
        "No article {article} came since {since}. Is the id right? Articles are kept for 7 "
        "days; what was found of them for 30, further back than this was asked to look."
    ),
    "found_by_url": "The id of the article of this address is {article}.",
    "unreadable": "The article came and could not be read: {why}",
    "taken_down": "The article was taken down at {at}.",
    "on_hold": "The subscription is {state}: what it is to be told waits.",
    "not_watched": "{rules} {fired} fired, which it does not watch; it watches {watched}.",
    "not_watched_here": "not watched by the subscription",
    "not_addressed": "{rules} {fired} fired, but no alert was made: {why}.",
    "newer_than_match": "the subscription is newer ({at}) than the match ({matched})",
    "changed_after_match": "the subscription was changed ({at}) after the match ({matched})",
    "not_reached": "the worker has not come to it yet; is one running? `bongsu audit` says how far it is",
    "undecided": "An alert was made and is not decided yet; is a worker running? `bongsu audit` says how far it is.",
    "notified": "Told at {at} ({reason}) with {delivery}. ",
    "held": "Held {reason}, {until}.",
    "expired": (
        "Expired at {at}: it was published at {published}, and what is older than the time to live is not told."
    ),
    "until": "until {at} at the latest",
    "until_unknown": "without a known end",
    "attached": "Attached to the story {story}{by}: {reason}. ",
    "attached_told": "It was told{about} with {delivery}. ",
    "attached_about": ", about {article},",
    "attached_to_held": "That one is {decision} {reason}, {until}.",
    "attached_waits": "It will be told {until}.",
    "silenced_by_unknown": "Silenced by {id}, {until}.",
    "silenced": ("Silenced by {id} of {author} (“{comment}”), until {at}; what it hid is told in one digest then."),
    "suppressed": "Suppressed at {at}: {why}.",
    "filtered": (
        "Suppressed at {at} by the filter {filter}: the article has {given}, the subscription wants {wanted}."
    ),
    "tier": "tier {tier} ({source})",
    "tier_wanted": "{tier} or better",
    "confidence_wanted": "at least {confidence}",
    "delivered": "Delivered at {at}, attempt {number}, status {status}.",
    "not_sent": "It was not sent yet; is a dispatcher running?",
    "deadline": " It expires at {at}.",
    "attempt": "{count} attempt, the last at {at}: {failure}",
    "attempts": "{count} attempts, the last at {at}: {failure}",
    "not_delivered": "It was not delivered ({outcome}): {failed}.",
    "retried": "Not delivered yet: {failed}{again}.",
    "again": "; again at {at}",
    "text_taken_down": (
        "No rule fired in {article} that was asked for; it was taken down, and its text is not there any more."
    ),
    "text_too_old": (
        "No rule fired in {article} that was asked for; it is older than what is kept, and its text is not there any "
        "more."
    ),
    "no_such_rule": "There is no rule in force that {written} means; `bongsu subscriptions show` lists them.",
    "shadow": "{rule} fired, and is a shadow rule: it is counted and never told.",
    "rules_changed": (
        "No rule fired when the article came ({came}), but {rules} would now: the "
        "rules were changed since, or the worker has not come to it yet. {advice}"
    ),
    "publish_again": "Publish it again to have it told.",
    "expired_by_now": "By now it is expired, and publishing it again tells nobody.",
    "rules_expired": (
        "No rule fired that was in force when the article came ({came}). Expired by then: {rules}. A later "
        "expires: brings a rule back for what comes from then on."
    ),
    "nearest": "None of the {count} rules that it watches fired. Nearest was {rule} ({when}): {lacked}{there}.",
    "lacked": "it lacked {terms}",
    "unwanted": "{terms} must not be there",
    "and": " and ",
    "not_as_wanted": "all terms were there, but not as the rule wants them",
    "there": "; there was {terms}",
    "does_not_count": "{term} {text} ({zone}) does not count{why}",
}
TERMS = {
    "rules": {"one": "The rule", "many": "The rules"},
    "state": {},
    "told": {},
    "outcome": {},
    "decision": {},
    "joined": {},
    "filter": {},
    "zone": {},
    "failure": {},
    "held": {
        "group_wait": "for its copies: the richest of them will lead",
        "group_interval": "because its story was told a short while ago",
        "quiet_hours": "because of quiet hours",
        "throttle": "by the throttle",
        "cap": "because the cap of the hour was reached",
        "digest": "for the digest",
        "frequency": "until enough stories come within the window",
    },
    "suppressed": {
        "redated": "the article was published long before it came: that is no news",
        "inhibited": "the narrower rule {by} tells the same story",
        "frequency_not_reached": "too few stories came within the window",
        "taken_down": "the article was taken down",
        "subscription_gone": "the subscription was removed",
    },
    "attached": {
        "copy": "another article of the story was told",
        "version": "an earlier version or article of the story was told, and nothing changed that is to be told again",
        "superseded": "a newer version takes its place",
        "not_listed": "the digest counts it and does not list it",
        "too_many_versions": "its newest version stands for it",
    },
    "uncounted": {},
}
