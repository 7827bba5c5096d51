"""Introspection of any Keras model: its layers, its calls, its kernels, and copies of it."""
