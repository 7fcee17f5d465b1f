"""`bongsu bench`: what it refuses before it measures anything, and what it prints."""

import json
import subprocess
import sys

import pytest

from service.bench import delivery
from service.model.errors import WrongSetup


def test_a_part_that_is_none_is_refused_before_kafka_is_started() -> None:
    with pytest.raises(WrongSetup, match="no part to_2; it has to_1, to_50"):
        delivery.run(quick=True, progress=print, only=("to_1", "to_2"))


def test_what_is_logged_on_the_way_is_no_part_of_the_json():
    script = (
        "from service import logs; from service.bench import find; from service.cli import main\n"
        "def run(**_):\n"
        "    logs.get('x').info('an aside'); logs.get('x').warning('a warning')\n"
        "    return {'n': 1}\n"
        "find.run = run\n"
        "import sys; sys.argv = ['bongsu', 'bench', 'find', '--json']; main()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["n"] == 1
    assert "a warning" in done.stderr
    assert "an aside" not in done.stderr
