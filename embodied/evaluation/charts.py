"""Small charts as inline SVG: they scale to a phone, need no script and follow the page's colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

ROW_PX, LABEL_PX, BAR_PX = 34, 150, 420


def rate_bars(rates: Mapping[str, Mapping[str, object]]) -> str:
    """One bar a row with its 95 % interval. rates: label -> {"success_rate", "ci95", "episodes"}."""
    rows = "".join(_rate_row(i, label, rate) for i, (label, rate) in enumerate(rates.items()))
    height = ROW_PX * len(rates) + 22
    ticks = "".join(f'<line class="tick" x1="{_x(t)}" x2="{_x(t)}" y1="0" y2="{height - 18}"/>'
                    f'<text class="small" x="{_x(t)}" y="{height - 4}" text-anchor="middle">{t:.0%}</text>'
                    for t in (0, 0.25, 0.5, 0.75, 1))
    return _svg(LABEL_PX + BAR_PX + 70, height, ticks + rows, "success rate with 95 % intervals")


def _x(share: float) -> float:
    return round(LABEL_PX + BAR_PX * share, 1)


def _rate_row(index: int, label: str, rate: Mapping[str, object]) -> str:
    value, (low, high), y = rate["success_rate"], rate["ci95"], ROW_PX * index + 6
    middle = y + 10
    return (f'<text x="{LABEL_PX - 10}" y="{middle + 5}" text-anchor="end">{escape(label)}</text>'
            f'<rect class="bar" x="{LABEL_PX}" y="{y}" width="{max(1.0, BAR_PX * value):.1f}" height="20" rx="3"/>'
            f'<line class="ci" x1="{_x(low)}" x2="{_x(high)}" y1="{middle}" y2="{middle}"/>'
            + "".join(f'<line class="ci" x1="{_x(e)}" x2="{_x(e)}" y1="{middle - 5}" y2="{middle + 5}"/>'
                      for e in (low, high))
            + f'<text x="{LABEL_PX + BAR_PX + 12}" y="{middle + 5}">{value:.1%}</text>')


def histogram(values: Sequence[float], unit: str, bins: int = 24) -> str:
    """Counts of values, the highest one per cent gathered in the last bar."""
    if not values:
        return "<p>Nothing was measured.</p>"
    ordered = sorted(values)
    low, high = ordered[0], max(ordered[int(0.99 * (len(ordered) - 1))], ordered[0] + 1e-9)
    counts = [0] * bins
    for value in ordered:
        counts[min(bins - 1, int((value - low) / (high - low) * bins))] += 1
    return _svg(640, 190, _columns(counts) + _axis(low, high, unit), f"histogram of {len(values)} values")


def _columns(counts: Sequence[int]) -> str:
    width, top = 600 / len(counts), max(counts)
    return "".join(f'<rect class="bar" x="{20 + i * width:.1f}" y="{150 - 140 * n / top:.1f}" width="{width - 2:.1f}" '
                   f'height="{140 * n / top:.1f}"><title>{n}</title></rect>' for i, n in enumerate(counts))


def _axis(low: float, high: float, unit: str) -> str:
    places = ((20, low, "start"), (320, (low + high) / 2, "middle"), (620, high, "end"))
    return '<line class="tick" x1="20" x2="620" y1="151" y2="151"/>' + "".join(
        f'<text class="small" x="{x}" y="172" text-anchor="{anchor}">{_short(value)} {escape(unit)}</text>'
        for x, value, anchor in places)


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _svg(width: float, height: float, body: str, title: str) -> str:
    return (f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(title)}" '
            f'style="max-width:{width:g}px">{body}</svg>')
