"""Base of all floors: checks, typing, saved formats, files, and what is known of Keras models."""
