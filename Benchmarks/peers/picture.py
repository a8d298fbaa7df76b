"""The comparison as a picture: for every case, each engine's share of the machine's limit in a bar."""

from __future__ import annotations

from html import escape

from results import Comparison

# Told apart by lightness too, for those who do not see the hues.
COLOURS = ["#c9cfd6", "#98a2ae", "#6b7c93", "#44546a", "#e4572e"]
LEFT, TOP, WIDTH, BAR, GAP = 190, 64, 520, 13, 16


def svg(comparison: Comparison) -> str:
    """Bars from 0 to 100 % of what the processor can do: of its multiply-adds, for decode of its memory's bandwidth."""
    names = list(comparison.engines)
    colours = dict(zip(names, COLOURS[len(COLOURS) - len(names):], strict=True))
    parts: list[str] = []
    x = 20
    for name in names:
        title = comparison.engines[name]
        parts.append(f'<rect x="{x}" y="16" width="12" height="12" fill="{colours[name]}"/>')
        parts.append(f'<text x="{x + 18}" y="26">{escape(title)}</text>')
        x += 40 + round(6.9 * len(title))
    width = max(x, LEFT + WIDTH + 60)
    y = TOP
    for result in comparison.results:
        drawn = [name for name in names if result.share_of_limit(name) is not None]
        if not drawn:
            continue
        middle = y + len(drawn) * BAR / 2 + 4
        parts.append(f'<text x="{LEFT - 10}" y="{middle:.0f}" text-anchor="end">{escape(result.case.description)}</text>')
        for name in drawn:
            share = result.share_of_limit(name) or 0.0
            length = WIDTH * min(share, 1.0)
            parts.append(f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR - 1}" fill="{colours[name]}"/>')
            parts.append(f'<text x="{LEFT + length + 5:.1f}" y="{y + BAR - 3}" class="number">{100 * share:.0f} %</text>')
            y += BAR
        y += GAP
    grid = [
        f'<line x1="{LEFT + WIDTH * step / 4:.0f}" y1="{TOP - 8}" x2="{LEFT + WIDTH * step / 4:.0f}" y2="{y - GAP + 6}"/>'
        f'<text x="{LEFT + WIDTH * step / 4:.0f}" y="{TOP - 14}" text-anchor="middle" class="number">{25 * step} %</text>'
        for step in range(5)]
    captions = [
        "share of the machine's multiply-add peak; of decode, of its memory's read bandwidth; both read in the same rounds",
        f"{comparison.machine}, {comparison.threads} threads, 8 heads, float32, {comparison.date}"]
    for caption in captions:
        parts.append(f'<text x="20" y="{y + 14}" class="number">{escape(caption)}</text>')
        y += 15
    style = (
        "text{font:13px sans-serif;fill:#1f2933}.number{font-size:10px;fill:#52606d}line{stroke:#e1e5ea;stroke-width:1}")
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y + 12}" width="{width}" height="{y + 12}">',
        f"<title>Attention on the CPU: Heed and other engines</title><style>{style}</style>",
        f'<rect width="{width}" height="{y + 12}" fill="#fff"/>', *grid, *parts, "</svg>", ""])
