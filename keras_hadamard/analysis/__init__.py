"""What can be known exactly of models made of products: degree, bounds, interactions."""

from keras_hadamard.analysis.bounds import BoundsReport, bounds
from keras_hadamard.analysis.certified_radius import certified_radius
from keras_hadamard.analysis.degree import DegreeReport, degree, require_polynomial
from keras_hadamard.analysis.homogeneous_parts import (
    DegreeEnergy,
    degree_energy,
    homogeneous_parts,
)
from keras_hadamard.analysis.interactions import Interactions, interactions
from keras_hadamard.analysis.magnitudes import Magnitude, MagnitudesReport, magnitudes
from keras_hadamard.analysis.polynomial import Polynomial, polynomial
from keras_hadamard.analysis.verify import VerifyReport, verify

__all__ = [
    "BoundsReport",
    "DegreeEnergy",
    "DegreeReport",
    "Interactions",
    "Magnitude",
    "MagnitudesReport",
    "Polynomial",
    "VerifyReport",
    "bounds",
    "certified_radius",
    "degree",
    "degree_energy",
    "homogeneous_parts",
    "interactions",
    "magnitudes",
    "polynomial",
    "require_polynomial",
    "verify",
]


def __dir__() -> list[str]:
    return sorted(__all__)
