"""What a mail imports, made for that mail."""

from jinja2 import Template
from jinja2.environment import TemplateModule
from jinja2.runtime import Context


class FreshImport(Template):
    """A file that each mail imports as it was written. Jinja2 would keep it as the mail before has
    left it, with what that put into a `namespace`."""

    def _get_default_module(self, ctx: Context | None = None) -> TemplateModule:
        names = () if ctx is None else ctx.globals_keys - self.globals.keys()
        return self.make_module({name: ctx.parent[name] for name in names} if ctx else None)
