"""Somebody who changes a subscription, or applies rules, and kills itself (SIGKILL, no clean-up) at a chosen step.

`python -m tests.faults.crashing_actor POINT ACTION ARGUMENT READY_FILE GO_FILE`. Everything else is the real action on
a real Kafka: the seams are wrapped here, in the test, and production code has no crash points. Where it is to lose, it
says by READY_FILE that it is about to write, and waits for GO_FILE.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

from service.actions import replay, rules, subscriptions
from service.actions import test_delivery as tests_sent
from service.actions.actor import Actor
from service.actions.control import Control
from service.adapters import control_rules
from service.adapters.control_writes import RevisionsWriter
from service.adapters.rule_files import load_rules
from service.delivery.replay import Wanted
from service.model import topics
from service.model.control_records import ChangeRecord
from service.settings import Settings
from tests.waiting import wait_for

BEFORE_ASKED = "before asked"
AFTER_ASKED = "after asked, before the record"
AFTER_RECORD = "after the record, before it is read back"
AFTER_LOST = "after a lost change, before the standing one is written again"
BEFORE_DONE = "after the record, before done"
AFTER_DONE = "after done"
BEFORE_DELIVERIES = "after asked, before the deliveries"
MID_REPLAY = "in the middle of a replay"
BEFORE_DELIVERIES_DONE = "after the deliveries, before done"
BEFORE_ITEMS = "after asked, before the items"
MID_ITEMS = "in the middle of the items"
BEFORE_PREVIOUS = "after the items, before `previous`"
BEFORE_MANIFEST = "after `previous`, before the manifest"
AFTER_MANIFEST = "after the manifest, before it is read back"
AFTER_LATE = "after a manifest that came too late, before the standing one is written again"
BEFORE_REMOVED = "after it is read back, before what nobody needs is removed"
BEFORE_RULES_DONE = "after what nobody needs is removed, before done"
WRITES = (BEFORE_ASKED, AFTER_ASKED, AFTER_RECORD, AFTER_LOST, BEFORE_DONE, AFTER_DONE)
SENDS = (BEFORE_DELIVERIES, MID_REPLAY, BEFORE_DELIVERIES_DONE)
APPLIES = (
    BEFORE_ASKED, BEFORE_ITEMS, MID_ITEMS, BEFORE_PREVIOUS, BEFORE_MANIFEST, AFTER_MANIFEST, AFTER_LATE,
    BEFORE_REMOVED, BEFORE_RULES_DONE, AFTER_DONE,
)  # fmt: skip

URL = "https://alerts.example.org/bongsu"
SECRET = "whsec_" + "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def gate(ready: Path, go: Path) -> None:
    """Say that it is about to write, and hold everything until it may."""
    ready.touch()
    wait_for(go.exists)


def arm(point: str, ready: Path, go: Path) -> None:
    """Die at `point`."""
    send, put, tidy = Control.send, RevisionsWriter._put, RevisionsWriter.tidy

    async def sending(self, name, records):
        records = list(records)
        outcome = ChangeRecord.decode(records[0][1], name).outcome if name == topics.CHANGES else None
        if (outcome == "asked" and point == BEFORE_ASKED) or (
            outcome == "done" and point in (BEFORE_DONE, BEFORE_DELIVERIES_DONE, BEFORE_RULES_DONE)
        ):
            die()
        if name == topics.DELIVERIES and point == BEFORE_DELIVERIES:
            die()
        if name == topics.DELIVERIES and point == MID_REPLAY:
            await send(self, name, records[: len(records) // 2])
            die()
        await send(self, name, records)
        if outcome == "done" and point == AFTER_DONE:
            die()

    async def putting(self, records):
        records = list(records)
        if point == AFTER_LOST:  # it was judged by what it had read; somebody else comes between
            gate(ready, go)
        if point == AFTER_ASKED:
            die()
        if point == AFTER_RECORD:
            self._follower.read_past = _never
        await put(self, records)

    async def _never(_offset, _timeout_s):
        die()

    async def tidying(self):
        if point == AFTER_LOST and self._standing.untidy:
            die()
        return await tidy(self)

    Control.send = sending  # type: ignore[method-assign]
    RevisionsWriter._put = putting  # type: ignore[method-assign]
    RevisionsWriter.tidy = tidying  # type: ignore[method-assign]


def arm_rules(point: str, ready: Path, go: Path) -> None:
    """Die at `point` of applying rules: its writes are one `put` each."""
    seams: Any = control_rules
    put = seams.put

    async def putting(producer, topic, records, timeout_s):
        records = list(records)
        key, value = records[0] if records else ("", b"")
        match key.partition("/")[0]:
            case "current":
                if point == BEFORE_MANIFEST:
                    die()
                if point == AFTER_LATE:  # it has looked for the last time; somebody else comes between
                    gate(ready, go)
            case "previous":
                if point == BEFORE_PREVIOUS:
                    die()
            case "rule" | "entity":
                if point == (BEFORE_REMOVED if value is None else BEFORE_ITEMS):
                    die()
                if point == MID_ITEMS:
                    await put(producer, topic, records[: len(records) // 2])
                    die()
        done = await put(producer, topic, records, timeout_s)
        if key == "current" and point == AFTER_MANIFEST:
            die()
        return done

    async def mending(_settings, _producer, _orders):
        die()

    seams.put = putting
    if point == AFTER_LATE:
        seams.mend = mending


async def act(control: Control, action: str, argument: str) -> None:
    """One of the actions, in the name of a token."""
    actor = Actor("token:crashing")
    match action:
        case "create":
            fields = {"url": URL, "secrets": (SECRET,)}
            await subscriptions.create(control, actor, fields, id_=argument, request="hash")
        case "update":
            # expected: a change that lost must not be made again
            await subscriptions.update(control, actor, argument, lambda _: {"name": "crashed"}, expected={1})
        case "remove":
            await subscriptions.remove(control, actor, argument, expected={1})
        case "apply":
            expected, _, file = argument.partition("@")
            ruleset = await asyncio.to_thread(load_rules, Path(file))
            kafka = control.settings.kafka
            await rules.apply(control, actor, lambda: control_rules.publish_rules(kafka, ruleset, expected=expected))
        case "test":
            made = await tests_sent.make(control, actor, argument, nonce="00ff")
            if not made.replayed:
                await tests_sent.send(control, actor, made.record)
        case _:
            await replay.send(control, actor, await replay.choose(control, actor, Wanted(None, argument)))


async def main(point: str, action: str, argument: str, ready: Path, go: Path) -> None:
    async with Control(Settings(), follow=(topics.SUBSCRIPTIONS,), once=True) as control:
        arm(point, ready, go)
        arm_rules(point, ready, go)
        await act(control, action, argument)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], Path(sys.argv[4]), Path(sys.argv[5])))
