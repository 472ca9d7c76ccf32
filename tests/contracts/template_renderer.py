"""What every TemplateRenderer keeps, the fake included."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from domain.errors import FailureReason, Permanent
from domain.notification import JsonValue
from domain.ports import RenderRequest, TemplateRenderer

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


def a_request(
    template: str = "welcome", parameters: Mapping[str, JsonValue] | None = None, **others: str
) -> RenderRequest:
    return RenderRequest(
        template=template,
        parameters={"name": "Ann"} if parameters is None else parameters,
        now=NOW,
        **{"channel": "email", "subject": "Hello", **others},
    )


class TemplateRendererContract(ABC):
    """Subclass it in a test module; `renderer_of` takes texts with `{variable}` fields by name."""

    @abstractmethod
    def renderer_of(self, templates: Mapping[str, str]) -> TemplateRenderer: ...

    @pytest.fixture
    def renderer(self) -> TemplateRenderer:
        return self.renderer_of({"welcome": "Hello {name}"})

    def test_parameters_are_written_into_the_parts(self, renderer: TemplateRenderer) -> None:
        content = renderer.render(a_request(parameters={"name": "Zoë"}))

        assert content.parts["text"].strip() == "Hello Zoë"

    def test_a_subject_in_the_request_is_the_subject(self, renderer: TemplateRenderer) -> None:
        assert renderer.render(a_request(subject="Good morning")).subject == "Good morning"

    @pytest.mark.parametrize("variable", ["subject", "altro"])
    def test_the_subject_is_a_variable_by_both_its_names(self, variable: str) -> None:
        renderer = self.renderer_of({"t": f"[{{{variable}}}]"})

        assert renderer.render(a_request("t", subject="S")).parts["text"].strip() == "[S]"

    def test_recipient_and_locale_are_variables(self) -> None:
        renderer = self.renderer_of({"t": "{recipient} {locale}"})

        content = renderer.render(a_request("t", recipient="a@example.org", locale="it-IT"))

        assert content.parts["text"].strip() == "a@example.org it-IT"

    def test_field_3_4_a_variable_of_ours_without_a_value_prints_empty(self) -> None:
        renderer = self.renderer_of({"t": "[{recipient}{locale}]"})

        assert renderer.render(a_request("t")).parts["text"].strip() == "[]"

    def test_a_parameter_wins_over_a_variable_of_the_same_name(self) -> None:
        renderer = self.renderer_of({"t": "{recipient}"})

        content = renderer.render(a_request("t", {"recipient": "you"}, recipient="a@example.org"))

        assert content.parts["text"].strip() == "you"

    def test_content_carries_the_version_of_the_set(self, renderer: TemplateRenderer) -> None:
        assert renderer.render(a_request()).version

    def test_rendering_twice_gives_the_same(self, renderer: TemplateRenderer) -> None:
        assert renderer.render(a_request()) == renderer.render(a_request())

    def test_an_undefined_variable_is_permanent_and_named(self, renderer: TemplateRenderer) -> None:
        with pytest.raises(Permanent, match="name") as refused:
            renderer.render(a_request(parameters={}))

        assert refused.value.reason is FailureReason.TEMPLATE_UNDEFINED

    def test_an_unknown_template_is_permanent_and_named(self, renderer: TemplateRenderer) -> None:
        with pytest.raises(Permanent, match="nowhere") as refused:
            renderer.render(a_request("nowhere"))

        assert refused.value.reason is FailureReason.TEMPLATE_MISSING
