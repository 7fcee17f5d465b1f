"""What the routes work with, and how they ask for it: `control: ControlDep`, `actor: ActorDep`, `now_ms: NowDep`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from service.actions.actor import Actor
from service.actions.control import Control
from service.api.metrics import ApiMetrics
from service.api.problems import ApiProblem
from service.history.queries import History
from service.model.control_records import TokenRecord
from service.settings import Settings


@dataclass(frozen=True, slots=True)
class Services:
    """One a process."""

    control: Control
    history: History | None
    """None: what comes from it is answered 503."""
    settings: Settings
    metrics: ApiMetrics
    clock: Callable[[], float]
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request, as `security.py` found."""

    token: TokenRecord
    actor: Actor


def services_of(request: Request) -> Services:
    """Of the application."""
    services: Services = request.app.state.services
    return services


def caller_of(request: Request) -> Caller:
    """Who sent it."""
    caller: Caller = request.state.caller
    return caller


def _actor(request: Request) -> Actor:
    return caller_of(request).actor


def _control(request: Request) -> Control:
    return services_of(request).control


def _history(request: Request) -> History:
    history = services_of(request).history
    if history is None:
        raise ApiProblem("history-unavailable", "this API has no history; run the role `bongsu history`")
    return history


def _settings(request: Request) -> Settings:
    return services_of(request).settings


def _now_ms(request: Request) -> int:
    return int(services_of(request).clock() * 1000)


CallerDep = Annotated[Caller, Depends(caller_of)]
ActorDep = Annotated[Actor, Depends(_actor)]
ControlDep = Annotated[Control, Depends(_control)]
HistoryDep = Annotated[History, Depends(_history)]
SettingsDep = Annotated[Settings, Depends(_settings)]
NowDep = Annotated[int, Depends(_now_ms)]
"""Milliseconds since the epoch."""
