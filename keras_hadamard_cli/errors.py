"""Exit codes, and the error that is the user's to mend."""

BAD_INPUT = 2
INTERRUPTED = 130
FAILED = 1


class InputError(Exception):
    """Bad input; the message is one line."""
