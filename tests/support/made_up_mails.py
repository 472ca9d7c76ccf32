"""HTML as mail programs, editors and people write it: made up from a seed, so always the same."""

from collections.abc import Callable
from random import Random

_TEXT = (
    "order shipped tomorrow Grüße café total your account code 1234 &amp; &euro;5 50&nbsp;% please"
    " &lt;soon&gt; naïve data Tee x² line-up its 日本 &copy; A&B done"
)
_WORDS = _TEXT.split()
_PREHEADERS = (
    '<div style="display:none">{}</div>',
    '<div style="display:none;max-height:0;overflow:hidden">{}</div>',
    '<span style="max-height:0px; overflow:hidden; display:none !important">{}</span>',
    "<p hidden>{}",
    '<div style="visibility:hidden;height:0">{}</div>',
    '<div class="preheader">{}&zwnj;&nbsp;&zwnj;&nbsp;</div>',
)
_HEAD = (
    "<!DOCTYPE html><html><head><title>Not shown</title><style>.preheader{display:none}"
    "@media (max-width:600px){.col{display:block}}</style></head><body>"
)


def mails(count: int, seed: int = 1) -> list[str]:
    """So many pages."""
    return [_Author(Random(seed * 100_003 + number)).mail() for number in range(count)]


class _Author:
    def __init__(self, chance: Random) -> None:
        self._chance = chance

    def mail(self) -> str:
        parts = [self._block(2) for _ in range(self._chance.randint(2, 6))]
        head = _HEAD if self._chance.random() < 0.7 else "<!doctype html>"
        preheader = self._chance.choice(_PREHEADERS) if "style" in head else ""
        return head + preheader.replace("{}", self._words()) + "".join(parts)

    def _block(self, depth: int) -> str:
        simple = (self._paragraph, self._heading, self._pre, self._center, self._links, self._mess)
        nested = (self._list, self._table, self._layout, self._division, self._quote, self._terms)
        kinds: tuple[Callable[[int], str], ...] = (*simple, *nested) if depth else simple
        return self._chance.choice(kinds)(depth - 1)

    def _words(self, most: int = 6) -> str:
        return " ".join(self._chance.choices(_WORDS, k=self._chance.randint(1, most)))

    def _text(self) -> str:
        """Words with marks in them."""
        pieces = []
        for _ in range(self._chance.randint(1, 4)):
            words = self._words(4)
            form = self._chance.choice(
                ("{}", "<b>{}</b>", "<i class=x>{}</i>", "<SPAN title='a > b'>{}</SPAN>", "{}<br>",
                 "{}<!-- no -->", '<a href="https://shop.example/a?b=1&amp;c=2">{}</a>',
                 '<img alt="{}" src=x.png>', "<font color=red>{}</font>", "line<wbr>{}")
            )  # fmt: skip
            pieces.append(form.replace("{}", words if "img" not in form else "logo"))
        return self._chance.choice((" ", "\n")).join(pieces)

    def _paragraph(self, _depth: int) -> str:
        end = self._chance.choice(("</p>", "</P>", "\n"))
        return f"<p>{self._text()}{end}"

    def _heading(self, _depth: int) -> str:
        level = self._chance.randint(1, 6)
        return f"<h{level}>{self._text()}</h{level}>"

    def _pre(self, _depth: int) -> str:
        return f"<pre>{self._words()}\n  {self._words()}</pre>"

    def _center(self, _depth: int) -> str:
        return f"<center>{self._text()}</center><center>{self._words()}</center>"

    def _links(self, _depth: int) -> str:
        first = f'<a href="https://a.example">{self._words(2)}</a>'
        return f"<p>{first} <a href=/b>{self._words(2)}</a></p>"

    def _mess(self, _depth: int) -> str:
        return self._chance.choice(
            (
                f"<p>{self._words()}</b></p>",
                f"<div>{self._words()}</div><hr>{self._words()}",
                f"<p style='display:none'>gone<p>{self._text()}",
                f"<div><span style='display:block'>{self._words()}</span>{self._words()}</div>",
                f"<!--[if mso]><p>old</p><![endif]--><p>{self._words()}</p>",
                f"<p>{self._words()}<div>{self._words()}</div>",
                f"<div hidden><p>gone</p><div>gone</div></div><p>{self._words()}</p>",
            )
        )

    def _list(self, depth: int) -> str:
        tag = self._chance.choice(("ul", "ol"))
        end = self._chance.choice(("</li>", ""))
        items = []
        for _ in range(self._chance.randint(1, 3)):
            inner = self._list(depth - 1) if depth > 0 and self._chance.random() < 0.4 else ""
            items.append(f"<li>{self._text()}{inner}{end}")
        return f"<{tag}>{''.join(items)}</{tag}>"

    def _table(self, _depth: int) -> str:
        ends = self._chance.random() < 0.7
        columns = self._chance.randint(2, 4)
        rows = []
        for number in range(self._chance.randint(2, 4)):
            tag = "td" if number else "th"
            cells = [
                f"<{tag}>{self._words(3) if self._chance.random() < 0.8 else ''}"
                + (f"</{tag}>" if ends else "")
                for _ in range(columns)
            ]
            rows.append(f"<tr>{''.join(cells)}" + ("</tr>" if ends else ""))
        total = f"<tr><td colspan={columns - 1}>{self._words(1)}</td><td>{self._words(1)}</td></tr>"
        return f"<table border=0><tbody>\n{''.join(rows)}{total}</tbody></table>"

    def _layout(self, depth: int) -> str:
        """A table for the page's look: one cell a row, or two columns."""
        inner = "".join(self._block(max(depth, 0)) for _ in range(2))
        one = f"<tr><td width=20>&nbsp;</td><td class=col>{inner}</td></tr>"
        two = f"<tr><td><p>{self._words()}</p></td><td><p>{self._words()}</p></td></tr>"
        return f'<table width="100%"><tr><td>{self._words()}</td></tr>{one}{two}</table>'

    def _division(self, depth: int) -> str:
        inner = "".join(self._block(max(depth, 0)) for _ in range(2))
        return f'<div class="page" style="max-width:600px">{inner}</div>'

    def _quote(self, _depth: int) -> str:
        return f"<blockquote>{self._text()}</blockquote>"

    def _terms(self, _depth: int) -> str:
        return f"<dl><dt>{self._words()}<dd>{self._text()}<dt>{self._words()}</dt><dd>x</dd></dl>"
