"""The properties inferred for one column of a table, or for one array."""

from dataclasses import dataclass

from keras_hadamard._core.checks import one_of

ROLES = ("input", "target", "group", "time", "dropped")


@dataclass(frozen=True)
class Column:
    """Properties that a loader inferred for one column of a table, or one array of a file.

    Args:
        name: String, the name in the table.
        kind: String: `"number"`, `"category"`, `"text"`, `"date"`, `"image"`, `"tokens"`,
            `"vector"` or `"id"`; for a target its task.
        role: String: `"input"`, `"target"`, `"group"`, `"time"` or `"dropped"`.
        distinct: Integer, the number of distinct values without missing ones; 0 for arrays of a
            higher rank, where they are not counted.
        missing: Integer, the number of missing values.
        encoding: String, the encoding of the column, such as `"standardised, missing indicator"`.
        key: String, the name of an input in requests. It is `name`, except for characters that the
            name of a tensor cannot have. Defaults to `""`, for other roles.

    Raises:
        ValueError: If the role is unknown.

    Example:

    >>> import keras_hadamard
    >>> column = keras_hadamard.datasets.Column(
    ...     "Größe (cm)", "number", "input", 52, 3, "standardised, missing indicator", "Groesse_cm"
    ... )
    >>> column.role, column.key
    ('input', 'Groesse_cm')
    """

    name: str
    kind: str
    role: str
    distinct: int
    missing: int
    encoding: str
    key: str = ""

    def __post_init__(self) -> None:
        one_of("role", self.role, ROLES)
