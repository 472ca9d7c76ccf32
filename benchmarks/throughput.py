"""Mails per second, beside the worker everybody starts with, on the same machine in the same run.

`python -m benchmarks.throughput --help` lists the options; README.md says how to read the output.
"""

import argparse
import json
import os
import sys
import tempfile
import uuid
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from statistics import median

from benchmarks.measure import Run, RunFailed, measure
from benchmarks.message import body
from benchmarks.peers import Queue, Sink, Unavailable, rabbitmq
from entrypoints.settings import Settings

ROOT = Path(__file__).parent
TEMPLATES = ROOT / "templates"
OURS, HANDWRITTEN = "dispatcher", "handwritten"

_LABELS = {
    "mails_per_second": "mails/s",
    "cpu_per_thousand": "CPU s per 1,000",
    "peak_memory": "peak RSS MiB",
    "memory_at_thousandth": "RSS at 1,000th",
    "memory_at_last": "RSS at last",
}

Contender = Callable[[], Run]


def main() -> int:
    """Run the rounds and print the medians; the exit code is 0 unless nothing could be proven."""
    parser = argparse.ArgumentParser(prog="benchmarks.throughput", description=__doc__)
    parser.add_argument("--mails", type=int, default=20_000, help="mails a run (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved rounds (%(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON on stdout")
    options = parser.parse_args()
    try:
        with rabbitmq() as url, Sink() as sink, tempfile.TemporaryDirectory() as home:
            queue = Queue(url, f"bench-{uuid.uuid4().hex[:8]}")
            try:
                contenders = _contenders(url, queue, sink, home, options.mails)
                results = _rounds(contenders, options.rounds)
            finally:
                queue.delete(*_companions(queue.name))
    except (Unavailable, RunFailed) as error:
        print(error, file=sys.stderr)
        return 1
    print(_as_json(results, options.mails) if options.json else _as_table(results, options.mails))
    return 0


def _contenders(url: str, queue: Queue, sink: Sink, home: str, mails: int) -> dict[str, Contender]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("DISPATCHER_")}
    inherited["PYTHONPATH"] = str(ROOT.parent)
    ours = {
        "DISPATCHER_BROKER_URL": url,
        "DISPATCHER_QUEUES": f"email={queue.name}",
        "DISPATCHER_EMAIL_URL": f"smtp://{sink.host}:{sink.port}",
        "DISPATCHER_TEMPLATES_DIR": str(TEMPLATES),
        "DISPATCHER_HOME": home,
    }
    peers = [url, queue.name, sink.host, str(sink.port), str(TEMPLATES)]
    commands = {
        OURS: (["-m", "entrypoints.worker"], inherited | ours),
        HANDWRITTEN: (["-m", "benchmarks.handwritten", *peers], inherited),
    }

    def contender(name: str) -> Contender:
        command, environment = commands[name]

        def run() -> Run:
            queue.fill(map(body, range(mails)))
            return measure(command, environment, queue, sink, mails)

        return run

    return {name: contender(name) for name in commands}


def _rounds(contenders: dict[str, Contender], rounds: int) -> dict[str, list[Run]]:
    """Interleaved, so that a machine that changes its speed does so to both."""
    results: dict[str, list[Run]] = {name: [] for name in contenders}
    for number in range(1, rounds + 1):
        for name, run in contenders.items():
            results[name].append(run())
            last = results[name][-1]
            print(
                f"round {number} of {rounds}, {name}: {last.mails_per_second:,.0f} mails/s, "
                f"{last.cpu_per_thousand:.3f} CPU s per 1,000, {last.peak_memory:.0f} MiB",
                file=sys.stderr,
            )
    return results


def _medians(runs: list[Run]) -> Run:
    return Run(**{f.name: median(getattr(run, f.name) for run in runs) for f in fields(Run)})


def _ratios(results: dict[str, list[Run]]) -> dict[str, float]:
    """Both against the hand-written worker: rate, more is better; processor time, less is.

    Of each round first, then the median: a round's two runs met the same machine, while the two
    medians may come from rounds at different speeds.
    """
    rounds = list(zip(results[OURS], results[HANDWRITTEN], strict=True))
    return {
        "rate": median(ours.mails_per_second / theirs.mails_per_second for ours, theirs in rounds),
        "cpu": median(ours.cpu_per_thousand / theirs.cpu_per_thousand for ours, theirs in rounds),
    }


def _as_json(results: dict[str, list[Run]], mails: int) -> str:
    medians = {name: _medians(runs) for name, runs in results.items()}
    report = {
        "mails": mails,
        "medians": {name: asdict(run) for name, run in medians.items()},
        "ratios": _ratios(results),
        "runs": {name: [asdict(run) for run in runs] for name, runs in results.items()},
    }
    return json.dumps(report, indent=2)


def _as_table(results: dict[str, list[Run]], mails: int) -> str:
    medians = {name: _medians(runs) for name, runs in results.items()}
    rounds = len(results[OURS])
    lines = [
        f"{mails:,} mails a run, every one accepted, queue left empty; medians of {rounds} rounds",
        f"{'':<12}" + "".join(f"{label:>17}" for label in _LABELS.values()),
    ]
    for name, run in medians.items():
        values = (getattr(run, field) for field in _LABELS)
        lines.append(f"{name:<12}" + "".join(f"{value:>17,.2f}" for value in values))
    ratios = _ratios(results)
    lines.append(
        f"dispatcher sends {ratios['rate']:.1f} times as many a second, "
        f"for {ratios['cpu']:.2f} of the processor time a mail"
    )
    return "\n".join(lines)


def _companions(queue: str) -> list[str]:
    tiers = [int(delay.total_seconds() * 1000) for delay in Settings().retry_delays]
    return [f"{queue}.dead", *(f"{queue}.retry.{milliseconds}" for milliseconds in tiers)]


if __name__ == "__main__":
    sys.exit(main())
