"""The docstrings as the site shows them: two habits of theirs are written as Markdown has them."""

import re
from typing import Any

import griffe


class Docstrings(griffe.Extension):
    """Examples get a fence, and a link stands on one line."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        if obj.docstring:
            obj.docstring.value = _as_markdown(obj.docstring.value)


def _as_markdown(text: str) -> str:
    # A long link goes on in the next line of a docstring.
    text = re.sub(r"\]\(\s+(\S+?)\s*\)", r"](\1)", text)
    head, mark, example = text.partition("\nExample:\n")
    if not mark:
        return text
    body, reference, rest = example.partition("\nReference:\n")
    fenced = f"\n**Example**\n\n```pycon\n{body.strip()}\n```\n"
    return head + fenced + reference + rest
