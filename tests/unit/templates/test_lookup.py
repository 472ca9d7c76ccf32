"""From paths to templates, and from a locale to a file, for any names."""

import re
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from adapters.templates.catalogue import PartNames, catalogue, localized
from domain.notification import template_name_fault

segments = st.text("ab_-.é ", min_size=1, max_size=4)
paths = st.lists(
    st.one_of(
        segments, st.sampled_from(["html.jinja2", "text.it.jinja2", "a.jinja2", "template.toml"])
    ),
    min_size=1,
    max_size=4,
).map("/".join)
locales = st.from_regex(re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,4}){0,2}", re.ASCII), fullmatch=True)

NAMES = PartNames(("subject", "html", "text", "telegram", "slack", "slack.json"))


@given(st.lists(paths, unique=True))
def test_every_template_found_has_a_lawful_name_and_files_that_were_given(given: list[str]) -> None:
    for name, entry in catalogue(given, NAMES).items():
        assert template_name_fault(name) is None
        assert not any(segment.startswith("_") for segment in name.split("/"))
        for files in entry.parts.values():
            assert set(files.values()) <= set(given)


@given(st.lists(paths, unique=True), st.randoms())
def test_the_order_of_the_files_does_not_matter(given: list[str], random: Random) -> None:
    shuffled = given.copy()
    random.shuffle(shuffled)

    assert catalogue(given, NAMES) == catalogue(shuffled, NAMES)


@given(st.sets(locales), locales)
def test_a_locale_finds_itself_else_a_part_of_itself_else_the_fall_back(
    known: set[str], wanted: str
) -> None:
    found = localized({"", *known}, wanted.upper().replace("-", "_"))

    assert found is not None
    assert found == "" or (wanted + "-").startswith(found + "-")
    assert (found == wanted) == (wanted in known)


@given(st.sets(locales), locales)
def test_without_a_fall_back_nothing_in_another_language_is_served(
    known: set[str], wanted: str
) -> None:
    found = localized(known, wanted)

    assert found is None or (found in known and (wanted + "-").startswith(found + "-"))
