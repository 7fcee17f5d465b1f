"""Write the dashboards as the JSON that Grafana reads.

    python deploy/grafana/build.py [--runbooks URL] [FOLDER]

What is committed is what this writes without arguments; a test compares. `--runbooks` is where your people read
deploy/runbooks, for the links of panels: by default the folder that deploy/compose.yaml lets Grafana serve itself.
"""

import argparse
import json
from pathlib import Path

from boards import coverage, delivery, overview, rules

HERE = Path(__file__).parent
BOARDS = (overview.BOARD, coverage.BOARD, delivery.BOARD, rules.BOARD)
RUNBOOKS = "/public/runbooks"


def main() -> None:
    """Write them all."""
    parser = argparse.ArgumentParser(description="Write the dashboards of Bongsu as JSON.")
    parser.add_argument("--runbooks", default=RUNBOOKS, help="address of the folder of runbooks")
    parser.add_argument("folder", nargs="?", type=Path, default=HERE / "dashboards")
    told = parser.parse_args()
    for board in BOARDS:
        text = json.dumps(board.json(told.runbooks.rstrip("/")), ensure_ascii=False, indent=1) + "\n"
        (told.folder / f"{board.uid.removeprefix('bongsu-')}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
