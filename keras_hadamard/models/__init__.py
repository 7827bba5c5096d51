"""Published architectures, each a Keras model."""

from keras_hadamard.models.causal_language_model import CausalLanguageModel
from keras_hadamard.models.columns import (
    CategoryColumn,
    NumberColumn,
    SequenceColumn,
    columns_of,
)
from keras_hadamard.models.d_poly_net import DPolyNet
from keras_hadamard.models.deep_cross_network import DeepCrossNetwork
from keras_hadamard.models.demo_net import DemoNet
from keras_hadamard.models.din import DIN
from keras_hadamard.models.efficient_mod import EfficientMod
from keras_hadamard.models.fibinet import FiBiNET
from keras_hadamard.models.final_mlp import FinalMLP
from keras_hadamard.models.focal_net import FocalNet
from keras_hadamard.models.gmlp import GMLP
from keras_hadamard.models.hor_net import HorNet
from keras_hadamard.models.inpainting_u_net import InpaintingUNet
from keras_hadamard.models.mamba_out import MambaOut
from keras_hadamard.models.mask_net import MaskNet
from keras_hadamard.models.monet import MONet
from keras_hadamard.models.multiplicative_filter_network import MultiplicativeFilterNetwork
from keras_hadamard.models.naf_net import NAFNet
from keras_hadamard.models.pi_net_18 import PiNet18
from keras_hadamard.models.polynomial_generator import PolynomialGenerator
from keras_hadamard.models.prod_poly_net import ProdPolyNet
from keras_hadamard.models.r_poly_net import RPolyNet
from keras_hadamard.models.star_net import StarNet
from keras_hadamard.models.visual_question_answering import VisualQuestionAnswering

__all__ = [
    "DIN",
    "GMLP",
    "CategoryColumn",
    "CausalLanguageModel",
    "DPolyNet",
    "DeepCrossNetwork",
    "DemoNet",
    "EfficientMod",
    "FiBiNET",
    "FinalMLP",
    "FocalNet",
    "HorNet",
    "InpaintingUNet",
    "MONet",
    "MambaOut",
    "MaskNet",
    "MultiplicativeFilterNetwork",
    "NAFNet",
    "NumberColumn",
    "PiNet18",
    "PolynomialGenerator",
    "ProdPolyNet",
    "RPolyNet",
    "SequenceColumn",
    "StarNet",
    "VisualQuestionAnswering",
    "columns_of",
]


def __dir__() -> list[str]:
    return sorted(__all__)
