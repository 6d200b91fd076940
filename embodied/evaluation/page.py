"""The HTML page that reports are: it needs no other file, and is readable on a phone."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from typing import Any


def page(title: str, sections: Sequence[str]) -> str:
    """The whole page. sections: HTML, see `section`."""
    return _PAGE.replace("{{title}}", escape(title)).replace("{{body}}", "\n".join(sections))


def section(title: str, body: str) -> str:
    """A headed part of the page; body: HTML."""
    return f"<section><h2>{escape(title)}</h2>{body}</section>"


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Rows of plain values under their heads."""
    cells = "".join(f"<tr>{''.join(f'<td>{escape(str(c))}</td>' for c in row)}</tr>" for row in rows)
    return (f'<div class="wide"><table><thead><tr>{"".join(f"<th>{escape(h)}</th>" for h in head)}</tr></thead>'
            f"<tbody>{cells}</tbody></table></div>")


def data_uri(kind: str, content: bytes) -> str:
    """What stands in the place of a file's address; kind: its media type."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>embodied: {{title}}</title>
<style>
:root { --ink: #1d1f24; --soft: #667085; --line: #e4e7ec; --paper: #fff; --shade: #f7f8fa; --bar: #7aa7d9;
  --good: #16783c; --bad: #b0281e; color-scheme: light dark }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8ec; --soft: #98a2b3; --line: #344054; --paper: #15181e;
  --shade: #1d222b; --bar: #3f6ea3; --good: #5cc98a; --bad: #f08a80 } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 1.2rem; max-width: 62rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif }
h1 { font-size: 1.5rem; margin: .4rem 0 1rem } h2 { font-size: 1.15rem; margin: 2.2rem 0 .7rem }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: .8rem }
.card { background: var(--shade); border: 1px solid var(--line); border-radius: 10px; padding: .8rem 1rem }
.card b { display: block; font-size: 1.7rem; line-height: 1.2 } .card span { color: var(--soft); font-size: .88rem }
.wide { overflow-x: auto; margin-top: .8rem } table { border-collapse: collapse; width: 100%; font-size: .93rem }
th, td { text-align: left; padding: .4rem .7rem .4rem 0; border-bottom: 1px solid var(--line) }
td { font-variant-numeric: tabular-nums }
th { color: var(--soft); font-weight: 600 }
p.soft { color: var(--soft); font-size: .9rem }
svg { width: 100%; height: auto; display: block } svg text { fill: var(--ink); font-size: 14px }
svg .small { fill: var(--soft); font-size: 12px } .bar { fill: var(--bar) } .tick { stroke: var(--line) }
.ci { stroke: var(--ink); stroke-width: 1.6 }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(18rem, 1fr)); gap: 1rem }
figure { margin: 0; border: 1px solid var(--line); border-top: 4px solid var(--good); border-radius: 10px;
  overflow: hidden }
figure.loss { border-top-color: var(--bad) } figcaption { padding: .6rem .8rem; font-size: .9rem }
figure img, figure video { width: 100%; display: block }
pre { background: var(--shade); padding: .8rem; border-radius: 8px; overflow-x: auto; font-size: .85rem }
summary { cursor: pointer; margin: .6rem 0 }
</style></head><body><h1>embodied: {{title}}</h1>
{{body}}
</body></html>
"""
