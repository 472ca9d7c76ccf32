"""Mails per second, processor time and memory against other workers that send the same mail.

`python -m benchmarks --help` lists the options; README.md says how to read the output.
"""

import argparse
import json
import os
import platform
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.cases import OURS, SOURCE, Case, Cases
from benchmarks.contenders import ROOT
from benchmarks.measure import RunFailed, fixed_loop
from benchmarks.plot import bars
from benchmarks.report import Round, details, several, targets
from benchmarks.services import Unavailable, rabbitmq

_RESULTS = ROOT / "benchmarks" / "results"
_COMPARED = 3  # whole runs whose targets stand next to each other
PAGE = ROOT / "docs" / "performance.md"
_PLOTS = {
    "peers": (PAGE.with_suffix(".svg"), "Mails a second"),
    "slow server": (
        PAGE.with_name("performance-slow.svg"),
        "Mails a second, from a server that answers after 10 ms",
    ),
}
_BEGIN, _END = "<!-- measured: begin -->\n", "<!-- measured: end -->\n"


def main() -> int:
    """Run the rounds and print the tables; the exit code is 0 unless a run proves nothing."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--mails", type=int, default=10_000, help="of a plain run (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved rounds (%(default)s)")
    parser.add_argument("--only", default="", help="tables, comma-separated, such as: peers,start")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/ as well")
    parser.add_argument("--again", action="store_true", help="measure nothing, show the last run")
    options = parser.parse_args()
    try:
        run = _earlier()[-1] if options.again else _run(options)
    except IndexError:
        print("no run was made here yet", file=sys.stderr)
        return 1
    except (Unavailable, RunFailed) as error:
        print(error, file=sys.stderr)
        return 1
    report = _report(run)
    print(report)
    if options.write:
        _write(report, run["rounds"])
    return 0


def _run(options: argparse.Namespace) -> dict[str, Any]:
    loops: list[tuple[float, float]] = []
    rounds: list[dict[str, dict[str, Any]]] = []
    run: dict[str, Any] = {"machine": _machine(), "loops": loops, "rounds": rounds}
    file = _RESULTS / f"{datetime.now(UTC):%Y-%m-%dT%H%M%S}.json"
    with rabbitmq() as url, ExitStack() as stack:
        cases = _chosen(list(Cases(url, options.mails, stack)), options.only)
        for number in range(1, options.rounds + 1):
            before = fixed_loop()
            results: dict[str, dict[str, Any]] = {}
            for case in cases:
                os.sync()  # what the one before left to write would be this one's burden
                figures = dict(case.run())
                results.setdefault(case.table, {})[case.name] = figures
                shown = "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
                print(f"round {number}  {case.table}, {case.name}: {shown}", file=sys.stderr)
            rounds.append(results)
            loops.append((before, fixed_loop()))
            words = [f"MAILS={options.mails}", f"ROUNDS={number}"]
            words += [f"ONLY='{options.only}'"] if options.only else []
            run["command"] = " ".join(["make bench", *words])
            run["date"] = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
            _RESULTS.mkdir(exist_ok=True)  # after each round, so that a broken run has its use
            file.write_text(json.dumps(run, indent=1))
    return run


def _earlier() -> list[dict[str, Any]]:
    return [json.loads(file.read_text()) for file in sorted(_RESULTS.glob("*.json"))]


def _chosen(cases: Sequence[Case], only: str) -> Sequence[Case]:
    tables = {case.table: None for case in cases}
    wanted = [name.strip() for name in only.split(",") if name.strip()] or list(tables)
    if unknown := set(wanted) - set(tables):
        raise Unavailable(f"no table {', '.join(sorted(unknown))}; there are {', '.join(tables)}")
    return [case for case in cases if case.table in wanted]


def _report(run: dict[str, Any]) -> str:
    return "\n\n".join(_parts(run))


def _parts(run: dict[str, Any]) -> Iterator[str]:
    rounds = run["rounds"]
    yield targets(rounds)
    whole = [one for one in _earlier() if one["command"] == run["command"]][-_COMPARED:]
    if len(whole) > 1 and "ONLY" not in run["command"]:
        yield "### The same command again and again"
        yield several({one["date"]: one["rounds"] for one in whole})
    for title, table in details(rounds):
        yield f"### {title}"
        yield table
    drift = ", ".join(f"{before:.0f} and {after:.0f}" for before, after in run["loops"]) or "?"
    yield f"The machine's speed: a fixed loop before and after each round took {drift} ms."
    yield f"`{run['command']}`, {run['date']}, {run['machine']}."


def _write(report: str, rounds: Sequence[Round]) -> None:
    page = PAGE.read_text()
    head, _, rest = page.partition(_BEGIN)
    _, _, tail = rest.partition(_END)
    PAGE.write_text(f"{head}{_BEGIN}\n{report}\n\n{_END}{tail}")
    for table, (file, title) in _PLOTS.items():
        if names := [name for name in rounds[0].get(table, ()) if name != SOURCE]:
            rates = {name: median(one[table][name]["rate"] for one in rounds) for name in names}
            file.write_text(bars(title, rates, OURS))


def _machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    name = models[0] if models else platform.machine()
    return f"{os.cpu_count()} cores ({name}), Python {platform.python_version()}"


if __name__ == "__main__":
    sys.exit(main())
