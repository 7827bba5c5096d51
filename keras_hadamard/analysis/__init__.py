"""What can be known exactly of models made of products: degree, bounds, interactions."""

from keras_hadamard.analysis.bounds import BoundsReport, bounds
from keras_hadamard.analysis.degree import DegreeReport, degree, require_polynomial

__all__ = ["BoundsReport", "DegreeReport", "bounds", "degree", "require_polynomial"]


def __dir__() -> list[str]:
    return sorted(__all__)
