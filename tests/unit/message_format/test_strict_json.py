"""JSON without its ambiguities."""

import contextlib
import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.message_format.body import MAX_DEPTH, loads_object
from domain.errors import MalformedMessage

text = st.text(st.characters(blacklist_categories=["Cs"]), max_size=20)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | text
finite = scalars.filter(lambda value: value not in (float("inf"), float("-inf")))
values = st.recursive(
    finite,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=8,
)


def fault_of(body: bytes) -> str:
    with pytest.raises(MalformedMessage) as caught:
        loads_object(body)
    return str(caught.value)


@settings(max_examples=50)
@given(st.dictionaries(text, values, max_size=4), st.booleans(), st.sampled_from([None, 1]))
def test_any_object_decodes_to_what_was_encoded(
    value: dict[str, object],
    ensure_ascii: bool,
    indent: int | None,
) -> None:
    body = json.dumps(value, ensure_ascii=ensure_ascii, indent=indent).encode()

    assert loads_object(body) == value


@given(st.binary() | st.text('[]{}",:\\u d8e01-.tfn').map(str.encode))
def test_any_other_bytes_are_malformed_and_nothing_else(body: bytes) -> None:
    with contextlib.suppress(MalformedMessage):
        assert isinstance(loads_object(body), dict)


@given(brackets=st.text('[]{}"\\', min_size=MAX_DEPTH + 1))
def test_brackets_and_quotes_in_strings_are_only_text(brackets: str) -> None:
    value = {brackets: [brackets, {"a": brackets}]}

    assert loads_object(json.dumps(value).encode()) == value


def nested(depth: int, opening: str = "[", closing: str = "]") -> bytes:
    """An object with `depth` levels in all."""
    return b'{"a":%s1%s}' % (opening.encode() * (depth - 1), closing.encode() * (depth - 1))


@pytest.mark.parametrize("brackets", [("[", "]"), ('{"b":', "}")], ids=["arrays", "objects"])
def test_the_deepest_allowed_object_is_read(brackets: tuple[str, str]) -> None:
    assert list(loads_object(nested(MAX_DEPTH, *brackets))) == ["a"]


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 2_000, 200_000])
@pytest.mark.parametrize("brackets", [("[", "]"), ('{"b":', "}")], ids=["arrays", "objects"])
def test_one_level_more_is_refused(brackets: tuple[str, str], depth: int) -> None:
    assert fault_of(nested(depth, *brackets)) == "body: nested deeper than 64 levels"


def test_depth_after_a_string_full_of_closing_brackets_still_counts() -> None:
    body = b'{"s":"' + b"]" * 5_000 + b'","a":' + b"[" * 2_000 + b"]" * 2_000 + b"}"

    assert fault_of(body) == "body: nested deeper than 64 levels"


def test_many_shallow_brackets_are_not_deep() -> None:
    assert loads_object(b'{"a":[' + b"[]," * 1_000 + b"[]]}") == {"a": [[]] * 1_001}


@pytest.mark.parametrize("ending", [b"", b'"', b"\\"], ids=["open", "closed", "cut in an escape"])
def test_a_string_of_a_million_escapes_costs_no_stack(ending: bytes) -> None:
    body = b'{"a":[' + b"[" * MAX_DEPTH + b'"' + b"\\\\" * 1_000_000 + ending

    assert fault_of(body) == "body: nested deeper than 64 levels"


def test_a_byte_order_mark_is_accepted() -> None:
    assert loads_object(b'\xef\xbb\xbf{"a":1}') == {"a": 1}


def test_a_pair_of_surrogate_escapes_is_one_character() -> None:
    assert loads_object(b'{"a":"\\ud83d\\ude00"}') == {"a": "\N{GRINNING FACE}"}


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"", "body: not JSON: Expecting value at line 1 column 1"),
        (b"hello", "body: not JSON: Expecting value at line 1 column 1"),
        (b'{"a":1', "body: not JSON: Expecting ',' delimiter at line 1 column 7"),
        (b'{"a":1} x', "body: not JSON: Extra data at line 1 column 9"),
        (b"{'a':1}", "body: not JSON: Expecting property name"),
        (b'{"a":1,}', "body: not JSON: "),
        (b'{"a":"\n"}', "body: not JSON: Invalid control character"),
        (b'\xef\xbb\xbf\xef\xbb\xbf{"a":1}', "body: not JSON: "),
        (b"null", "body: must be a JSON object, not null"),
        (b"[1]", "body: must be a JSON object, not an array"),
        (b'"a"', "body: must be a JSON object, not a string"),
        (b"true", "body: must be a JSON object, not a boolean"),
        (b"1.5", "body: must be a JSON object, not a number"),
        (b'{"a":NaN}', "body: NaN is not JSON"),
        (b'{"a":[Infinity]}', "body: Infinity is not JSON"),
        (b'{"a":-Infinity}', "body: -Infinity is not JSON"),
        (b'{"a":1,"b":2,"a":1}', "body: duplicate key 'a'"),
        (b'{"p":[{"\xc3\xa8":1,"\\u00e8":2}]}', "body: duplicate key '\\xe8'"),
        (b'{"a":"\xff"}', "body: not UTF-8 at byte 6"),
        ('{"a":"è"}'.encode("latin-1"), "body: not UTF-8 at byte 6"),
        ('{"a":1}'.encode("utf-16"), "body: not UTF-8 at byte 0"),
        (b'{"a":"\xed\xa0\x80"}', "body: not UTF-8 at byte 6"),
        (b'{"a":{"b":[1,"\\ud800"]}}', "a.b[1]: holds half of a surrogate pair"),
        (b'{"a":"\\uDFFFx"}', "a: holds half of a surrogate pair"),
        (b'{"a":{"\\udc00":1}}', "a: holds half of a surrogate pair"),
        (b'{"\\udc00":1}', "a key: holds half of a surrogate pair"),
        (b'{"a":' + b"9" * 5_000 + b"}", "body: a number has too many digits"),
    ],
)
def test_whatever_is_ambiguous_is_refused_with_its_place(body: bytes, fault: str) -> None:
    assert fault_of(body).startswith(fault)


def test_a_key_given_twice_among_very_many_is_found_at_once() -> None:
    names = [f"k{number}" for number in range(200_000)]
    pairs = ",".join(f'"{name}":1' for name in [*names, names[-1]])
    body = f"{{{pairs}}}"
    began = time.process_time()

    assert fault_of(body.encode()) == "body: duplicate key 'k199999'"
    assert time.process_time() - began < 10  # to count each of them takes minutes
