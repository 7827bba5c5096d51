"""The start of the command line, which parses before anything heavy is imported.

It stands beside `keras_hadamard`, whose import is that of Keras and TensorFlow: help, and errors in
what was typed, do not wait for those.
"""
