"""The peers: each computes attention in its own words, in every way it has, on its own copy of the operands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from cases import Array, Case, Operands

# A prepared problem: runs attention over cache `index` and leaves the output where the engine puts it.
Run = Callable[[int], object]


class Engine(Protocol):
    """A peer with its library loaded."""

    version: str

    def variants(self, case: Case) -> list[str]:
        """The names of the ways this engine can compute a case."""

    def prepare(self, variant: str, case: Case, operands: Operands) -> tuple[Run, Callable[[object], Array]]:
        """Binds the operands; the second function turns what a run gave into an array `[1, H, Nq, D]`."""


class PyTorch:
    """`scaled_dot_product_attention`, eager, in inference mode."""

    def __init__(self, threads: int) -> None:
        import torch

        self.torch = torch
        torch.set_num_threads(threads)
        self.version = str(torch.__version__)

    def variants(self, case: Case) -> list[str]:
        return ["scaled_dot_product_attention"]

    def prepare(self, variant: str, case: Case, operands: Operands) -> tuple[Run, Callable[[object], Array]]:
        torch = self.torch
        attention = torch.nn.functional.scaled_dot_product_attention
        queries = torch.from_numpy(operands.queries)
        caches = [(torch.from_numpy(keys), torch.from_numpy(values)) for keys, values in operands.caches]

        def run(index: int) -> object:
            with torch.inference_mode():
                return attention(queries, *caches[index], is_causal=case.causal)

        return run, lambda output: output.numpy()


class OnnxRuntime:
    """Graphs of three kinds: the products and the softmax apart, the operator of opset 23, and the fused contrib operator."""

    def __init__(self, threads: int) -> None:
        import onnxruntime

        self.runtime = onnxruntime
        self.options = onnxruntime.SessionOptions()
        self.options.intra_op_num_threads = threads
        self.options.inter_op_num_threads = 1
        self.options.log_severity_level = 3
        self.version = str(onnxruntime.__version__)

    def variants(self, case: Case) -> list[str]:
        return ["MatMul-Softmax-MatMul", "Attention", "MultiHeadAttention"]

    def prepare(self, variant: str, case: Case, operands: Operands) -> tuple[Run, Callable[[object], Array]]:
        from onnx_graphs import attention_graph

        model = attention_graph(variant, case)
        session = self.runtime.InferenceSession(
            model.SerializeToString(), self.options, providers=["CPUExecutionProvider"])
        packed = variant == "MultiHeadAttention"

        def value(array: Array) -> object:
            # The fused operator takes and gives [1, N, H D].
            if packed:
                array = array.transpose(0, 2, 1, 3).reshape(1, array.shape[2], -1)
            return self.runtime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array))

        queries = value(operands.queries)
        feeds = [
            {"query": queries, "key": value(keys), "value": value(values)} for keys, values in operands.caches]

        def array(outputs: object) -> Array:
            output = outputs[0].numpy()
            if packed:
                output = output.reshape(1, case.query_length, case.heads, case.head_dim).transpose(0, 2, 1, 3)
            return output

        return lambda index: session.run_with_ort_values(["output"], feeds[index]), array


class OpenVino:
    """A compiled model of the operator, and one of the products and the softmax apart, which its compiler fuses; in float32."""

    def __init__(self, threads: int) -> None:
        import openvino

        self.openvino = openvino
        self.core = openvino.Core()
        self.threads = threads
        self.version = str(openvino.__version__).split("-")[0]

    def variants(self, case: Case) -> list[str]:
        return ["ScaledDotProductAttention", "MatMul-Softmax-MatMul"]

    def prepare(self, variant: str, case: Case, operands: Operands) -> tuple[Run, Callable[[object], Array]]:
        from openvino import opset13 as ops

        shapes = [operands.queries.shape, *(array.shape for array in operands.caches[0])]
        inputs = [ops.parameter(list(shape), np.float32) for shape in shapes]
        if variant == "ScaledDotProductAttention":
            output = ops.scaled_dot_product_attention(*inputs, causal=case.causal)
        else:
            scaled = ops.multiply(inputs[0], ops.constant(np.float32(case.head_dim**-0.5)))
            scores = ops.matmul(scaled, inputs[1], False, True)
            if case.causal:
                scores = ops.add(scores, ops.constant(causal_bias(case)))
            output = ops.matmul(ops.softmax(scores, -1), inputs[2], False, False)
        model = self.openvino.Model([output], inputs, "attention")
        compiled = self.core.compile_model(model, "CPU", {
            "INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": self.threads, "PERFORMANCE_HINT": "LATENCY"})
        request = compiled.create_infer_request()

        def tensor(array: Array) -> object:
            return self.openvino.Tensor(array, shared_memory=True)

        queries = tensor(operands.queries)
        feeds = [{0: queries, 1: tensor(keys), 2: tensor(values)} for keys, values in operands.caches]
        return lambda index: request.infer(feeds[index], share_outputs=True), lambda outputs: np.array(outputs[0])


def causal_bias(case: Case) -> Array:
    """`[1, 1, Nq, Nk]`: 0 where a query sees a key, the lowest float elsewhere."""
    hidden = np.triu(np.ones((case.query_length, case.key_length), dtype=bool), k=1)
    return np.where(hidden, np.finfo(np.float32).min, np.float32(0)).astype(np.float32)[None, None]


def make_engine(name: str, threads: int) -> Engine:
    """The engine of this name.

    Raises ImportError where its library is not installed.
    """
    return {"pytorch": PyTorch, "pytorch-mkl": PyTorch, "onnxruntime": OnnxRuntime, "openvino": OpenVino}[name](threads)
