"""The long fault runs go on where they were, fail for a fault in a log, and tell how what they measure grows."""

import json
from types import SimpleNamespace

import pytest

from tests.soak import KILLS, PARTS, Run, Soak

TEST = "tests/faults/test_x.py::test_x[part1of4]"
LIKE = {"test": TEST, "seed": 7, "kills": KILLS, "parts": PARTS, "outcome": "passed", "seconds": 300, "at": "14:00"}


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run that finds `lines` in its record."""
    monkeypatch.delenv("SEED", raising=False)

    def make(*lines):
        path = tmp_path / "soak.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        return Run(str(path))

    return make


def skipped(run, markers=("soak",)):
    added: list[object] = []
    item = SimpleNamespace(nodeid=TEST, add_marker=added.append, get_closest_marker=lambda name: name in markers)
    run.pytest_collection_modifyitems([item])
    return bool(added)


def test_what_passed_is_left_out_and_its_seed_is_kept(run):
    again = run(LIKE)
    assert again.seed == 7
    assert skipped(again)
    assert not skipped(again, markers=())


@pytest.mark.parametrize(
    "other", [{"outcome": "failed"}, {"kills": KILLS + 1}, {"parts": PARTS + 1}, {"test": "another"}]
)
def test_what_did_not_pass_as_it_is_asked_for_now_is_run(run, other):
    assert not skipped(run(LIKE | other))


def test_another_seed_is_another_run(run, monkeypatch):
    monkeypatch.setenv("SEED", "8")
    assert not skipped(run(LIKE, LIKE))


def report(when, outcome="passed"):
    return SimpleNamespace(
        nodeid=TEST, keywords={"soak": 1}, when=when, outcome=outcome, passed=outcome == "passed",
        skipped=outcome == "skipped", duration=12.4, user_properties=[("deaths", 50)],
    )  # fmt: skip


def test_each_end_is_a_line_that_the_next_run_reads(run, tmp_path):
    first = run()
    for when in ("setup", "call", "teardown"):
        first.pytest_runtest_logreport(report(when))
    (line,) = map(json.loads, (tmp_path / "soak.jsonl").read_text(encoding="utf-8").splitlines())
    assert {**line, "at": ""} == {**LIKE, "seed": first.seed, "seconds": 12, "deaths": 50, "at": ""}
    assert skipped(Run(str(tmp_path / "soak.jsonl")))


@pytest.mark.parametrize(("call", "teardown"), [("failed", "passed"), ("passed", "failed")])
def test_a_failure_is_no_pass(run, tmp_path, call, teardown):
    first = run()
    first.pytest_runtest_logreport(report("call", call))
    first.pytest_runtest_logreport(report("teardown", teardown))
    assert '"outcome": "failed"' in (tmp_path / "soak.jsonl").read_text(encoding="utf-8")
    assert not skipped(Run(str(tmp_path / "soak.jsonl")))


@pytest.fixture
def soak(request):
    return Soak(request, 7)


def test_the_same_seed_has_the_same_luck(request, soak):
    first, again, other = (
        [made.luck.random() for _ in range(3)] for made in (soak, Soak(request, 7), Soak(request, 8))
    )
    assert first == again != other


@pytest.mark.parametrize(
    "line",
    [
        '{"event": "x", "level": "error", "logger": "service.streams.role"}',
        "Traceback (most recent call last):",
        '{"event": "the role ends in a fault", "level": "info"}',
    ],
)
def test_a_fault_in_a_log_fails(soak, tmp_path, line):
    (tmp_path / "worker-0.log").write_text(f'{{"event": "ready", "level": "info"}}\n{line}\n', encoding="utf-8")
    with pytest.raises(AssertionError, match=r"worker-0\.log"):
        soak.logs(tmp_path)


@pytest.mark.parametrize("level", ["warning", "error"])
def test_what_others_say_is_counted_by_its_shape(request, soak, tmp_path, level):
    lines = [f'{{"event": "overlapping (runtime={n}.5)", "level": "{level}", "logger": "mode"}}\n' for n in range(3)]
    (tmp_path / "worker-0.log").write_text("".join(lines), encoding="utf-8")
    soak.logs(tmp_path)
    assert dict(request.node.user_properties)["warnings"] == {"overlapping (runtime=0)": 3}


def test_growth_is_told(request, soak, monkeypatch):
    monkeypatch.setattr(soak, "_say", lambda text: None)
    for value in [1, 1, 2, 2, 3, 3, 9, 5]:
        soak.measure("back_s", value)
    soak.end()
    assert dict(request.node.user_properties)["back_s"] == {"first": 1, "last": 7, "most": 9}
