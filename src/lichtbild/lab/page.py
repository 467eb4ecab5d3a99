"""Measurements as one HTML page that stands alone: findings first, figures with what defines them, plots, crops."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape

from lichtbild.lab.figure import Figure
from lichtbild.lab.measurement import Crop, Measurement

STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #1c1c1c; background: #f5f4f1; margin: 0; }
main { max-width: 1180px; margin: 0 auto; padding: 28px 24px 60px; }
h1 { font-size: 26px; font-weight: 600; margin: 0 0 4px; }
h2 { font-size: 19px; font-weight: 600; margin: 0 0 12px; }
h3 { font-size: 14px; font-weight: 600; margin: 22px 0 8px; color: #555; }
.made { color: #6a6a6a; margin: 0 0 22px; }
section { background: #fff; border: 1px solid #e2e0da; border-radius: 8px; padding: 20px 22px; margin: 0 0 22px; }
.findings { background: #fff6e0; border-left: 4px solid #e0a100; padding: 8px 14px; margin: 0 0 14px; }
.findings li { margin: 2px 0; } .findings ul { margin: 0; padding-left: 18px; }
.fine { color: #2c7a3f; margin: 0 0 14px; }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; }
th { text-align: left; color: #666; font-weight: 600; border-bottom: 1px solid #ccc; padding: 4px 10px 4px 0; }
td { border-bottom: 1px solid #eee; padding: 4px 10px 4px 0; vertical-align: top; }
td.number { font-variant-numeric: tabular-nums; white-space: nowrap; }
td.quiet, .quiet { color: #777; font-size: 12.5px; }
tr.lost td { color: #9a6a00; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(420px, 1fr)); gap: 16px; }
figure { margin: 0; } figcaption { color: #666; font-size: 13px; margin-top: 4px; }
figure svg { width: 100%; height: auto; border: 1px solid #eee; }
figure img { max-width: 100%; height: auto; border: 1px solid #ddd; }
nav a { margin-right: 14px; color: #0a5aa0; text-decoration: none; }
details summary { cursor: pointer; color: #0a5aa0; margin-top: 14px; }
"""

GROUPS = {
    "chart": "The chart", "colour": "Colour", "profile": "Camera profile", "oecf": "Tone", "noise": "Noise and range",
    "visual_noise": "Visual noise", "transfer": "Photon transfer", "sfr": "Sharpness", "edges": "Sharpness",
    "texture": "Texture", "siemens": "Sharpness", "distortion": "Geometry", "lateral": "Geometry",
    "shading": "Shading", "truth": "Against the truth", "alignment": "Alignment", "score": "Score sheet",
    "registration": "Registration",
}  # fmt: skip


def page(title: str, subtitle: str, measurements: Sequence[Measurement], lead: str = "") -> str:
    """The page as HTML. `lead` is HTML put before the first section."""
    links = "".join(f'<a href="#m{k}">{escape(m.title)}</a>' for k, m in enumerate(measurements))
    body = "".join(section(m, f"m{k}") for k, m in enumerate(measurements))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style></head><body><main><h1>{escape(title)}</h1>"
        f'<p class="made">{escape(subtitle)}</p>' + (f"<nav>{links}</nav><p></p>" if len(measurements) > 1 else "")
        + lead + body + "</main></body></html>\n"
    )  # fmt: skip


def section(measurement: Measurement, anchor: str) -> str:
    m = measurement
    parts = [f'<section id="{anchor}"><h2>{escape(m.title)}</h2>']
    if m.findings:
        lines = "".join(f"<li>{escape(line)}</li>" for line in m.findings)
        parts.append(f'<div class="findings"><ul>{lines}</ul></div>')
    else:
        parts.append('<p class="fine">Nothing stands against these figures.</p>')
    parts.append(f'<div class="plots">{"".join(_crop(c) for c in m.crops)}</div>')
    for name, figures in grouped(m.figures).items():
        parts.append(f"<h3>{escape(name)}</h3>{figure_table(figures)}")
    plots = "".join(f"<figure>{drawing}<figcaption>{escape(c)}</figcaption></figure>" for drawing, c in m.plots)
    parts.append(f'<h3></h3><div class="plots">{plots}</div>')
    for caption, rows in m.tables.items():
        parts.append(f"<details><summary>{escape(caption)}</summary>{table(rows)}</details>")
    if m.attachments:
        names = ", ".join(f'<a href="{escape(name)}">{escape(name)}</a>' for name in m.attachments)
        parts.append(f'<p class="quiet">Beside this page: {names}</p>')
    return "".join(parts) + "</section>"


def grouped(figures: Sequence[Figure]) -> dict[str, list[Figure]]:
    found: dict[str, list[Figure]] = {}
    for figure in figures:
        group = GROUPS.get(figure.name.split(".")[0], "More")
        found.setdefault(group, []).append(figure)
    return found


def figure_table(figures: Sequence[Figure]) -> str:
    rows = ["<tr><th>figure</th><th>value</th><th>95 % interval</th><th>about</th><th>defined by</th></tr>"]
    for f in figures:
        words = escape(f.name.split(".", 1)[-1].replace("_", " ").replace(".", ", "))
        if f.value is None:
            rows.append(f'<tr class="lost"><td>{words}</td><td colspan="3">not measured: {escape(f.note)}</td>'
                        f'<td class="quiet">{escape(f.clause)}</td></tr>')  # fmt: skip
            continue
        interval = "" if f.low is None or f.high is None else f"{f.low:.4g} to {f.high:.4g}"
        rows.append(f'<tr><td>{words}</td><td class="number"><b>{f.value:.4g}</b> {escape(f.unit)}</td>'
                    f'<td class="number quiet">{interval}</td><td class="quiet">{escape(f.note)}</td>'
                    f'<td class="quiet">{escape(f.clause)}</td></tr>')  # fmt: skip
    return f"<table>{''.join(rows)}</table>"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows of plain text, the first as headings."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in rows[0])
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows[1:])
    return f"<table><tr>{head}</tr>{body}</table>"


def _crop(crop: Crop) -> str:
    import imagecodecs

    # A photograph as JPEG, flat colours as PNG: a page is to be mailed.
    if crop.is_small:
        kind, data = "png", bytes(imagecodecs.png_encode(crop.pixels))
    else:
        kind, data = "jpeg", bytes(imagecodecs.jpeg_encode(crop.pixels, level=90))
    encoded = base64.b64encode(data).decode()
    return (f'<figure><img alt="{escape(crop.caption)}" src="data:image/{kind};base64,{encoded}">'
            f"<figcaption>{escape(crop.caption)}</figcaption></figure>")  # fmt: skip
