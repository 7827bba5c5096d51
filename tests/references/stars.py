"""The star operation's and MONet's layers on the authors' parameters."""

from harness.golden import channels_last, reference

from keras_hadamard.layers import DemoBlock2D, MuLayer, PolyBlock, StarBlock2D
from keras_hadamard.models import MONet, StarNet, _star_blocks

KEYS = {"mul": "multiply", "sum": "add"}


def last(c):
    """The shape of the authors' images, channels-last."""
    return tuple(channels_last(c.inputs).shape[1:])


@reference("monet_mu__channel", "monet_mu__spatial_clean")
def mu_layer(c):
    layer = MuLayer(
        c.config["out_features"],
        c.config["hidden_features"],
        use_alpha=c.config.get("use_alpha", True),
        use_spatial_shift=c.config.get("use_spatial", False),
    )
    layer.build(c.inputs[0].shape)
    return layer, _star_blocks.mu_layer(layer)


@reference("monet_block__e16_x3_clean")
def poly_block(c):
    layer = PolyBlock(c.config["expansion_factor"])
    layer.build(c.inputs[0].shape)
    return layer, _star_blocks.poly_block(layer)


@reference("starnet_block__d4_r4_train", "starnet_block__d6_r2_eval")
def star_block(c):
    # The authors' blocks are channels-first themselves.
    layer = StarBlock2D(c.config["mlp_ratio"], data_format="channels_first")
    layer.build(c.inputs[0].shape)
    return layer, _star_blocks.star_block(layer)


@reference("demonet_block__mul")
def demo_block(c):
    layer = DemoBlock2D(KEYS[c.config["mode"]])
    layer.build(c.inputs[0].shape)
    return layer, _star_blocks.demo_block(layer)


def _logits(c):
    (weight,) = (name for name in ("head.weight", "head.1.weight") if name in c.params)
    return {"classes": c[weight].shape[0], "classifier_activation": None}


@reference("starnet_net__tiny_eval", adapt=channels_last)
def star_net(c):
    model = StarNet(
        input_shape=last(c),
        width=c.config["base_dim"],
        blocks=c.config["depths"],
        expansion=c.config["mlp_ratio"],
        **_logits(c),
    )
    return model, model.torch_mapping()


@reference("monet_net__tiny_clean", adapt=channels_last)
def monet(c):
    model = MONet(
        input_shape=last(c),
        filters=c.config["embed_dim"],
        blocks=c.config["layers"],
        expansion=c.config["expansion_factor"][0],
        patch_size=c.config["patch_size"][0],
        **_logits(c),
    )
    return model, model.torch_mapping()
