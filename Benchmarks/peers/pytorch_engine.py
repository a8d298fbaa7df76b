"""PyTorch, eager; models that are trained also through its compiler."""

from __future__ import annotations

from attention_cases import Attention
from cases import Arrays, Case, Operation
from engines import Reading, Run
from recurrent_cases import Recurrent
from training_cases import Training


class PyTorch:
    """`scaled_dot_product_attention`, `nn.RNN`, `nn.LSTM` and `nn.GRU`; in inference mode where there is no backward pass."""

    def __init__(self, threads: int, compiled: bool = False) -> None:
        import torch

        self.torch = torch
        self._compiled = compiled
        torch.set_num_threads(threads)
        self.version = str(torch.__version__)

    def variants(self, case: Case) -> list[str]:
        if isinstance(case, Training):
            return ["torch.compile" if self._compiled else "eager"]
        if self._compiled:
            return []
        if isinstance(case, Attention):
            return ["scaled_dot_product_attention"]
        if isinstance(case, Recurrent):
            return [f"nn.{case.cell.upper()}"]
        return []

    def prepare_training(self, case: Training, small: bool = False) -> tuple[Run, int]:
        from torch_models import Steps, make_problem

        steps = Steps(make_problem(case.model, small), self._compiled)
        return steps, steps.parameter_count

    def prepare(self, variant: str, case: Operation, operands: list[Arrays]) -> tuple[Run, Reading]:
        if isinstance(case, Recurrent):
            return self._recurrent(case, operands[0])
        return self._attention_backward(case, operands[0]) if case.backward else self._attention(case, operands)

    def _attention(self, case: Attention, operands: list[Arrays]) -> tuple[Run, Reading]:
        torch = self.torch
        attention = torch.nn.functional.scaled_dot_product_attention
        sets = [[torch.from_numpy(each[name]) for name in ("query", "key", "value")] for each in operands]

        def run(index: int) -> object:
            with torch.inference_mode():
                return attention(*sets[index], is_causal=case.causal)

        return run, lambda output: {"output.output": output.numpy()}

    def _attention_backward(self, case: Attention, operands: Arrays) -> tuple[Run, Reading]:
        """The graph is built once and kept: a run is the backward pass alone."""
        torch = self.torch
        names = ("query", "key", "value")
        leaves = [torch.from_numpy(operands[name]).requires_grad_() for name in names]
        output = torch.nn.functional.scaled_dot_product_attention(*leaves, is_causal=case.causal)
        cotangent = torch.from_numpy(operands["cotangent"])

        def run(index: int) -> object:
            return torch.autograd.grad(output, leaves, cotangent, retain_graph=True)

        def arrays(gradients: object) -> Arrays:
            found = {f"gradient.{name}": gradient.numpy() for name, gradient in zip(names, gradients, strict=True)}
            return found | {"output.output": output.detach().numpy()}

        return run, arrays

    def _recurrent(self, case: Recurrent, operands: Arrays) -> tuple[Run, Reading]:
        torch = self.torch
        network = getattr(torch.nn, case.cell.upper())(case.input, case.hidden, batch_first=True)
        with torch.no_grad():
            for name, parameter in network.named_parameters():
                parameter.copy_(torch.from_numpy(operands[name]))
        inputs = torch.from_numpy(operands["input"])
        if not case.both:

            def forward(index: int) -> object:
                with torch.inference_mode():
                    return network(inputs)[0]

            return forward, lambda output: {"output.output": output.numpy()}
        inputs.requires_grad_()
        leaves = {"input": inputs, **dict(network.named_parameters())}
        cotangent = torch.from_numpy(operands["cotangent"])

        def both(index: int) -> object:
            output = network(inputs)[0]
            return output, torch.autograd.grad(output, list(leaves.values()), cotangent)

        def arrays(result: object) -> Arrays:
            output, gradients = result
            found = {f"gradient.{name}": gradient.numpy() for name, gradient in zip(leaves, gradients, strict=True)}
            return found | {"output.output": output.detach().numpy()}

        return both, arrays
