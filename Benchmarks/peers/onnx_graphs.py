"""Attention as ONNX models."""

from __future__ import annotations

from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

import numpy as np

from cases import Case


def attention_graph(variant: str, case: Case) -> ModelProto:
    """A model with inputs `query`, `key` and `value` and the output `output`, of fixed shapes.

    `MatMul-Softmax-MatMul` and `Attention` (opset 23) take `[1, H, N, D]`; `MultiHeadAttention` (contrib) takes `[1, N, H D]`.
    """
    from engines import causal_bias

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
