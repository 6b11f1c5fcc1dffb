"""The learning curve as SVG: what share of drawn plates, in fonts never trained on, was read after so many samples."""

import json
from pathlib import Path

import numpy as np

WIDTH, HEIGHT = 760, 360
LEFT, RIGHT, TOP, BOTTOM = 50, 20, 20, 40
SHADES = {
    "Latin, one row": "#1f6feb",
    "Latin, two rows": "#8250df",
    "Thai cars": "#1a7f37",
    "Thai motorcycles": "#bf8700",
    "provinces": "#cf222e",
}
TWO_ROWS = ("eu-stacked", "in-stacked", "br-motorcycle", "world-stacked")


def draw(data: Path, svg: Path) -> None:
    """Reads `curve.jsonl`, one checkpoint a line, and writes the picture."""
    entries = [json.loads(line) for line in data.read_text(encoding="utf-8").splitlines()]
    entries = [entry for entry in entries if "exact" in entry]
    if not entries:
        raise FileNotFoundError(f"{data} has no checkpoint with figures yet")
    series = [(entry["seen"], groups(entry)) for entry in entries]
    svg.write_text(_picture(series), encoding="utf-8")


def groups(entry: dict[str, dict[str, float]]) -> dict[str, float]:
    """A checkpoint's shares, one a line of the picture."""
    exact = entry["exact"]
    latin = [value for layout, value in exact.items() if not layout.startswith("th-")]
    stacked = [exact[layout] for layout in TWO_ROWS if layout in exact]
    one_row = [value for layout, value in exact.items() if not layout.startswith("th-") and layout not in TWO_ROWS]
    return {
        "Latin, one row": float(np.mean(one_row or latin or [0.0])),
        "Latin, two rows": float(np.mean(stacked or [0.0])),
        "Thai cars": exact.get("th-car", 0.0),
        "Thai motorcycles": exact.get("th-motorcycle", 0.0),
        "provinces": float(entry["province"]),
    }


def _picture(series: list[tuple[int, dict[str, float]]]) -> str:
    most = max(seen for seen, _ in series)

    def place(seen: int, share: float) -> str:
        x = LEFT + (WIDTH - LEFT - RIGHT) * seen / most
        return f"{x:.1f},{_y(share):.1f}"

    parts = [_axes(most)]
    for number, (name, shade) in enumerate(SHADES.items()):
        points = " ".join(place(seen, shares[name]) for seen, shares in series)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{shade}" stroke-width="2"/>')
        y = HEIGHT - BOTTOM - 16 * (len(SHADES) - number)
        parts.append(f'<text x="{WIDTH - RIGHT - 130}" y="{y}" fill="{shade}">{name} {series[-1][1][name]:.3f}</text>')
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'font-family="sans-serif" font-size="12">\n'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>\n{body}\n</svg>\n'
    )


def _y(share: float) -> float:
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - share)


def _axes(most: int) -> str:
    lines = []
    for tenth in range(0, 11, 2):
        y = _y(tenth / 10)
        lines.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#ddd"/>')
        lines.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tenth / 10:.1f}</text>')
    for quarter in range(5):
        x = LEFT + (WIDTH - LEFT - RIGHT) * quarter / 4
        lines.append(f'<text x="{x:.1f}" y="{HEIGHT - 12}" text-anchor="end">{most * quarter // 4:,}</text>')
    lines.append(f'<text x="{WIDTH / 2:.0f}" y="{HEIGHT - 1}" text-anchor="middle">samples seen</text>')
    return "\n".join(lines)
