"""Base of all levels: checks, typing, saved formats, files, and introspection of Keras models."""
