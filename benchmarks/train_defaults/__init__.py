"""Trains every public layer with its default arguments on digits of 8 x 8 pixels."""
