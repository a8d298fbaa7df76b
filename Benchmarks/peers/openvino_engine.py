"""OpenVINO, in float32."""

from __future__ import annotations

import numpy as np

from attention_cases import Attention, causal_bias
from cases import Array, Arrays, Case, Operation
from engines import Reading, Run
from recurrent_cases import Recurrent


class OpenVino:
    """Attention as the operator, and as products and softmax apart, which its compiler fuses; LSTM and GRU as sequences. There is no
    backward pass."""

    def __init__(self, threads: int) -> None:
        import openvino

        self.openvino = openvino
        self.core = openvino.Core()
        self.threads = threads
        self.version = str(openvino.__version__).split("-")[0]

    def variants(self, case: Case) -> list[str]:
        if isinstance(case, Attention) and not case.backward:
            return ["ScaledDotProductAttention", "MatMul-Softmax-MatMul"]
        if isinstance(case, Recurrent) and not case.both and case.cell != "rnn":
            return [f"{case.cell.upper()}Sequence"]
        return []

    def prepare(self, variant: str, case: Operation, operands: list[Arrays]) -> tuple[Run, Reading]:
        if isinstance(case, Recurrent):
            return self._recurrent(case, operands[0])
        names = ("query", "key", "value")
        inputs = [self._parameter(operands[0][name]) for name in names]
        request = self._request(self._attention(variant, case, inputs), inputs)
        feeds = [{index: self._tensor(each[name]) for index, name in enumerate(names)} for each in operands]
        return (lambda index: request.infer(feeds[index], share_outputs=True)), (
            lambda outputs: {"output.output": np.array(outputs[0])})

    @staticmethod
    def _attention(variant: str, case: Attention, inputs: list[object]) -> object:
        from openvino import opset13 as ops

        if variant == "ScaledDotProductAttention":
            return ops.scaled_dot_product_attention(*inputs, causal=case.causal)
        scaled = ops.multiply(inputs[0], ops.constant(np.float32(case.head_dim**-0.5)))
        scores = ops.matmul(scaled, inputs[1], False, True)
        if case.causal:
            scores = ops.add(scores, ops.constant(causal_bias(case)))
        return ops.matmul(ops.softmax(scores, -1), inputs[2], False, False)

    def _recurrent(self, case: Recurrent, operands: Arrays) -> tuple[Run, Reading]:
        from openvino import opset13 as ops

        # Gates in the order f i c o, and z r n.
        order = (1, 0, 2, 3) if case.cell == "lstm" else (1, 0, 2)

        def gates(name: str) -> Array:
            parts = np.split(operands[name], len(order))
            return np.concatenate([parts[gate] for gate in order])[None]

        inputs = self._parameter(operands["input"])
        zeros = ops.constant(np.zeros((case.batch, 1, case.hidden), np.float32))
        lengths = ops.constant(np.full(case.batch, case.time, np.int32))
        weights = [ops.constant(gates("weight_ih_l0")), ops.constant(gates("weight_hh_l0"))]
        both = gates("bias_ih_l0") + gates("bias_hh_l0")
        if case.cell == "lstm":
            node = ops.lstm_sequence(inputs, zeros, zeros, lengths, *weights, ops.constant(both), case.hidden, "FORWARD")
        else:
            # Biases of z and r together, then those of n apart.
            split = 2 * case.hidden
            bias = np.concatenate([both[:, :split], gates("bias_ih_l0")[:, split:], gates("bias_hh_l0")[:, split:]], axis=1)
            node = ops.gru_sequence(inputs, zeros, lengths, *weights, ops.constant(bias), case.hidden, "FORWARD",
                                    linear_before_reset=True)
        request = self._request(node.output(0), [inputs])
        feed = {0: self._tensor(operands["input"])}
        return (lambda index: request.infer(feed, share_outputs=True)), (
            lambda outputs: {"output.output": np.array(outputs[0])[:, 0]})

    @staticmethod
    def _parameter(array: Array) -> object:
        from openvino import opset13 as ops

        return ops.parameter(list(array.shape), np.float32)

    def _tensor(self, array: Array) -> object:
        return self.openvino.Tensor(array, shared_memory=True)

    def _request(self, output: object, inputs: list[object]) -> object:
        model = self.openvino.Model([output], inputs, "problem")
        compiled = self.core.compile_model(model, "CPU", {
            "INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": self.threads, "PERFORMANCE_HINT": "LATENCY"})
        return compiled.create_infer_request()
