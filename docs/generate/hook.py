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
    # Browsers without a font for mathematics draw large brackets much too large.
    latex = re.sub(r"\\[bB]ig(?![a-zA-Z])", "", latex)
    if display == "inline":
        return _keep(convert(latex.strip()))
    # Parts with a wide space between them may stand below each other.
    parts = [convert(part.strip(), display="block") for part in latex.split(r"\qquad")]
    return _keep(f'<div class="formula">{"".join(f"<div>{part}</div>" for part in parts)}</div>')


def _picture(match: re.Match[str]) -> str:
    return _keep(drawing.layer_picture(reading.entries()[match[1]]))


def _bars(match: re.Match[str]) -> str:
    """Bars of `EXAMPLE TABLE COLUMN [log] [: title]`, counted from 0."""
    said, _, title = match[1].partition(": ")
    example, table, column, *how = said.split()
    rows = gallery.tables(example)[int(table)]
    at = int(column)
    # The words before the figures say what a row is.
    names = [", ".join(_words(row[:at])) for row in rows[1:]]
    cells = [row[at] for row in rows[1:]]
    return _keep(drawing.bars(title or rows[0][at], names, cells, log="log" in how))


def _words(cells: list[str]) -> list[str]:
    first, *others = (cell.replace("`", "") for cell in cells)
    return [first, *(cell for cell in others if not re.match(r"[\d-]", cell))]


def _keep(html: str) -> str:
    _kept.append(html)
    return f"@@{len(_kept) - 1}@@"
