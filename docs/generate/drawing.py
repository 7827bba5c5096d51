"""Drawings as SVG, in the colours of the page around them."""

import html
import math
import re
from collections.abc import Sequence

ROW, BOX, GAP, LETTER = 40, 26, 18, 7.6


def layer_picture(entry: dict) -> str:
    """Branches that meet in a product and are reduced, from an entry of `docs/layers.toml`."""
    branches = [_steps(branch) for branch in entry["branches"]]
    after = _steps(entry.get("reduce", ""))
    sign = entry.get("product", "⊙")
    height = ROW * max(len(branches), 1) + 4
    middle = height / 2
    parts, ends = [], []
    for i, branch in enumerate(branches):
        at, y = 2.0, ROW * (i + 0.5) + 2
        for j, step in enumerate(branch):
            drawn, width = _step(step, at, y, boxed=j > 0)
            parts.append(drawn)
            at += width
            if j < len(branch) - 1:
                parts.append(_line(at, y, at + GAP, y))
                at += GAP
        ends.append((at, y))
    meeting = max(at for at, _ in ends) + 2 * GAP
    for at, y in ends:
        bend = meeting - 1.4 * GAP
        parts.append(
            f'<path class="line" d="M{at:.0f} {y:.0f}H{bend:.0f}L{meeting:.0f} {middle}"/>'
        )
    reach = max(13.0, LETTER * len(sign) / 2 + 7)
    centre = meeting + reach
    parts.append(
        f'<rect class="product" x="{meeting:.1f}" y="{middle - 13}" width="{2 * reach:.1f}" '
        f'height="26" rx="13"/><text class="sign" x="{centre:.1f}" y="{middle + 5}" '
        f'text-anchor="middle">{html.escape(sign)}</text>'
    )
    at = meeting + 2 * reach
    for j, step in enumerate([*after, "y"]):
        parts.append(_line(at, middle, at + GAP, middle))
        drawn, width = _step(step, at + GAP, middle, boxed=j < len(after))
        parts.append(drawn)
        at += GAP + width
    said = html.escape("; ".join(entry["branches"]).replace(">", "→"))
    return _svg(at + 2, height, parts, f"{said}; {sign}; {entry.get('reduce', '')}")


def bars(title: str, names: Sequence[str], cells: Sequence[str], *, log: bool = False) -> str:
    """Bars of the numbers of a table's column, with their spreads."""
    numbers = [re.search(r"(-?[\d,]*\.?\d+)(?: ± ([\d.]+))?", cell) for cell in cells]
    drawn = [
        (name, cell, float(found[1].replace(",", "")), float(found[2] or 0))
        for name, cell, found in zip(names, cells, numbers, strict=True)
        if found
    ]
    left = LETTER * max(len(name) for name, *_ in drawn) + 12
    across, step = 260.0, 22
    most = max(value + spread for *_, value, spread in drawn)
    least = min(value for _, _, value, _ in drawn) / 2

    def place(value: float) -> float:
        if log:
            return across * max(0.0, math.log(value / least) / math.log(most / least))
        return across * max(value, 0.0) / most

    parts = [f'<text x="0" y="16" font-weight="bold">{html.escape(title)}</text>']
    for i, (name, cell, value, spread) in enumerate(drawn):
        y = 30 + step * i
        end = left + place(value)
        parts.append(
            f'<text x="{left - 6:.0f}" y="{y + 12}" text-anchor="end">{html.escape(name)}</text>'
            f'<rect class="bar" x="{left:.0f}" y="{y + 1}" width="{end - left:.1f}" height="14"/>'
        )
        if spread:
            low, high = left + place(value - spread), left + place(value + spread)
            parts.append(f'<path class="spread" d="M{low:.1f} {y + 8}H{high:.1f}"/>')
            end = high
        parts.append(f'<text x="{end + 6:.1f}" y="{y + 12}">{html.escape(cell)}</text>')
    width = left + across + LETTER * max(len(cell) for _, cell, *_ in drawn) + 14
    return _svg(width, 34 + step * len(drawn), parts, title)


def _steps(text: str) -> list[str]:
    return [step.strip() for step in text.split(">") if step.strip()]


def _step(text: str, at: float, y: float, *, boxed: bool) -> tuple[str, float]:
    width = LETTER * len(text) + (14 if boxed else 6)
    label = (
        f'<text x="{at + width / 2:.1f}" y="{y + 4.5:.1f}" text-anchor="middle">'
        f"{html.escape(text)}</text>"
    )
    if not boxed:
        return label, width
    box = (
        f'<rect class="box" x="{at:.1f}" y="{y - BOX / 2:.1f}" width="{width:.1f}" '
        f'height="{BOX}" rx="4"/>'
    )
    return box + label, width


def _line(x: float, y: float, to_x: float, to_y: float) -> str:
    return f'<path class="line" d="M{x:.1f} {y:.1f}L{to_x:.1f} {to_y:.1f}"/>'


def _svg(width: float, height: float, parts: Sequence[str], said: str) -> str:
    return (
        f'<div class="drawing" data-search-exclude><svg xmlns="http://www.w3.org/2000/svg" '
        f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}" '
        # Smaller on a narrow screen, to where its words can still be read.
        f'style="min-width:{0.75 * width:.0f}px" '
        f'role="img" aria-label="{html.escape(said)}">{"".join(parts)}</svg></div>'
    )
