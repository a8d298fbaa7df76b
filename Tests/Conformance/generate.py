"""Writes random conformance cases, answered by PyTorch in float64, for `heed verify` to replay.

    generate.py FOLDER [--cases 20] [--seed 1] [--op NAME ...]

A case is a safetensors file: input.NAME, output.NAME, cotangent.NAME (what arrives at that output) and gradient.NAME, with the
operation, its attributes and PyTorch's own float32 error as metadata.
"""

import argparse
import json
import pathlib
import random
import struct

import torch

import layers
import sequences

OPERATIONS = sequences.OPERATIONS | layers.OPERATIONS

DTYPES = {torch.float32: "F32", torch.float64: "F64", torch.int64: "I64", torch.bool: "BOOL"}


def write(path, tensors, metadata):
    header, chunks, offset = {"__metadata__": metadata}, [], 0
    for name, tensor in tensors.items():
        data = tensor.detach().contiguous().numpy().tobytes()
        header[name] = {"dtype": DTYPES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [offset, offset + len(data)]}
        chunks.append(data)
        offset += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(chunks))


def run(case, dtype, cotangents):
    """Outputs and, where cotangents are given, gradients of every float input that has one."""
    inputs = {}
    for name, value in case.inputs.items():
        floats = value.dtype == torch.float32
        inputs[name] = value.to(dtype).requires_grad_(name not in case.constants) if floats else value
    outputs = case.function(inputs)
    if cotangents is None:
        return outputs, {}
    loss = sum((outputs[name] * arriving.to(dtype)).sum() for name, arriving in cotangents.items())
    wanted = [name for name, value in inputs.items() if value.is_floating_point() and value.requires_grad]
    gradients = torch.autograd.grad(loss, [inputs[name] for name in wanted], allow_unused=True)
    return outputs, {name: g if g is not None else torch.zeros_like(inputs[name]) for name, g in zip(wanted, gradients)}


def error(value, exact):
    finite = torch.isfinite(exact)
    largest = exact[finite].abs().max().item() if finite.any() else 0
    difference = (value.double() - exact)[finite].abs().max().item() if finite.any() else 0
    return difference / largest if largest else difference


def record(path, op, case, generator):
    exact, _ = run(case, torch.float64, None)
    cotangents = None
    if case.differentiable:
        cotangents = {name: torch.randn(value.shape, generator=generator) for name, value in exact.items()}
    exact, gradients = run(case, torch.float64, cotangents)
    single, single_gradients = run(case, torch.float32, cotangents)
    tensors, errors = {}, {}
    for name, value in case.inputs.items():
        tensors[f"input.{name}"] = value
    for name, value in exact.items():
        tensors[f"output.{name}"] = value
        errors[f"output.{name}"] = error(single[name], value)
    for name, value in (cotangents or {}).items():
        tensors[f"cotangent.{name}"] = value
    for name, value in gradients.items():
        tensors[f"gradient.{name}"] = value
        errors[f"gradient.{name}"] = error(single_gradients[name], value)
    write(path, tensors, {
        "op": op, "attrs": json.dumps(case.attributes), "peer_float32_error": json.dumps(errors),
        "reference": f"PyTorch {torch.__version__}, float64",
    })


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--cases", type=int, default=20, help="of each operation")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--op", action="append", choices=sorted(OPERATIONS), help="only this one; may be given again")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for op in options.op or OPERATIONS:
        for index in range(options.cases):
            chance = random.Random(f"{options.seed} {op} {index}")
            torch.manual_seed(chance.getrandbits(62))
            generator = torch.Generator().manual_seed(chance.getrandbits(62))
            record(options.folder / f"{op}_{options.seed}_{index}.safetensors", op, OPERATIONS[op](chance), generator)


if __name__ == "__main__":
    main()
