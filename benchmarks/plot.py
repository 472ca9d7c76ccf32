"""A bar chart as SVG."""

from collections.abc import Mapping
from html import escape

_SVG = "http://www.w3.org/2000/svg"
_WIDTH = 720
_NAMES = 230
_VALUES = 70
_BAR = 22
_GAP = 10
_OURS, _OTHERS = "#1d4ed8", "#94a3b8"
_STYLE = "font: 13px Helvetica, Arial, sans-serif; fill: #475569"


def bars(title: str, values: Mapping[str, float], ours: str) -> str:
    """One bar for each value, longest for the largest; those whose name begins with `ours` stand
    out."""
    most = max(values.values())
    height = (len(values) + 1) * (_BAR + _GAP) + _GAP
    lines = [
        f'<svg xmlns="{_SVG}" viewBox="0 0 {_WIDTH} {height}" style="{_STYLE}">',
        f'<text x="0" y="{_BAR - 4}" font-weight="bold">{escape(title)}</text>',
    ]
    for number, (name, value) in enumerate(values.items(), start=1):
        top = number * (_BAR + _GAP)
        length = (_WIDTH - _NAMES - _VALUES) * value / most
        colour = _OURS if name.startswith(ours) else _OTHERS
        middle = top + _BAR - 6
        lines += [
            f'<text x="{_NAMES - 8}" y="{middle}" text-anchor="end">{escape(name)}</text>',
            f'<rect x="{_NAMES}" y="{top}" width="{length:.1f}" height="{_BAR}" fill="{colour}"/>',
            f'<text x="{_NAMES + length + 8:.1f}" y="{middle}">{value:,.0f}</text>',
        ]
    return "\n".join([*lines, "</svg>", ""])
