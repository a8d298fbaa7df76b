"""The engines as the comparison sees them: peers behind pipes, and the command heed."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from attention_cases import Attention
from cases import Arrays, Case, Operation, fewest_timings
from training_cases import Training

# The command's own error is in the same metric as the workers'.
LARGEST_ERROR = 2e-5


class EngineFailure(Exception):
    """An engine that is not there, or cannot do a case."""


@dataclass(frozen=True)
class Timing:
    """One engine's turn at a case."""

    # Of one run: the median of the turn's repetitions, and the least of them.
    seconds: float
    minimum: float
    # What the machine's limit (peak or bandwidth), read in the same turn, would take; nil where an engine does not read it.
    limit_seconds: float | None = None
    # Of a model that is trained: the most that the process held in RAM so far, above what it held before there was a model.
    peak_bytes: int | None = None


class Peer:
    """A worker process with one library in it."""

    def __init__(self, name: str, title: str, threads: int, preload: Path | None = None) -> None:
        self.name = name
        self.title = title
        environment = dict(os.environ, OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads))
        if preload is not None:
            environment["LD_PRELOAD"] = str(preload)
        self._command = [sys.executable, str(Path(__file__).with_name("worker.py")), name, str(threads)]
        self._environment = environment
        self._start()

    def _start(self) -> None:
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=self._environment,
            text=True)
        self.version = str(self._read()["version"])

    def prepare(self, case: Case) -> str:
        """Gets ready for a case; what the engine chose to compute it by."""
        if isinstance(case, Training):
            # What other cases left in the process would be reused, and not be counted.
            self.close()
            self._start()
        return str(self._ask({"do": "prepare", "case": case.to_json()})["variant"])

    def measure(self, budget: float) -> Timing:
        reply = self._ask({"do": "measure", "budget": budget})
        peak: int | None = reply["peak_bytes"]
        return Timing(float(reply["seconds"]), float(reply["minimum"]), peak_bytes=peak)

    def close(self) -> None:
        # A worker that has died leaves a pipe that cannot be flushed.
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()

    def _ask(self, request: dict[str, object]) -> dict[str, object]:
        try:
            print(json.dumps(request), file=self._process.stdin, flush=True)
        except BrokenPipeError as failure:
            raise EngineFailure("its process has ended") from failure
        return self._read()

    def _read(self) -> dict[str, object]:
        line = self._process.stdout.readline()
        if not line:
            raise EngineFailure(f"its process has ended with status {self._process.wait()}")
        reply: dict[str, object] = json.loads(line)
        if "failed" in reply:
            raise EngineFailure(str(reply["failed"]))
        return reply


class Heed:
    """The command heed, run again for every turn; it warms up by itself and reads the machine's limit between its runs."""

    name = "heed"
    title = "Heed"

    def __init__(self, command: Path, threads: int) -> None:
        self._command = [str(command)]
        self._threads = threads
        self._case: Case | None = None
        self._seconds = 0.0
        machine = self._run("doctor")
        self.version = str(machine["version"])
        self.processor = str(machine["cpu"])
        self.instruction_set = str(machine["isa"])

    def matched(self, case: Case) -> Case:
        """The case as Heed takes it: with so many pairs of keys and values as keep them out of this machine's caches; of a model, how
        many parameters it has and what a step counts as."""
        if isinstance(case, Training):
            line = self._run(*case.heed(1))
            work = 1e9 * float(line["gflops"]) * float(line["median_seconds"])
            self._seconds = float(line["median_seconds"])
            return replace(case, parameters=int(line["parameters"]), work=work)
        if not (isinstance(case, Attention) and case.cold):
            return case
        shape: dict[str, int] = self._run(*case.heed(1))["shape"]
        return replace(case, copies=shape["caches"])

    def prepare(self, case: Case) -> str:
        """Checks a small problem of the kind against float64; of a model that is trained nothing."""
        self._case = case
        if isinstance(case, Training):
            return "bench train"
        self._check(case)
        line = self._run(*case.heed(1))
        self._seconds = float(line["median_seconds"])
        return str(line.get("arm", ""))

    def _check(self, case: Operation) -> None:
        small = case.shortened()
        operands = small.operands()[0]
        tensors = {f"input.{name}": array for name, array in operands.items() if name != "cotangent"}
        tensors |= {"cotangent.output": operands["cotangent"]} if "cotangent" in operands else {}
        operation = small.conformance()
        metadata = {"op": str(operation["op"]), "attrs": json.dumps(operation["attrs"])}
        with tempfile.NamedTemporaryFile(suffix=".safetensors") as file:
            file.write(safetensors(tensors | small.answer(operands), metadata))
            file.flush()
            errors: dict[str, float] = self._run("verify", file.name)["errors"]
        if not max(errors.values()) <= LARGEST_ERROR:
            raise EngineFailure(f"its error is {max(errors.values()):.2g}")

    def measure(self, budget: float) -> Timing:
        # One of its repetitions fills 8 ms, as the workers' do.
        repeats = max(fewest_timings(self._seconds), round(budget / max(self._seconds, 0.008)))
        line = self._run(*self._case.heed(repeats))
        seconds = float(line["median_seconds"])
        share = float(line["percent_of_bandwidth" if self._case.cold else "percent_of_peak"]) / 100
        return Timing(seconds, float(line["min_seconds"]), seconds * share, line.get("peak_bytes"))

    def close(self) -> None:
        """Nothing is left running."""

    def _run(self, *arguments: str) -> dict[str, object]:
        command = [*self._command, *arguments, "--threads", str(self._threads), "--json"]
        try:
            run = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError as failure:
            raise EngineFailure(str(failure)) from failure
        # verify ends with 1 where an answer is wrong, and says by how much.
        if run.returncode != 0 and not (arguments[0] == "verify" and run.stdout):
            raise EngineFailure(run.stderr.strip() or f"heed ended with status {run.returncode}")
        return json.loads(run.stdout.splitlines()[0])


def safetensors(tensors: Arrays, metadata: dict[str, str]) -> bytes:
    """A safetensors file: the header's length, the header in JSON, the tensors' bytes. Float32 and float64."""
    header: dict[str, object] = {"__metadata__": metadata}
    data = b""
    for name, tensor in tensors.items():
        content = np.ascontiguousarray(tensor).tobytes()
        header[name] = {
            "dtype": {4: "F32", 8: "F64"}[tensor.itemsize], "shape": list(tensor.shape),
            "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data
