"""The problems as ONNX models."""

from __future__ import annotations

from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

import numpy as np

from attention_cases import Attention, causal_bias
from cases import Array, Arrays
from recurrent_cases import Recurrent


def attention_graph(variant: str, case: Attention) -> ModelProto:
    """A model with inputs `query`, `key` and `value` and the output `output`, of fixed shapes.

    `MatMul-Softmax-MatMul` and `Attention` (opset 23) take `[1, H, N, D]`; `MultiHeadAttention` (contrib) takes `[1, N, H D]`.
    """
    constants: dict[str, np.ndarray] = {}
    opset, domain = 23, ""
    if variant == "Attention":
        nodes = [helper.make_node("Attention", ["query", "key", "value"], ["output"], is_causal=int(case.causal))]
    elif variant == "MultiHeadAttention":
        domain = "com.microsoft"
        nodes = [helper.make_node(
            "MultiHeadAttention", ["query", "key", "value"], ["output"], domain=domain, num_heads=case.heads,
            unidirectional=int(case.causal))]
    else:
        constants["scale"] = np.array(case.head_dim**-0.5, dtype=np.float32)
        nodes = _apart(case.causal)
        if case.causal:
            constants["bias"] = causal_bias(case)

    def shape(length: int) -> list[int]:
        if variant == "MultiHeadAttention":
            return [1, length, case.heads * case.head_dim]
        return [1, case.heads, length, case.head_dim]

    def value(name: str, length: int) -> object:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape(length))

    graph = helper.make_graph(
        nodes, "attention",
        [value("query", case.query_length), value("key", case.key_length), value("value", case.key_length)],
        [value("output", case.query_length)],
        [numpy_helper.from_array(array, name) for name, array in constants.items()])
    return _model(graph, opset, domain)


def recurrent_graph(case: Recurrent, operands: Arrays) -> ModelProto:
    """A model with the input `input` `[T, B, I]` and the output `output` `[T, 1, B, H]`, weights inside."""
    # Gates in the order i o f c, and z r n.
    order = {"rnn": (0,), "lstm": (0, 3, 1, 2), "gru": (1, 0, 2)}[case.cell]

    def gates(name: str) -> Array:
        parts = np.split(operands[name], len(order))
        return np.concatenate([parts[gate] for gate in order])[None]

    constants = {
        "W": gates("weight_ih_l0"), "R": gates("weight_hh_l0"),
        "B": np.concatenate([gates("bias_ih_l0"), gates("bias_hh_l0")], axis=1)}
    attributes = {"linear_before_reset": 1} if case.cell == "gru" else {}
    node = helper.make_node(case.cell.upper(), ["input", "W", "R", "B"], ["output"], hidden_size=case.hidden, **attributes)
    graph = helper.make_graph(
        [node], case.cell,
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [case.time, case.batch, case.input])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [case.time, 1, case.batch, case.hidden])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()])
    return _model(graph, 22, "")


def _model(graph: object, opset: int, domain: str) -> ModelProto:
    imports = [helper.make_opsetid("", opset)]
    if domain:
        imports.append(helper.make_opsetid(domain, 1))
    # IR version 11 is the one of opset 23; a newer default of the onnx package may be ahead of the runtime.
    return helper.make_model(graph, opset_imports=imports, ir_version=11)


def _apart(causal: bool) -> list[NodeProto]:
    """The products and the softmax as nodes of their own."""
    nodes = [
        helper.make_node("Mul", ["query", "scale"], ["scaled"]),
        helper.make_node("Transpose", ["key"], ["key_transposed"], perm=[0, 1, 3, 2]),
        helper.make_node("MatMul", ["scaled", "key_transposed"], ["scores"]),
    ]
    scores = "scores"
    if causal:
        nodes.append(helper.make_node("Add", ["scores", "bias"], ["masked"]))
        scores = "masked"
    nodes += [
        helper.make_node("Softmax", [scores], ["weights"], axis=-1),
        helper.make_node("MatMul", ["weights", "value"], ["output"]),
    ]
    return nodes
