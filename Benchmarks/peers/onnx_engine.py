"""ONNX Runtime."""

from __future__ import annotations

import numpy as np

from attention_cases import Attention
from cases import Array, Arrays, Case, Operation
from engines import Reading, Run
from onnx_graphs import attention_graph, recurrent_graph
from recurrent_cases import Recurrent


class OnnxRuntime:
    """Attention as graphs of three kinds: the products and the softmax apart, the operator of opset 23, and the fused contrib operator;
    recurrent networks as the operators RNN, LSTM and GRU. There is no backward pass."""

    def __init__(self, threads: int) -> None:
        import onnxruntime

        self.runtime = onnxruntime
        self.options = onnxruntime.SessionOptions()
        self.options.intra_op_num_threads = threads
        self.options.inter_op_num_threads = 1
        self.options.log_severity_level = 3
        self.version = str(onnxruntime.__version__)

    def variants(self, case: Case) -> list[str]:
        if isinstance(case, Attention) and not case.backward:
            return ["MatMul-Softmax-MatMul", "Attention", "MultiHeadAttention"]
        if isinstance(case, Recurrent) and not case.both:
            return [case.cell.upper()]
        return []

    def prepare(self, variant: str, case: Operation, operands: list[Arrays]) -> tuple[Run, Reading]:
        if isinstance(case, Recurrent):
            return self._recurrent(case, operands[0])
        session = self._session(attention_graph(variant, case))
        packed = variant == "MultiHeadAttention"

        def value(array: Array) -> object:
            # The fused operator takes and gives [1, N, H D].
            if packed:
                array = array.transpose(0, 2, 1, 3).reshape(1, array.shape[2], -1)
            return self.runtime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array))

        feeds = [{name: value(each[name]) for name in ("query", "key", "value")} for each in operands]

        def arrays(outputs: object) -> Arrays:
            output = outputs[0].numpy()
            if packed:
                output = output.reshape(1, case.query_length, case.heads, case.head_dim).transpose(0, 2, 1, 3)
            return {"output.output": output}

        return lambda index: session.run_with_ort_values(["output"], feeds[index]), arrays

    def _recurrent(self, case: Recurrent, operands: Arrays) -> tuple[Run, Reading]:
        session = self._session(recurrent_graph(case, operands))
        # Time comes first; turned round before anything is timed.
        inputs = np.ascontiguousarray(operands["input"].transpose(1, 0, 2))
        feed = {"input": self.runtime.OrtValue.ortvalue_from_numpy(inputs)}
        return (lambda index: session.run_with_ort_values(["output"], feed)), (
            lambda outputs: {"output.output": outputs[0].numpy()[:, 0].transpose(1, 0, 2)})

    def _session(self, model: object) -> object:
        return self.runtime.InferenceSession(model.SerializeToString(), self.options, providers=["CPUExecutionProvider"])
