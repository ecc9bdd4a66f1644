"""Charts as SVG: bars whose names and values are written beside them, in light and dark."""

import math
from collections.abc import Mapping
from html import escape

WIDTH, LEFT, RIGHT, TOP = 780, 150, 200, 52
BAR, GAP, MARGIN = 15, 3, 14  # heights of a bar, between bars, and between groups
# Of each contestant a colour on white and one on black, in the order in which they appear.
COLOURS = (
    ("#1d4ed8", "#60a5fa"),
    ("#57606a", "#9ca3af"),
    ("#b45309", "#fbbf24"),
    ("#047857", "#34d399"),
    ("#7e22ce", "#c084fc"),
)
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.heading { font-size: 14px; font-weight: 600 }
.value { fill: #57606a }
.axis { stroke: #d0d7de }
.paper { fill: #ffffff }
"""
STYLE_IN_DARK = """
text { fill: #e6edf3 }
.value { fill: #9da7b1 }
.axis { stroke: #30363d }
.paper { fill: #0d1117 }
"""

Groups = Mapping[str, Mapping[str, float]]


def bars(title: str, unit: str, groups: Groups) -> str:
    """Return a chart of bars along a logarithmic axis.

    Args:
        title: What is shown.
        unit: What is written after each value.
        groups: Values by contestant, by what they are about; both in the order to draw them in.
    """
    values = [value for group in groups.values() for value in group.values()]
    low = 10 ** math.floor(math.log10(min(values)) - 0.01)
    high = max(values) * 1.05
    names = list(dict.fromkeys(name for group in groups.values() for name in group))
    parts, y = [], TOP
    for about, group in groups.items():
        height = len(group) * (BAR + GAP)
        middle = y + height / 2
        parts.append(f'<text x="{LEFT - 10}" y="{middle:.0f}" class="about">{escape(about)}</text>')
        for name, value in group.items():
            length = (WIDTH - LEFT - RIGHT) * math.log(value / low) / math.log(high / low)
            colour = names.index(name) % len(COLOURS)
            label = f"{name} {_short(value)} {unit}"
            parts.append(
                f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR}" class="c{colour}"/>'
                f'<text x="{LEFT + length + 6:.1f}" y="{y + 12}" class="value">'
                f"{escape(label)}</text>"
            )
            y += BAR + GAP
        y += MARGIN
    lines = [
        f'<line x1="{x:.1f}" y1="{TOP - 8}" x2="{x:.1f}" y2="{y - MARGIN + 4}" class="axis"/>'
        f'<text x="{x:.1f}" y="{TOP - 12}" class="value tick">{_short(at)}</text>'
        for at, x in _ticks(low, high)
    ]
    return _svg(title, y, lines + parts)


def _ticks(low: float, high: float) -> list[tuple[float, float]]:
    """Return the powers of ten on the axis, each with its place."""
    found, at = [], low
    while at <= high:
        share = math.log(at / low) / math.log(high / low)
        found.append((at, LEFT + (WIDTH - LEFT - RIGHT) * share))
        at *= 10
    return found


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _svg(title: str, height: float, parts: list[str]) -> str:
    light = "".join(f".c{i} {{ fill: {colour} }}\n" for i, (colour, _) in enumerate(COLOURS))
    dark = "".join(f".c{i} {{ fill: {colour} }}\n" for i, (_, colour) in enumerate(COLOURS))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" role="img" '
        f'width="{WIDTH}" height="{height:.0f}" aria-label="{escape(title)}">\n'
        f"<style>{STYLE}.about {{ text-anchor: end; dominant-baseline: middle }}\n"
        f".tick {{ text-anchor: middle }}\n{light}"
        f"@media (prefers-color-scheme: dark) {{{STYLE_IN_DARK}{dark}}}</style>\n"
        '<rect width="100%" height="100%" class="paper"/>\n'
        f'<text x="{MARGIN}" y="18" class="heading">{escape(title)}</text>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )
