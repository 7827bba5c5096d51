"""What mkdocs calls: writes the pages that come from the repository's files."""

import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import api
import domains
import drawing
import evidence
import gallery
import reading
from latex2mathml.converter import convert
from mkdocs.structure.files import File, Files

# Formulas and drawings, which Markdown must not read, by their places in the text.
_kept: list[str] = []


def on_config(config: Any) -> Any:
    menus = {"Gallery": gallery.menu(), "API": api.menu(), "Evidence": evidence.menu()}
    for section in config.nav:
        for title in section:
            if title in menus:
                section[title] = [*section[title], *menus[title]]
    return config


def on_files(files: Files, config: Any) -> Files:
    _kept.clear()
    for pages in (api.pages(), gallery.pages(), evidence.pages()):
        for path, content in pages.items():
            files.append(File.generated(config, path, content=content))
    return files


def on_page_markdown(markdown: str, **kwargs: Any) -> str:
    markdown = re.sub(r"\{\{ layers (\w+) \}\}", lambda m: domains.section(m[1]), markdown)
    markdown = re.sub(r"\{\{ adapters \}\}", lambda m: domains.adapters(), markdown)
    # Code keeps its dollars and braces.
    parts = re.split(r"(^```.*?^```|`[^`\n]+`)", markdown, flags=re.M | re.S)
    return "".join(part if i % 2 else _drawn(part) for i, part in enumerate(parts))


def on_page_content(html: str, **kwargs: Any) -> str:
    html = re.sub(r"<p>(@@\d+@@)</p>", r"\1", html)
    return re.sub(r"@@(\d+)@@", lambda m: _kept[int(m[1])], html)


def _drawn(text: str) -> str:
    text = re.sub(r"\{\{ picture (\w+) \}\}", _picture, text)
    text = re.sub(r"\{\{ bars (.*?) \}\}", _bars, text)
    text = re.sub(r"\$\$(.+?)\$\$", lambda m: _formula(m[1], "block"), text, flags=re.S)
    return re.sub(r"\\\((.+?)\\\)", lambda m: _formula(m[1], "inline"), text)


def _formula(latex: str, display: str) -> str:
    if display == "inline":
        return _keep(convert(latex.strip()))
    # Parts with a wide space between them may stand below each other.
    parts = [convert(part.strip(), display="block") for part in latex.split(r"\qquad")]
    return _keep(f'<div class="formula">{"".join(f"<div>{part}</div>" for part in parts)}</div>')


def _picture(match: re.Match[str]) -> str:
    return _keep(drawing.layer_picture(reading.entries()[match[1]]))


def _bars(match: re.Match[str]) -> str:
    """Bars of `EXAMPLE TABLE COLUMN [log]`, counted from 0."""
    example, table, column, *how = match[1].split()
    rows = gallery.tables(example)[int(table)]
    names = [row[0].replace("`", "") for row in rows[1:]]
    title = rows[0][int(column)].replace("`", "")
    cells = [row[int(column)] for row in rows[1:]]
    return _keep(drawing.bars(title, names, cells, log="log" in how))


def _keep(html: str) -> str:
    _kept.append(html)
    return f"@@{len(_kept) - 1}@@"
