"""Exit codes, and the error that the user can fix."""

BAD_INPUT = 2
INTERRUPTED = 130
TERMINATED = 143
FAILED = 1
# A search of which every trial is beyond a limit.
NO_MODEL = 3


class InputError(Exception):
    """Bad input; the message is one line."""
