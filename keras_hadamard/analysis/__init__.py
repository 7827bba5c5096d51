"""What can be known exactly of models made of products: degree, bounds, interactions."""

from keras_hadamard.analysis.degree import DegreeReport, degree, require_polynomial

__all__ = ["DegreeReport", "degree", "require_polynomial"]


def __dir__() -> list[str]:
    return sorted(__all__)
