"""Whatever is in a template or a message, only Permanent leaves render()."""

import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.templates import FilesystemTemplates, TemplateSetBroken
from domain.content import Content
from domain.errors import Permanent
from tests.support.rendering import render_options, templates_in
from tests.unit.templates.conftest import Folder, render

SHIPPED = templates_in(Path(__file__).parents[3] / "templates")

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(
    ["name", "order", "link", "minutes", "delivery", "subject", "self", "range", "look", "now", ""]
)
orders = st.fixed_dictionaries(
    {"number": values, "lines": st.lists(st.dictionaries(st.just("name"), values)), "total": values}
)
tokens = st.sampled_from(
    ["{{", "}}", "{%", "%}", " ", "for x in ", "a", "endfor", "if ", "endif", "|", "join", "(", ")",
     "*", "**", "9999", "~", "'s'", ".", "items", "[", "]", "range", "set x =",
     "include 't.jinja2'", "macro m()", "endmacro", "m()", "loop.index", "caller()",
     "block b", "endblock", "self.b()"]
)  # fmt: skip


def render_or_refuse(templates: FilesystemTemplates, template: str, **more: Any) -> Content | None:
    with suppress(Permanent):
        return render(templates, template, **more)
    return None


@given(
    template=st.sampled_from(["welcome", "order-confirmation", "password-reset"]),
    channel=st.sampled_from(["email", "telegram", "slack"]),
    parameters=st.dictionaries(names, values) | st.builds(lambda order: {"order": order}, orders),
)
def test_any_parameters_are_rendered_or_refused(
    template: str, channel: str, parameters: dict[str, Any]
) -> None:
    content = render_or_refuse(SHIPPED, template, channel=channel, parameters=parameters)

    assert content is None or content.parts


@settings(max_examples=150)
@given(st.lists(tokens, max_size=14).map("".join), values)
def test_any_source_is_rendered_or_refused(source: str, value: object) -> None:
    with tempfile.TemporaryDirectory() as root:
        folder = Folder(Path(root)).write({"t.jinja2": source})
        with suppress(TemplateSetBroken):
            templates = FilesystemTemplates(
                folder.root, options=render_options(timeout=0.2, max_output=10_000)
            )
            render_or_refuse(templates, "t", parameters={"a": value})
