"""Recurrences on the authors' parameters."""

import keras
import tensorflow as tf
from harness.golden import reference

from keras_hadamard.layers import MinGRU, MinLSTM
from keras_hadamard.ops import gated_scan


@reference("mingru__parallel_T5", adapt=lambda x: x[0])
def min_gru(c):
    layer = MinGRU(c.config["dim"], return_sequences=True, use_bias=False)
    return layer, {"projection/kernel": tf.transpose(c["to_hidden_and_gate.weight"])}


@reference("minlstm__parallel_T5", adapt=lambda x: x[0])
def min_lstm(c):
    layer = MinLSTM(c.config["dim"], return_sequences=True, use_bias=False)
    return layer, {"projection/kernel": tf.transpose(c["to_hidden_and_f_i_gate.weight"])}


def with_state(c, layer, kernel):
    x, h = (keras.Input(tuple(i.shape[1:]), dtype=c.dtype) for i in c.inputs)
    model = keras.Model([x, h], layer(x, initial_state=h[:, 0]))
    return model, {f"{layer.name}/projection/kernel": tf.transpose(kernel)}


@reference("mingru__step_T1_prev")
def min_gru_with_state(c):
    layer = MinGRU(c.config["dim"], return_sequences=True, use_bias=False)
    return with_state(c, layer, c["to_hidden_and_gate.weight"])


@reference("minlstm__step_T1_prev")
def min_lstm_with_state(c):
    layer = MinLSTM(c.config["dim"], return_sequences=True, use_bias=False)
    return with_state(c, layer, c["to_hidden_and_f_i_gate.weight"])


@reference("hgrn__recurrent")
def log_forget_gate(c):
    x, g = (keras.Input(tuple(i.shape[1:]), dtype=c.dtype) for i in c.inputs)
    return keras.Model([x, g], gated_scan(keras.ops.exp(g), x)), {}
