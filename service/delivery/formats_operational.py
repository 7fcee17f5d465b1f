"""Operational webhooks in the format of the subscription that is told: an alarm that its receiver refuses is none."""

from typing import Any, Literal

from service.delivery.formats_brief import Brief
from service.delivery.formats_cloudevents import cloud_event
from service.delivery.formats_discord import discord_message
from service.delivery.formats_slack import slack_message
from service.delivery.formats_teams import teams_message
from service.delivery.payload import encoded
from service.delivery.summary import short
from service.model.ids import sha256_hex
from service.model.record import Format, Lang

EventType = Literal["operational.endpoint_failing", "operational.endpoint_disabled", "operational.endpoint_recovered"]
MAX_NAME, MAX_REASON = 100, 300


def operational_body(kind: EventType, timestamp: str, data: dict[str, Any], format_: Format, lang: Lang) -> str:
    """The body as JSON text. `data` as that of `operational.*` in docs/webhooks.md, `timestamp` in RFC 3339."""
    match format_:
        case "bongsu":
            return encoded({"type": kind, "timestamp": timestamp, "data": data}).decode()
        case "cloudevents":
            return encoded(_event(kind, timestamp, data)).decode()
    told = Brief(sentence(kind, data, lang), (), _footer(data, lang))
    dress = {"slack": slack_message, "teams": teams_message, "discord": discord_message}[format_]
    return encoded(dress(told)).decode()


def sentence(kind: EventType, data: dict[str, Any], lang: Lang) -> str:
    """What happened, for a person; bounded however long names and reasons are."""
    name, reason = short(data["subscription"], MAX_NAME), short(data["reason"], MAX_REASON)
    failures, percent = data["failures"], data["percent"]
    korean = lang == "ko"
    match kind:
        case "operational.endpoint_failing":
            return (
                f"[봉수] 구독 {name}의 엔드포인트가 잇따라 {failures}번 실패했습니다(중지까지 {percent}%): {reason}"
                if korean
                else f"[Bongsu] The endpoint of subscription {name} failed {failures} times in a row, {percent} % of "
                f"the way to being disabled: {reason}"
            )
        case "operational.endpoint_disabled":
            return (
                f"[봉수] 구독 {name}의 엔드포인트를 중지했습니다. 전송은 다시 켤 때까지 보관합니다: {reason}"
                if korean
                else f"[Bongsu] The endpoint of subscription {name} was disabled; its deliveries are held until it is "
                f"resumed: {reason}"
            )
        case "operational.endpoint_recovered":
            return (
                f"[봉수] 구독 {name}의 엔드포인트가 다시 받고 있습니다."
                if korean
                else f"[Bongsu] The endpoint of subscription {name} accepts deliveries again."
            )


def _footer(data: dict[str, Any], lang: Lang) -> str:
    resume = f"bongsu subscriptions resume {short(data['subscription'], MAX_NAME)}"
    if data["percent"] < 100:
        return "봉수 운영 알림" if lang == "ko" else "Bongsu, operations"
    return f"다시 켜기: {resume}" if lang == "ko" else f"To resume: {resume}"


def _event(kind: EventType, timestamp: str, data: dict[str, Any]) -> dict[str, Any]:
    """`id` is named after the content, and so unique."""
    name = sha256_hex(encoded({"type": kind, "timestamp": timestamp, "data": data}))
    about = data["subscription"]
    return cloud_event(name, kind, timestamp, data, subscription=about, subject=about)
