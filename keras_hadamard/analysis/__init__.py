"""What can be known exactly of models made of products: degree, bounds, interactions."""

from keras_hadamard.analysis.bounds import BoundsReport, bounds
from keras_hadamard.analysis.certified_radius import certified_radius
from keras_hadamard.analysis.degree import DegreeReport, degree, require_polynomial
from keras_hadamard.analysis.interactions import Interactions, interactions
from keras_hadamard.analysis.verify import VerifyReport, verify

__all__ = [
    "BoundsReport",
    "DegreeReport",
    "Interactions",
    "VerifyReport",
    "bounds",
    "certified_radius",
    "degree",
    "interactions",
    "require_polynomial",
    "verify",
]


def __dir__() -> list[str]:
    return sorted(__all__)
