"""Published architectures, each a Keras model."""

from keras_hadamard.models.causal_language_model import (
    CausalLanguageModel as CausalLanguageModel,
)
from keras_hadamard.models.d_poly_net import DPolyNet as DPolyNet
from keras_hadamard.models.deep_cross_network import DeepCrossNetwork as DeepCrossNetwork
from keras_hadamard.models.demo_net import DemoNet as DemoNet
from keras_hadamard.models.efficient_mod import EfficientMod as EfficientMod
from keras_hadamard.models.focal_net import FocalNet as FocalNet
from keras_hadamard.models.gmlp import GMLP as GMLP
from keras_hadamard.models.hor_net import HorNet as HorNet
from keras_hadamard.models.inpainting_u_net import InpaintingUNet as InpaintingUNet
from keras_hadamard.models.monet import MONet as MONet
from keras_hadamard.models.multiplicative_filter_network import (
    MultiplicativeFilterNetwork as MultiplicativeFilterNetwork,
)
from keras_hadamard.models.pi_net_18 import PiNet18 as PiNet18
from keras_hadamard.models.polynomial_generator import PolynomialGenerator as PolynomialGenerator
from keras_hadamard.models.prod_poly_net import ProdPolyNet as ProdPolyNet
from keras_hadamard.models.r_poly_net import RPolyNet as RPolyNet
from keras_hadamard.models.star_net import StarNet as StarNet
from keras_hadamard.models.visual_question_answering import (
    VisualQuestionAnswering as VisualQuestionAnswering,
)
