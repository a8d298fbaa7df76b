"""A peer in a process of its own: reads one JSON request a line from standard input, answers each with one JSON line.

    {"do": "prepare", "case": {...}}         -> {"variant": "...", "errors": {"...": 1e-7}, "seconds": {"...": 0.01}}
    {"do": "measure", "budget": 0.2}         -> {"seconds": 0.0123, "minimum": 0.0121, "peak_bytes": null}

Operations are held against float64 before they are timed. A model that is trained is counted, and its memory is read: the peak of what the
process holds in RAM, above what it held before the model was made. By then the libraries have trained a small model of the kind, so that
their own code and pools are not counted. Where something fails the answer is `{"failed": "why"}`, and the worker goes on.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable

from all_cases import case_from_json
from cases import Operation, error, fewest_timings
from engines import Engine, Run, make_engine
from training_cases import Training

# A timing is the mean of as many runs as fill this time: short runs drown in the clock and the call.
SECONDS_PER_TIMING = 0.008
# Float32 with an exp of 20 ulp stays well within; a wrong mask or a lower precision does not.
LARGEST_ERROR = 2e-5


class Timer:
    """Runs a prepared problem over its caches in turn."""

    def __init__(self, run: Run, copies: int) -> None:
        self._run = run
        self._copies = copies
        self._turn = 0
        self._once()
        self._seconds = self._once()
        self._runs = max(1, round(SECONDS_PER_TIMING / max(self._seconds, 1e-7)))

    def _once(self) -> float:
        begin = time.perf_counter()
        self._run(self._turn)
        seconds = time.perf_counter() - begin
        self._turn = (self._turn + 1) % self._copies
        return seconds

    def timings(self, budget: float) -> list[float]:
        """Seconds of one run, in timings that take about `budget` seconds together."""
        timings: list[float] = []
        end = time.perf_counter() + budget
        fewest = fewest_timings(self._seconds)
        if fewest > 1:
            # The first run pays for what other engines left in the caches.
            self._once()
        while len(timings) < fewest or time.perf_counter() < end:
            timings.append(sum(self._once() for _ in range(self._runs)) / self._runs)
        return timings


def resident_bytes(key: str) -> int:
    """What this process holds in RAM: `VmRSS` now, `VmHWM` at most so far."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(key + ":"))


class Worker:
    """Answers requests for one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._timer: Timer | None = None
        self._bytes_before: int | None = None

    def prepare(self, case: Operation | Training) -> dict[str, object]:
        self._timer = self._bytes_before = None
        return self._prepare_training(case) if isinstance(case, Training) else self._prepare_operation(case)

    def _prepare_training(self, case: Training) -> dict[str, object]:
        """Makes the model and takes its first steps. To be asked of a process that did nothing before, for its memory's sake."""
        if not self._engine.variants(case):
            return {"failed": "it does not train"}
        small, _ = self._engine.prepare_training(case, small=True)
        for _ in range(2):
            small(0)
        self._bytes_before = resident_bytes("VmRSS")
        run, parameters = self._engine.prepare_training(case)
        if parameters != case.parameters:
            return {"failed": f"its model has {parameters} parameters, Heed's {case.parameters}"}
        self._timer = Timer(run, 1)
        return {"variant": self._engine.variants(case)[0]}

    def _prepare_operation(self, case: Operation) -> dict[str, object]:
        """Checks every way the engine has on a small problem against float64, then keeps the fastest on the real one."""
        errors: dict[str, float] = {}
        refused: dict[str, str] = {}
        small = case.shortened()
        operands = small.operands()
        expected = small.answer(operands[0])
        for variant in self._engine.variants(case):
            try:
                run, arrays = self._engine.prepare(variant, small, operands)
                errors[variant] = error(arrays(run(0)), expected)
            except Exception as failure:  # A library may refuse what it does not support in any way it likes.
                refused[variant] = " ".join(str(failure).split())[:200]
        right = [variant for variant, size in errors.items() if size <= LARGEST_ERROR]
        operands = case.operands()
        seconds: dict[str, float] = {}
        fastest = None
        for variant in right:
            timer = Timer(self._engine.prepare(variant, case, operands)[0], case.copies)
            seconds[variant] = statistics.median(timer.timings(0.1))
            if seconds[variant] == min(seconds.values()):
                fastest, self._timer = variant, timer
        if not errors and not refused:
            return {"failed": "it has no such operation"}
        if fastest is None:
            return {"failed": f"no variant is right: errors {errors}, refused {refused}"}
        return {"variant": fastest, "errors": errors, "seconds": seconds, "refused": refused}

    def measure(self, budget: float) -> dict[str, object]:
        if self._timer is None:
            return {"failed": "nothing is prepared"}
        timings = self._timer.timings(budget)
        peak = None if self._bytes_before is None else max(0, resident_bytes("VmHWM") - self._bytes_before)
        return {"seconds": statistics.median(timings), "minimum": min(timings), "peak_bytes": peak}

    def answer(self, request: dict[str, object]) -> dict[str, object]:
        try:
            if request["do"] == "prepare":
                return self.prepare(case_from_json(request["case"]))
            return self.measure(float(request["budget"]))
        except Exception as failure:  # The comparison goes on without this engine.
            return {"failed": f"{type(failure).__name__}: {failure}"}


def main() -> None:
    name, threads = sys.argv[1], int(sys.argv[2])
    # Libraries print on standard output at times; the answers keep it for themselves.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    try:
        engine = make_engine(name, threads)
    except ImportError as failure:
        print(json.dumps({"failed": str(failure)}), file=answers)
        return
    print(json.dumps({"version": engine.version}), file=answers)
    worker = Worker(engine)
    for line in sys.stdin:
        print(json.dumps(worker.answer(json.loads(line))), file=answers)


if __name__ == "__main__":
    main()
