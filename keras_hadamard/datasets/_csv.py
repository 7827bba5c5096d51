"""Detection of the encoding and the separator of a file of comma-separated values."""

import codecs
import csv
import gzip
import io
from pathlib import Path

from keras_hadamard._core.checks import received

_SEPARATORS = (",", ";", "\t", "|")
_SAMPLE_LINES = 50
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def read_text(path: Path, notes: list[str]) -> str:
    """The file as text: UTF-8 or UTF-16 by its mark, else UTF-8, else Windows-1252."""
    try:
        content = path.read_bytes()
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
    except (OSError, EOFError) as error:
        raise received("a readable file", path=str(path), error=str(error)) from error
    encoding = next((e for mark, e in _MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding != "utf-8":
            raise received(f"text in {encoding}", path=str(path), error=str(error)) from error
        line = content[: error.start].count(b"\n") + 1
        notes.append(f"{path.name} is not UTF-8 (line {line}): read as Windows-1252.")
        text = content.decode("cp1252", "replace")
    if "\0" in text:
        raise received("a table of text", path=str(path), error="it has zero bytes")
    if not text.strip():
        raise received("a table with a header and rows", path=str(path), characters=len(text))
    return text


def find_separator(text: str, prefer: str = ",") -> str:
    """The separator with which the header has several fields and most lines have as many."""
    lines = []
    for line in io.StringIO(text):
        lines.append(line)
        if len(lines) == _SAMPLE_LINES:
            break
    sample = "".join(lines)

    def fitness(separator: str) -> tuple[float, int, bool]:
        rows = [row for row in csv.reader(io.StringIO(sample), delimiter=separator) if row]
        width = len(rows[0]) if rows else 1
        agree = sum(len(row) == width for row in rows) / max(1, len(rows))
        return (agree if width > 1 else 0.0, width, separator == prefer)

    return max(_SEPARATORS, key=fitness)


def header_of(text: str, separator: str) -> list[str]:
    rows = csv.reader(io.StringIO(text), delimiter=separator, skipinitialspace=True)
    return [name.strip() for name in next((row for row in rows if row), [])]
