"""Filter networks on the authors' parameters."""

from harness.golden import reference

from keras_hadamard.models import MultiplicativeFilterNetwork


def network(config, filters, **kwargs):
    """The network of a golden file's configuration."""
    return MultiplicativeFilterNetwork(
        filters,
        (config["in_size"],),
        config["hidden_size"],
        config["out_size"],
        config["n_layers"],
        input_scale=config["input_scale"],
        output_activation="sin" if config.get("output_act") else None,
        gamma_constraint=None,
        **kwargs,
    )


@reference("mfn_fourier__l2_act")
def fourier(c):
    model = network(c.config, "fourier")
    return model, model.torch_mapping()


@reference("mfn_gabor__l1")
def gabor(c):
    model = network(c.config, "gabor")
    return model, model.torch_mapping()


def band_limited(config, multiscale):
    """The network of a golden file's configuration, with frequencies that are not trained."""
    return MultiplicativeFilterNetwork(
        "bacon",
        (config["in_size"],),
        config["hidden_size"],
        config["out_size"],
        config["hidden_layers"],
        frequency=config["frequency"],
        scales=config.get("input_scales"),
        multiscale=multiscale,
    )


FROZEN = {f"filters.{i}.linear.weight": None for i in range(4)}


@reference("bacon__single", true_gradients=FROZEN)
def bacon(c):
    model = band_limited(c.config, multiscale=c.name == "bacon__multiscale")
    return model, model.torch_mapping()
