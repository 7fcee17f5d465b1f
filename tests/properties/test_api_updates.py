"""Two API processes on one real Kafka, several clients that change one subscription at once: no update is lost.

Each change that was answered 200 has a revision of its own; the answers, taken in the order of their revisions, are
exactly the fold of the changes that succeeded, and what stands in the end (in both processes) is the last of them.
What was answered 409 or 412 is nowhere.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, Phase, example, given, seed, settings
from hypothesis import strategies as st

from tests.api_process import api, make_token
from tests.soak import KILLS_A_PART, parts

pytestmark = [pytest.mark.kafka, pytest.mark.long]

SUBSCRIPTION = {"url": "https://alerts.example.org/hook", "name": "begin"}
KINDS = ("name", "header", "unheader", "rules", "append", "append_stale")
"""`append` reads, then changes with If-Match; `append_stale` does so with a revision that is long gone."""

PLANS = st.lists(
    st.lists(st.tuples(st.integers(0, 1), st.sampled_from(KINDS)), min_size=1, max_size=5), min_size=2, max_size=4
)
"""What each client does: in which process, and what."""


@dataclass
class State:
    """The oracle: what a subscription is after changes one by one."""

    name: str = "begin"
    headers: frozenset[str] = frozenset()
    rules: tuple[str, ...] = ("*",)

    def after(self, patch):
        named = patch.get("headers", {})
        gone = {name for name, value in named.items() if value is None}
        return State(
            patch.get("name", self.name),
            (self.headers | (named.keys() - gone)) - gone,
            tuple(patch.get("rules", self.rules)),
        )

    @classmethod
    def of(cls, shown):
        return cls(shown["name"], frozenset(shown["headers"]), tuple(shown["rules"]))


@dataclass
class Told:
    """What the clients were answered."""

    done: list[Any] = field(default_factory=list)
    """Revision, patch, the subscription as answered."""
    refused: list[Any] = field(default_factory=list)


class Clients:
    """One subscription, changed through two processes."""

    def __init__(self, urls, token):
        self.urls = urls
        self.http = httpx.Client(headers={"Authorization": f"Bearer {token}"}, timeout=60)

    def read(self, process, path):
        response = self.http.get(self.urls[process] + path)
        assert response.status_code == 200, response.text
        return response

    def run(self, plan):
        made = self.http.post(f"{self.urls[0]}/v1/subscriptions", json=SUBSCRIPTION)
        assert made.status_code == 201, made.text
        path = f"/v1/subscriptions/{made.json()['id']}"
        told = Told()
        with ThreadPoolExecutor(len(plan)) as pool:
            for one in [pool.submit(self.client, path, writer, ops, told) for writer, ops in enumerate(plan)]:
                one.result()
        return path, told

    def client(self, path, writer, ops, told):
        for number, (process, kind) in enumerate(ops):
            headers: dict[str, str] = {}
            patch = self.patch(path, f"{writer}-{number}", process, kind, headers)
            response = self.http.patch(self.urls[process] + path, json=patch, headers=headers)
            if response.status_code == 200:
                shown = response.json()
                assert response.headers["ETag"] == f'"{shown["revision"]}"'
                told.done.append((shown["revision"], patch, shown))
            else:
                assert response.status_code == (412 if headers else 409), response.text
                told.refused.append((kind, patch))

    def patch(self, path, mark, process, kind, headers):
        if kind == "name":
            return {"name": f"n{mark}"}
        if kind == "header":
            return {"headers": {f"X-W{mark}": "here"}}
        if kind == "unheader":  # also says something new, so that it is a change whether or not the header is there
            return {"headers": {f"X-W{mark[0]}-0": None, f"X-U{mark}": "here"}}
        if kind == "rules":
            return {"rules": [f"r{mark}-*"]}
        seen = self.read(process, path)
        headers["If-Match"] = seen.headers["ETag"] if kind == "append" else '"0"'
        return {"name": f"{seen.json()['name']} {mark}"}


@pytest.fixture
async def clients(kafka_env, tmp_path):
    token = await make_token(kafka_env, "subscriptions:read", "subscriptions:write")
    with api(kafka_env, tmp_path) as one, api(kafka_env, tmp_path) as other:
        clients = Clients((one, other), token)
        with clients.http:
            yield clients


def no_update_is_lost(clients, limits, drawn=lambda holds: holds):
    """The property, tried as `limits` say; `drawn` may set a seed. Gives how many changes were made, and refused."""
    successes = refusals = 0

    # `append` is what loses updates where If-Match is not kept; six writers of one field are what loses headers
    @example([[(0, "append")] * 5, [(1, "append")] * 5])
    @example([[(writer % 2, "header")] * 3 for writer in range(6)])
    @given(PLANS)
    @settings(limits, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    def holds(plan):
        nonlocal successes, refusals
        path, told = clients.run(plan)
        successes += len(told.done)
        refusals += len(told.refused)
        told.done.sort(key=lambda one: one[0])
        assert [revision for revision, _, _ in told.done] == list(range(2, len(told.done) + 2))
        state = State()
        for _, patch, shown in told.done:
            if "name" in patch and " " in patch["name"]:
                assert patch["name"].rpartition(" ")[0] == state.name  # it was made from what stood right before it
            state = state.after(patch)
            assert State.of(shown) == state
        stale = sum(kind == "append_stale" for ops in plan for _, kind in ops)
        assert sum(kind == "append_stale" for kind, _ in told.refused) == stale
        for process in (0, 1):
            stands = clients.read(process, path).json()
            assert stands["revision"] == len(told.done) + 1
            assert State.of(stands) == state

    drawn(holds)()
    assert successes > 20
    assert refusals > 0  # they did meet
    return successes, refusals


def test_no_update_is_lost(clients):
    no_update_is_lost(clients, settings(max_examples=30, derandomize=True, phases=[Phase.explicit, Phase.generate]))


@pytest.mark.soak
@parts
def test_no_update_is_lost_in_a_long_search(clients, tmp_path, soak, part):
    limits = settings(max_examples=10 * KILLS_A_PART, derandomize=False, phases=[Phase.explicit, Phase.generate])
    made, refused = no_update_is_lost(clients, limits, seed(soak.luck.randrange(2**32)))
    soak.note(plans=limits.max_examples, made=made, refused=refused)
    soak.logs(tmp_path)
