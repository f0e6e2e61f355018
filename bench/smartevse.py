"""The law of a SmartEVSE beside sunbox over the driver, with the floors that sunbox must reach. `make bench`.

`python bench/smartevse.py [--json] [--write]`. What is equal and what differs is told in `sunbox/cli/bench_smartevse.py` and, for
people, in docs/bench.md.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time

import structlog

from pv import PROCESSES, ROOT, watched, write
from sunbox.cli.bench_smartevse import COLUMNS, LAW, NAMES, Row, rows_of

BEGIN, END = "<!-- figures: bench/smartevse.py --write -->", "<!-- end of figures of smartevse.py -->"


def measure() -> list[Row]:
    """Return the rows of all scenarios, in their order."""
    with multiprocessing.get_context("spawn").Pool(PROCESSES, quietly) as pool:
        told = watched(pool.imap(rows_of, NAMES), len(NAMES), "scenarios")
        return [row for rows in told for row in rows]


def quietly() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))


def as_markdown(rows: list[Row]) -> str:
    """Return the table for docs/bench.md."""
    lines = [f"| {' | '.join(COLUMNS)} |", f"|{'---|' * len(COLUMNS)}"]
    for row in rows:
        cells = {name: cell(row) for name, cell in COLUMNS.items()}
        if row.by != LAW:
            cells["by"] = f"**{row.by}**"
        lines.append(f"| {' | '.join(cells.values())} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="The law of a SmartEVSE and sunbox.")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--write", action="store_true", help="write the table into docs/bench.md as well")
    options = parser.parse_args()
    began_s = time.perf_counter()
    rows = measure()
    if options.write:
        write(ROOT / "docs" / "bench.md", as_markdown(rows), (BEGIN, END))
    if options.json:
        print(json.dumps([row.to_json() for row in rows], indent=2))
        return
    widths = {name: max(len(name), *(len(cell(row)) for row in rows)) for name, cell in COLUMNS.items()}
    print("  ".join(name.ljust(width) for name, width in widths.items()))
    for row in rows:
        told = "  ".join(cell(row).ljust(widths[name]) for name, cell in COLUMNS.items())
        mark = "" if row.by == LAW else "  below: " + "; ".join(row.failings) if row.failings else "  PASS"
        print(told + mark)
    print(f"{len(NAMES)} scenarios, {time.perf_counter() - began_s:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
