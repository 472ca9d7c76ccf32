"""Messages that were stored, as files or standard input have them."""

import json
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import field
from pathlib import Path

from domain.value_object import value_object

STANDARD_INPUT = "-"
_LINES = frozenset((".jsonl", ".ndjson"))
_SUFFIXES = frozenset((".json", *_LINES))
_BLANK = re.compile(r"[ \t\r\n]*")


@value_object(kw_only=True)
class StoredMessage:
    """One message as bytes. `file`: as it was named. `line`: where it begins. `item`: its index in
    a list; None outside of one."""

    file: str
    line: int
    item: int | None = None
    body: bytes = field(repr=False)


@value_object(kw_only=True)
class StoredFault:
    """What keeps a file from being read, or (no `is_error`) what is odd about it."""

    file: str
    line: int | None = None
    text: str
    is_error: bool = True


Stored = StoredMessage | StoredFault


def stored_messages(source: str) -> Iterator[Stored]:
    """The messages of a folder, of one file, or with `-` of standard input.

    A file `*.json` has one message or a list of them, `*.jsonl` and `*.ndjson` one in each line;
    standard input is read as either. Messages may also follow each other. Hidden files and folders
    are passed over.
    """
    if source == STANDARD_INPUT:
        yield from _of_bytes(source, sys.stdin.buffer.read(), ending="")
        return
    faults: list[StoredFault] = []
    paths = sorted(_files_below(source, faults)) if Path(source).is_dir() else [source]
    yield from faults
    if not paths and not faults:
        yield StoredFault(file=source, text="has no *.json, *.jsonl or *.ndjson file in it")
    for path in paths:
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            yield StoredFault(file=path, text=f"cannot be read: {error.strerror}")
        else:
            yield from _of_bytes(path, data, ending=Path(path).suffix.lower())


def _files_below(folder: str, faults: list[StoredFault]) -> Iterator[str]:
    """The files of messages; what cannot be listed is added to `faults`."""

    def note(error: OSError) -> None:
        faults.append(StoredFault(file=error.filename, text=f"cannot be read: {error.strerror}"))

    for parent, folders, names in os.walk(folder, onerror=note):
        folders[:] = sorted(one for one in folders if not one.startswith("."))
        for path in (Path(parent) / one for one in folders):
            if path.is_symlink():
                text = "is a link to a folder, which is not followed"
                faults.append(StoredFault(file=str(path), text=text, is_error=False))
        for name in names:
            path = Path(parent) / name
            if not name.startswith(".") and path.suffix.lower() in _SUFFIXES:
                if path.exists() and not path.is_file():  # a pipe would never end
                    faults.append(StoredFault(file=str(path), text="cannot be read: is no file"))
                else:
                    yield str(path)


def _of_bytes(file: str, data: bytes, *, ending: str) -> Iterator[Stored]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = data.count(b"\n", 0, error.start) + 1
        yield StoredFault(file=file, line=number, text=f"is not UTF-8 at byte {error.start}")
        return
    start = _end_of_blank(text, 0)
    if start == len(text):
        yield StoredFault(file=file, text="has no message in it", is_error=file == STANDARD_INPUT)
    elif ending in _LINES or (not ending and _is_lines(text)):
        # At LF only: a text in JSON may hold the other characters that Unicode breaks lines at.
        for number, line in enumerate(text.split("\n"), start=1):
            if body := line.strip(" \t\r"):
                yield StoredMessage(file=file, line=number, body=body.encode())
    elif text[start] == "[":
        yield from _items(file, text, start)
    else:
        parts = _documents(text, start)
        for begin, end in parts:
            body = text[begin:end] if len(parts) > 1 else text
            yield StoredMessage(file=file, line=_line_at(text, begin), body=body.encode())


def _is_lines(text: str) -> bool:
    """Whether each line is a message of its own."""
    first, *others = text.strip().split("\n")
    if not others:
        return False
    try:
        json.loads(first)
    except (ValueError, RecursionError):
        return first.startswith("{") and first.rstrip().endswith("}")
    return True


def _items(file: str, text: str, start: int) -> Iterator[Stored]:
    """The items of a list, each with its very bytes: what is wrong in one is found as in a message
    that comes alone."""
    at, line = start, _line_at(text, start)
    try:
        for item, (begin, end) in enumerate(_spans(text, start)):
            line += text.count("\n", at, begin)  # from the last one: a list may be long
            at = begin
            yield StoredMessage(file=file, line=line, item=item, body=text[begin:end].encode())
        if at == start:
            yield StoredFault(file=file, text="has no message in it", is_error=False)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        yield StoredFault(file=file, line=error.lineno, text=f"is not JSON: {error.msg} at {where}")
    except (ValueError, RecursionError):
        why = "cannot be read as JSON: a number is too long, or it is nested too deep"
        yield StoredFault(file=file, line=line, text=why)


def _spans(text: str, start: int) -> Iterator[tuple[int, int]]:
    """Where each item of the list that begins at `start` begins and ends. Raises JSONDecodeError,
    and what Python's decoder raises beyond that."""
    decoder = json.JSONDecoder()
    at = _end_of_blank(text, start + 1)
    if text[at : at + 1] != "]":
        while True:
            _, end = decoder.raw_decode(text, at)
            yield at, end
            at = _end_of_blank(text, end)
            if text[at : at + 1] != ",":
                break
            at = _end_of_blank(text, at + 1)
    fault = "Extra data" if text[at : at + 1] == "]" else "Expecting ',' or ']'"
    end = _end_of_blank(text, at + 1)
    if end < len(text) or text[at : at + 1] != "]":
        raise json.JSONDecodeError(fault, text, end if fault == "Extra data" else at)


def _documents(text: str, start: int) -> list[tuple[int, int]]:
    """Where each message begins and ends: several may follow each other, as `cat` and `jq` write
    them. What is left from one that cannot be read is one message."""
    decoder = json.JSONDecoder()
    found: list[tuple[int, int]] = []
    begin = start
    try:
        while begin < len(text):
            _, end = decoder.raw_decode(text, begin)
            found.append((begin, end))
            begin = _end_of_blank(text, end)
    except (ValueError, RecursionError):
        found.append((begin, len(text)))
    are_all = all(text[one] == "{" for one, _ in found)
    return found if are_all else [(start, len(text))]


def _end_of_blank(text: str, start: int) -> int:
    found = _BLANK.match(text, start)
    return found.end() if found else start


def _line_at(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1
