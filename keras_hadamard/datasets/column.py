"""What was inferred of one column of a table, or of one array."""

from dataclasses import dataclass

from keras_hadamard._core.checks import one_of

ROLES = ("input", "target", "group", "time", "dropped")


@dataclass(frozen=True)
class Column:
    """What a loader inferred of one column of a table, or of one array of a file.

    Args:
        name: String, as the table has it.
        kind: String: `"number"`, `"category"`, `"text"`, `"date"`, `"image"`, `"tokens"`,
            `"vector"` or `"id"`; for a target its task.
        role: String: `"input"`, `"target"`, `"group"`, `"time"` or `"dropped"`.
        distinct: Integer, how many values there are without missing ones; 0 for arrays of a higher
            rank, of which it is not counted.
        missing: Integer, how many values are missing.
        encoding: String, what becomes of the column, such as `"standardised, missing indicator"`.
        key: String, the name by which requests carry an input. It is `name`, but for characters
            that the name of a tensor cannot have. Defaults to `""`, which is for other roles.

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
