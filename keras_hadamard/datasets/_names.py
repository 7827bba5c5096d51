"""Names that Keras, TensorFlow and the signature of a SavedModel accept."""

import keyword
import re
import unicodedata
from collections.abc import Iterable

# TensorFlow drops other characters from the name of a placeholder; Keras refuses a slash.
# A dot at the end is reserved for our own layers.
_SAFE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9_-])?")
_LETTERS = str.maketrans({"ß": "ss", "ø": "o", "Ø": "O", "æ": "ae", "Æ": "Ae", "ł": "l", "đ": "d"})


def safe_names(names: Iterable[str]) -> dict[str, str]:
    """A unique name for each, which is the original name if possible."""
    listed = [str(name) for name in names]
    made: dict[str, str] = {}
    taken: set[str] = set()
    for name in listed:
        # TensorFlow ignores case in names, and refuses Python's keywords.
        if _SAFE.fullmatch(name) and not _is_taken(name) and name.lower() not in taken:
            made[name] = unique(name, taken)
    for position, name in enumerate(listed):
        if name not in made:
            made[name] = unique(_made_safe(name, position), taken)
    return {name: made[name] for name in listed}


def _is_taken(name: str) -> bool:
    """Whether Python cannot pass an argument of that name to a loaded signature."""
    return keyword.iskeyword(name) or name == "self"


def unique(name: str, taken: set[str]) -> str:
    """The name, with a number appended if it is taken; adds it to the taken ones."""
    found, number = name, 1
    while found.lower() in taken:
        number += 1
        found = f"{name}_{number}"
    taken.add(found.lower())
    return found


def _made_safe(name: str, position: int) -> str:
    """The name in ASCII: no accents, underscores, and a number for other scripts."""
    plain = unicodedata.normalize("NFKD", name.translate(_LETTERS)).encode("ascii", "ignore")
    safe = re.sub(r"[^A-Za-z0-9_.-]+", "_", plain.decode()).strip("_.")
    if _is_taken(name):
        return f"{name}_"
    return safe if _SAFE.fullmatch(safe) else f"column_{position + 1}"
