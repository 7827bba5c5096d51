"""Contents of PEFT's files that are refused, and why."""

import keras
import numpy as np
import pytest
from adapters.peft_files import change, configure, copied, load, modules_of, second

from keras_hadamard import adapters

L = keras.layers


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("pissa", {}, r"path_initial_model_for_weight_conversion.* Received: init_lora.*'pissa'"),
        ("lora", {"init_lora_weights": "pissa_niter_16"}, "path_initial_model.*'pissa_niter_16'"),
        ("lora", {"init_lora_weights": "OLoRA"}, "path_initial_model.*'OLoRA'"),
        ("lora", {"init_lora_weights": "corda"}, "path_initial_model.*'corda'"),
        ("lora", {"init_lora_weights": "lora_ga"}, "path_initial_model.*'lora_ga'"),
        ("lora", {"init_lora_weights": "loftq"}, "merge_and_unload.* Received: init_lora.*'loftq'"),
        ("lora", {"use_qalora": True}, "a LoRA without `use_qalora`.* Received: use_qalora=True"),
        ("lora", {"layer_replication": [[0, 4], [2, 5]]}, "without `layer_replication`"),
        ("lora", {"trainable_token_indices": [0]}, "without `trainable_token_indices`"),
        ("lokr", {"peft_type": "OFT"}, "`peft_type` to be one of .*'OFT'.*adapter_config.json"),
        ("vera_without_projection", {}, "`save_projection=True`.*save_projection=False"),
        ("grouped", {}, "'dw/kernel' to be a convolution of one group.* Received: .*groups=2"),
        ("ia3", {"feedforward_modules": ["dw"]}, "one group.*IA3"),
    ],
)
def test_what_has_no_counterpart_is_refused(tmp_path, name, values, message):
    folder = copied(name, tmp_path)
    configure(folder, **values)
    with pytest.raises(ValueError, match=message):
        load(name, folder)


def test_weights_of_the_base_are_for_a_base_of_ones_own(tmp_path):
    for name in ("bias_lora_only", "modules_to_save", "norm_to_save"):
        adapted = adapters.apply(second(), adapters.IA3(), "q_proj", name="other")
        start = [w.copy() for w in adapted.model.get_weights()]
        with pytest.raises(ValueError, match=r"a model without adapters.* Received: .*'other'"):
            load(name, model=adapted)
        for got, want in zip(adapted.model.get_weights(), start, strict=True):
            np.testing.assert_array_equal(got, want)


def test_weights_of_the_base_that_do_not_fit(tmp_path):
    folder = copied("modules_to_save", tmp_path)
    modules = modules_of("modules_to_save")
    del modules["head/kernel"]
    with pytest.raises(ValueError, match=r"once.* missing=\['head'\]"):
        adapters.load_adapter(second(), folder, modules=modules)
    change(folder, **{"head.weight": np.zeros((4, 6), "float32")})
    with pytest.raises(ValueError, match=r"of the shape of 'head/kernel'.*kernel=\(6, 3\)"):
        load("modules_to_save", folder)
    change(folder, drop="head.", **{"fc2.bias": np.zeros(6, "float32")})
    modules["fc2/kernel"] = "fc2"
    with pytest.raises(ValueError, match=r"'fc2/kernel' to have a `bias`.* layer=None"):
        adapters.load_adapter(second(), folder, modules=modules)


def test_a_square_kernel_does_not_tell_its_inputs(tmp_path):
    folder = copied("modules_to_save", tmp_path)
    modules = modules_of("modules_to_save")
    change(
        folder,
        drop="q_proj",
        **{
            "q_proj.weight": np.eye(8, dtype="float32"),
            "fc1.lora_A.weight": np.ones((2, 6), "float32"),
            "fc1.lora_B.weight": np.ones((16, 2), "float32"),
        },
    )
    modules["fc1/kernel"] = "fc1"
    adapters.load_adapter(second(), folder, modules=modules)
    configure(folder, fan_in_fan_out=True)
    with pytest.raises(ValueError, match="not to be a square matrix"):
        adapters.load_adapter(second(), folder, modules=modules)


def test_a_bias_needs_a_layer_that_has_one(tmp_path):
    adapted = load("lora_bias_without")
    with pytest.raises(ValueError, match="a layer with a bias"):
        adapters.merge(adapted)
    model = keras.Sequential([keras.Input((7, 7, 3)), L.Conv2D(4, 3, use_bias=False, name="conv")])
    folder = copied("lora_bias", tmp_path)
    change(folder, drop="q_proj")
    with pytest.raises(ValueError, match=r"'conv/kernel' to have a bias.* lora_bias=True"):
        adapters.load_adapter(model, folder, modules={"conv/kernel": "conv"})
