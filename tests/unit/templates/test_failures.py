"""What a template that cannot be rendered leads to, and what the operator reads."""

import asyncio
import resource
import signal
import threading
import time
from functools import partial
from typing import Any

import pytest

from adapters.templates.environment import DeadlineExceeded
from adapters.templates.limits import within_limits
from domain.errors import FailureReason, Permanent
from tests.unit.templates.conftest import Folder, render


@pytest.mark.parametrize(
    ("source", "parameters", "named"),
    [
        ("\n{{ customer }}", {}, "'customer' is undefined in t.jinja2 line 2"),
        ("{{ custmer }}", {"customer": 1}, "did you mean 'customer'?"),
        ("{{ order.total }}", {"order": {}}, "'order.total' is undefined"),
        ("{{ order['total'] }}", {"order": {}}, "total"),
        ("{{ order.lines[0].price }}", {"order": {"lines": [{}]}}, "price"),
        ("{{ lines[3] }}", {"lines": []}, "has no element 3"),
        ("{% for x in rows %}{% endfor %}", {}, "'rows' is undefined"),
        ("{% if flag %}{% endif %}", {}, "'flag' is undefined"),
    ],
)
def test_an_undefined_variable_is_named_with_file_and_line(
    folder: Folder, source: str, parameters: dict[str, Any], named: str
) -> None:
    failure = folder.write({"t.jinja2": source}).failure("t", parameters)

    assert failure.reason is FailureReason.TEMPLATE_UNDEFINED
    assert named in str(failure)
    assert "t.jinja2 line" in str(failure)


def test_the_file_named_is_the_include_that_failed(folder: Folder) -> None:
    folder.write({"t.jinja2": "\n\n{% include '_i.jinja2' %}", "_i.jinja2": "\n{{ nobody }}"})

    assert "_i.jinja2 line 2" in str(folder.failure("t"))


def test_lenient_still_refuses_to_calculate_with_what_is_undefined(folder: Folder) -> None:
    failure = folder.write({"t.jinja2": "{{ a + 1 }}"}).failure("t", options={"lenient": True})

    assert failure.reason is FailureReason.TEMPLATE_UNDEFINED


def test_a_missing_template_is_named_with_a_near_match(folder: Folder) -> None:
    failure = folder.write({"welcome.jinja2": "x"}).failure("welcom")

    assert failure.reason is FailureReason.TEMPLATE_MISSING
    assert str(failure) == "there is no template 'welcom'; did you mean 'welcome'?"


@pytest.mark.parametrize("name", ["_base", "t/_part", "t/html", "../t", "/etc/passwd", "t\0", ""])
def test_only_templates_can_be_asked_for(folder: Folder, name: str) -> None:
    folder.write({"_base.jinja2": "x", "t/html.jinja2": "x", "t/_part.jinja2": "x"})

    assert folder.failure(name).reason is FailureReason.TEMPLATE_MISSING


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ("{{ 1 / 0 }}", "ZeroDivisionError"),
        ("{{ 'a' + 1 }}", "TypeError"),
        ("{{ 'a'|int('b')|round }}", "TypeError"),
        ("{{ v() }}", "TypeError"),
        ("{% include name %}", "there is no file 'nothing.jinja2' to include"),
        ("{{ ''.__class__.__mro__ }}", "'__class__' of 'str' is unsafe"),
        ("{{ ''['__class__'] }}", "unsafe"),
        ("{{ ''|attr('__class__') }}", "unsafe"),
        ("{{ '{0.__class__}'.format(1) }}", "unsafe"),
        ("{{ cycler.__init__.__globals__ }}", "unsafe"),
        ("{{ now.__class__ }}", "unsafe"),
        ("{{ '\\ud800' }}", "UnicodeEncodeError"),
    ],
)
@pytest.mark.parametrize("lenient", [False, True])
def test_whatever_a_template_raises_is_a_template_error(
    folder: Folder, source: str, named: str, lenient: bool
) -> None:
    folder.write({"t.jinja2": source})

    failure = folder.failure("t", {"v": 3, "name": "nothing.jinja2"}, options={"lenient": lenient})

    assert failure.reason is FailureReason.TEMPLATE_ERROR
    assert named in str(failure)
    assert "t.jinja2" in str(failure) or "'t'" in str(failure)


def test_an_error_does_not_carry_a_parameters_text_along(folder: Folder) -> None:
    folder.write({"t.jinja2": "{{ [][v] }}{{ {}[v] }}", "u.jinja2": "{% include v %}"})
    secret = "x" * 5000

    for template in ("t", "u"):
        assert len(str(folder.failure(template, {"v": secret}))) < 400


DOUBLING = (
    "{{% set ns = namespace(x='ab') %}}"
    "{{% for i in range(99) %}}{{% set ns.x = ns.x {} ns.x %}}{{% endfor %}}"
)
ENDLESS = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"


@pytest.mark.parametrize(
    "source",
    [
        ENDLESS,
        "{% set x %}" + ENDLESS + "{% endset %}",
        "{{ range(99999)|map('string')|map('length')|sum }}" * 500,
    ],
)
def test_a_silent_endless_loop_is_stopped(folder: Folder, source: str) -> None:
    folder.write({"t.jinja2": source})
    began = time.process_time()  # a machine that is busy does not count

    failure = folder.failure("t", options={"timeout": 0.2})

    assert failure.reason is FailureReason.TEMPLATE_LIMIT
    assert "took too long" in str(failure)
    assert time.process_time() - began < 10


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in range(99999) %}{{ 'a line of text' }}{% endfor %}",
        "{% for i in range(99999) %}{% for j in range(99999) %}x{% endfor %}{% endfor %}",
        DOUBLING.format("~"),
        DOUBLING.format("+"),
        "{{ 'x' * 10000000000 }}",
        "{{ n * 'x' }}",
        "{{ [1] * n }}",
        "{{ 9 ** n }}",
        "{{ (9 ** 999) * (9 ** 999) }}",
        "{{ range(n) }}",
        "{{ range(99999999999999999999999) }}",
        "{{ 'x'|center(n) }}",
        "{{ 'x'|center(10000000000) }}",
        "{{ 'x'.ljust(n) }}",
        "{{ 'x'.center(n) }}",
        "{{ '%10000000000d' % 1 }}",
        "{{ '%10000000000d'|format(1) }}",
        "{{ '{:10000000000}'.format(1) }}",
        "{{ 'x'|indent(n) }}" + "\n",
        "{{ (range(99999)|join('x' * 99999))|length }}",
        "{{ ('a' * 99999)|replace('a', 'a' * 99999) }}",
    ],
)
def test_a_template_that_grows_without_end_is_stopped(folder: Folder, source: str) -> None:
    folder.write({"t.jinja2": "\n" + source})

    failure = folder.failure("t", {"n": 10**10}, options={"max_output": 100_000, "timeout": 1})

    assert failure.reason is FailureReason.TEMPLATE_LIMIT


@pytest.mark.parametrize(
    ("text", "fits"), [("x" * 1000, True), ("x" * 1001, False), ("é" * 501, False)]
)
def test_the_output_is_bounded_in_bytes(folder: Folder, text: str, fits: bool) -> None:
    folder.write({"t/text.jinja2": "{{ text }}"})
    options = {"max_output": 1000}

    if fits:
        assert folder.render("t", {"text": text}, options=options).parts["text"] == text
    else:
        failure = folder.failure("t", {"text": text}, options=options)
        assert failure.reason is FailureReason.TEMPLATE_LIMIT
        assert "1000 bytes" in str(failure)


def test_after_a_rendering_no_timer_handler_or_memory_bound_is_left(folder: Folder) -> None:
    templates = folder.write({"good.jinja2": "x", "bad.jinja2": ENDLESS}).load(timeout=0.1)
    handler = signal.getsignal(signal.SIGPROF)
    bound = resource.getrlimit(resource.RLIMIT_AS)

    render(templates, "good")
    with pytest.raises(Permanent):
        render(templates, "bad")

    assert signal.getitimer(signal.ITIMER_PROF) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGPROF) == handler
    assert resource.getrlimit(resource.RLIMIT_AS) == bound
    assert render(templates, "good").parts["html"] == "x"


def test_where_there_is_no_proc_the_time_is_bounded_still() -> None:
    def endless() -> None:
        while True:
            pass

    absent = partial(within_limits, seconds=0.1, memory=0, statm="/absent/statm")

    assert absent(lambda: bytes(10**6)) == bytes(10**6)
    with pytest.raises(DeadlineExceeded):
        absent(endless)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_work_is_ended_though_an_object_took_the_first_signal() -> None:
    class Dropped:
        def __del__(self) -> None:
            until = time.process_time() + 0.3  # Python drops what is raised here
            while time.process_time() < until:
                pass

    def endless() -> None:
        Dropped()
        until = time.process_time() + 5
        while time.process_time() < until:
            pass

    with pytest.raises(DeadlineExceeded):
        within_limits(endless, seconds=0.1, memory=None)


def test_stopping_a_template_leaves_an_event_loop_and_its_signals_alone(folder: Folder) -> None:
    templates = folder.write({"bad.jinja2": ENDLESS}).load(timeout=0.1)

    async def work() -> str:
        loop = asyncio.get_running_loop()
        asked_to_stop = asyncio.Event()
        loop.add_signal_handler(signal.SIGUSR1, asked_to_stop.set)
        with pytest.raises(Permanent) as failed:
            render(templates, "bad")
        signal.raise_signal(signal.SIGUSR1)
        await asyncio.wait_for(asked_to_stop.wait(), timeout=5)
        loop.remove_signal_handler(signal.SIGUSR1)
        return str(failed.value)

    assert "took too long" in asyncio.run(work(), debug=False)


def test_another_thread_renders_too_bounded_by_the_output_alone(folder: Folder) -> None:
    grows = "{% for i in range(99999) %}xxxxxxxxxx{% endfor %}"
    templates = folder.write({"t.jinja2": "x", "grows.jinja2": grows}).load(max_output=1000)
    seen: list[object] = []

    def work() -> None:
        seen.append(render(templates, "t").parts["html"])
        try:
            render(templates, "grows")
        except Permanent as failure:
            seen.append(failure.reason)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert seen == ["x", FailureReason.TEMPLATE_LIMIT]


@pytest.mark.parametrize(
    "source", ["{% include 't.jinja2' %}", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"]
)
def test_a_template_that_calls_itself_without_end_meets_the_limit(
    folder: Folder, source: str
) -> None:
    folder.write({"t.jinja2": source})

    failure = folder.failure("t", {})

    assert failure.reason is FailureReason.TEMPLATE_LIMIT
    assert "without end" in str(failure)
