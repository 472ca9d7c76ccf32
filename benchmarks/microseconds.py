"""Where the microseconds of one mail go: `python -m benchmarks.microseconds [--mails N]`, with
style sheets inlined by `--inline-css`.

Our worker runs with a sampling profiler inside while mails flow from RabbitMQ to smtp-sink. Each
sample counts for the part to which the innermost of our files belongs, or of the libraries that
have a part of their own. What belongs to no part is "the way itself": the loop, tasks, domain, and
the calls between the parts.
"""

import argparse
import json
import os
import signal
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.contenders import ROOT, worker
from benchmarks.measure import RunFailed, Watched, fixed_loop
from benchmarks.message import body
from benchmarks.report import markdown
from benchmarks.services import Queue, Sink, Unavailable, rabbitmq

# The first that occurs in a file's path decides; the more special stand first.
_PARTS = {
    "adapters/message_format/": "decode",
    "adapters/templates/text_": "text part",
    "adapters/templates/visibility": "text part",
    "adapters/html.py": "text part",
    **dict.fromkeys(
        ("adapters/templates/inlin", "adapters/templates/style_rules", "adapters/templates/finish"),
        "inlining",
    ),
    "adapters/templates/preheader": "inlining",
    "adapters/templates/": "render",
    "/jinja2/": "render",
    "/markupsafe/": "render",
    "<template>": "render",
    ".jinja2": "render",
    "adapters/channels/email/mime": "MIME",
    "adapters/channels/email/headers": "MIME",
    "adapters/channels/email/outgoing_mail": "MIME",
    "adapters/channels/email/": "SMTP",
    "adapters/rabbitmq/": "broker",
    "/pika/": "broker",
    "adapters/sqlite/": "ledger",
    "adapters/redis/": "ledger",
    "domain/ledger": "ledger",
    **dict.fromkeys(
        (
            "adapters/observers/metrics",
            "adapters/observers/durations",
            "adapters/observers/gauges",
            "adapters/observers/totals",
            "adapters/observers/timing",
            "/prometheus_client/",
        ),
        "metrics",
    ),
    "adapters/observers/": "log",
    "/structlog/": "log",
}
_REST = "the way itself"
_ORDER = ("decode", "render", "text part", "MIME", "SMTP", "broker", "ledger", "log", "metrics")
_OURS = ("/src/domain/", "/src/adapters/", "/src/entrypoints/")

Profile = dict[str, Any]


def main() -> int:
    """Measure once and print the tables."""
    parser = argparse.ArgumentParser(prog="benchmarks.microseconds", description=__doc__)
    parser.add_argument("--mails", type=int, default=10_000, help="measured (%(default)s)")
    parser.add_argument("--inline-css", action="store_true", help="with styles in the tags")
    parser.add_argument("--articles", type=int, default=8, help="in each mail (%(default)s)")
    parser.add_argument("--functions", type=int, default=0, help="print the N dearest as well")
    options = parser.parse_args()
    before = fixed_loop()
    try:
        profile = sample(options.mails, articles=options.articles, inlines=options.inline_css)
    except (Unavailable, RunFailed) as error:
        print(error, file=sys.stderr)
        return 1
    print(_parts_table(profile))
    collector = profile["collector"] / profile["mails"] * 1e6
    print(f"\nThe garbage collector's share, contained in the rows: {collector:.0f} us a mail.")
    if options.functions:
        print(f"\n{_functions_table(profile, options.functions)}")
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    words = " ".join(["python -m benchmarks.microseconds", *sys.argv[1:]])
    print(f"\n`{words}`, {now}; a fixed loop took {before:.0f} and {fixed_loop():.0f} ms.")
    return 0


def sample(mails: int, *, articles: int, inlines: bool) -> Profile:
    """Run the worker with the profiler in it; the first mails, up to a tenth, are not measured."""
    warm = mails // 10
    with rabbitmq() as url, Sink() as sink, tempfile.TemporaryDirectory(prefix="bench-") as home:
        queue, file = Queue(url, f"bench-{uuid.uuid4().hex[:8]}"), Path(home, "profile.json")
        try:
            queue.declare()
            queue.fill(body(number, articles=articles) for number in range(mails + warm))
            with Path(home, "log").open("wb") as log:
                command = worker(
                    home,
                    module="benchmarks.sampling",
                    BROKER_URL=url,
                    QUEUES=f"email={queue.name}",
                    EMAIL_URL=f"smtp://{sink.address}",
                    TEMPLATES_INLINE_CSS="on" if inlines else "off",
                )
                command.environment["BENCH_PROFILE"] = str(file)
                running = Watched(command, log)
                try:
                    running.wait_for(sink.accepted, warm)
                    os.kill(running.pid, signal.SIGUSR1)
                    first = sink.accepted()
                    running.wait_for(sink.accepted, mails + warm)
                    os.kill(running.pid, signal.SIGUSR2)
                    return _read(file) | {"mails": mails + warm - first}
                finally:
                    running.stop()
        finally:
            queue.delete()


def _read(file: Path) -> Profile:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            profile: Profile = json.loads(file.read_text())
        except (OSError, ValueError):
            time.sleep(0.1)
        else:
            return profile
    raise RunFailed("the worker wrote no profile")


def part_of(stack: Sequence[str]) -> str:
    """The part that a stack belongs to, its innermost call first."""
    for place in stack:
        for path, part in _PARTS.items():
            if path in place:
                return part
        if _is_ours(place):
            break
    return _REST


def _is_ours(place: str) -> bool:
    return any(folder in place for folder in _OURS)


def _parts_table(profile: Profile) -> str:
    spent: Counter[str] = Counter()
    for stack, seconds in profile["stacks"]:
        spent[part_of(stack)] += seconds
    loop = sum(spent.values())
    for name, seconds in profile["threads"].items():
        spent["log, its thread" if name.startswith("log ") else "other threads"] += seconds
    names = [*_ORDER, _REST, *sorted(set(spent) - {*_ORDER, _REST})]
    whole, mails = sum(spent.values()), profile["mails"]
    rows = [(name, *_shares(spent[name], whole, mails)) for name in names]
    rows += [("the loop's thread", *_shares(loop, whole, mails))]
    rows += [("in all", *_shares(whole, whole, mails))]
    return markdown(("part", "us a mail", "share"), rows)


def _functions_table(profile: Profile, count: int) -> str:
    own: Counter[str] = Counter()
    with_calls: Counter[str] = Counter()
    for stack, seconds in profile["stacks"]:
        own[stack[0]] += seconds
        for place in set(stack):
            with_calls[place] += seconds
    whole, mails = sum(own.values()), profile["mails"]
    heads = ("function", "us a mail", "share")
    tables = []
    for title, spent in (("itself", own), ("with what it calls, ours", _ours(with_calls))):
        rows = [
            (_short(place), *_shares(seconds, whole, mails))
            for place, seconds in spent.most_common(count)
        ]
        tables.append(f"{title}\n\n{markdown(heads, rows)}")
    return "\n\n".join(tables)


def _ours(spent: Counter[str]) -> Counter[str]:
    return Counter({place: seconds for place, seconds in spent.items() if _is_ours(place)})


def _short(place: str) -> str:
    path = place.removeprefix(f"{ROOT}/src/").removeprefix(str(ROOT))
    _, found, library = path.rpartition("/site-packages/")
    return library if found else path


def _shares(seconds: float, whole: float, mails: int) -> Iterable[str]:
    return f"{seconds / mails * 1e6:.0f}", f"{seconds / whole:.1%}"


if __name__ == "__main__":
    sys.exit(main())
