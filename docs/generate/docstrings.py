"""The docstrings as the site shows them: the sections that are our own become plain paragraphs."""

import re
import textwrap
from typing import Any

import griffe

OWN = (
    "Call arguments",
    "Input shape",
    "Output shape",
    "Weights",
    "Masking",
    "Numerics",
    "Reference",
)


class Docstrings(griffe.Extension):
    """Own sections get a title in bold, examples a fence, and a link stands on one line."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        if obj.docstring:
            obj.docstring.value = as_markdown(obj.docstring.value)


def as_markdown(text: str) -> str:
    """A docstring whose sections are Markdown, or what griffe takes for sections."""
    # A long link goes on in the next line of a docstring.
    text = re.sub(r"\]\(\s+(\S+?)\s*\)", r"](\1)", text)
    text = re.sub(rf"^({'|'.join(OWN)}):\n((?: .*\n?|\n)+)", _section, text, flags=re.M)
    return re.sub(r"^Example:\n+((?:(?!\*\*\w|[A-Z]\w*:\n).*\n?)+)", _example, text, flags=re.M)


def _section(match: re.Match[str]) -> str:
    title, body = match[1], textwrap.dedent(match[2]).strip()
    if title == "Call arguments":
        body = re.sub(r"^(\*{0,2}\w+): ", r"- `\1`: ", body, flags=re.M)
    return f"**{title}**\n\n{body}\n\n"


def _example(match: re.Match[str]) -> str:
    return f"**Example**\n\n```pycon\n{match[1].strip()}\n```\n\n"
