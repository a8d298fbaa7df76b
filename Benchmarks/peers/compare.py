"""Compares Heed with other engines in attention, recurrent networks and training steps, on the same shapes, interleaved in one run.

Each case is measured in rounds. In a round every engine has one turn of a fraction of a second, in an order that changes from
round to round, and only the ratios within a round are compared: clocks drift. A peer that is not installed, or gives a wrong
answer, is left out, with a line that says so.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import sys
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from all_cases import all_cases, operation_cases
from cases import Case
from picture import svg
from processes import EngineFailure, Heed, Peer
from report import duration, markdown, text
from results import CaseResult, Comparison
from training_cases import Training, training_cases

# Time for another engine's idle threads to stop spinning.
PAUSE = 0.05
# Those that are asked where nothing but training is measured.
PEERS_THAT_TRAIN = ["pytorch", "pytorch-mkl"]


def say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def measure(case: Case, engines: list[Heed | Peer], rounds: int, budget: float, least: bool) -> CaseResult:
    """All rounds of one case, of the engines that can do it; `least` takes the least time of a turn for its median."""
    result = CaseResult(case)
    ready: list[Heed | Peer] = []
    for engine in engines:
        try:
            result.variants[engine.name] = engine.prepare(case)
            ready.append(engine)
        except EngineFailure as failure:
            say(f"  {engine.title} is left out of {case.name}: {failure}")
    result.timings = {engine.name: [] for engine in ready}
    for turn in range(rounds):
        # Nobody always comes after the same engine.
        first = turn % max(len(ready), 1)
        for engine in ready[first:] + ready[:first]:
            time.sleep(PAUSE)
            try:
                timing = engine.measure(budget)
            except EngineFailure as failure:
                say(f"  {engine.title} is left out of {case.name}: {failure}")
                ready.remove(engine)
                del result.timings[engine.name]
                continue
            result.timings[engine.name].append(replace(timing, seconds=timing.minimum) if least else timing)
    return result


def start(arguments: argparse.Namespace, stack: ExitStack) -> tuple[list[Heed | Peer], dict[str, str], Heed]:
    """Heed and the peers that are there; why the others are not."""
    heed = Heed(arguments.heed, arguments.threads)
    wanted: list[tuple[str, str, Path | None]] = [
        ("pytorch", "PyTorch", None), ("onnxruntime", "ONNX Runtime", None), ("openvino", "OpenVINO", None)]
    if arguments.mkl_preload is not None:
        wanted.insert(1, ("pytorch-mkl", "PyTorch, MKL AVX-512", arguments.mkl_preload))
    if arguments.peers is not None and "pytorch-compile" in arguments.peers:
        wanted.append(("pytorch-compile", "PyTorch, torch.compile", None))
    engines: list[Heed | Peer] = []
    left_out: dict[str, str] = {}
    for name, title, preload in wanted:
        if name not in (arguments.peers or PEERS_THAT_TRAIN if arguments.training else arguments.peers or [name]):
            continue
        try:
            peer = Peer(name, title, arguments.threads, preload)
            stack.callback(peer.close)
            engines.append(peer)
        except EngineFailure as failure:
            left_out[title] = str(failure)
            say(f"{title} is left out: {failure}")
    return [*engines, heed], left_out, heed


def parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="Benchmarks/peers/run", description=__doc__.split("\n\n")[0])
    parser.add_argument("--heed", type=Path, required=True, help="the command heed (run passes it)")
    parser.add_argument("--mkl-preload", type=Path, help="a library that lets MKL use AVX-512 on any processor (run passes it)")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="threads of every engine")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--budget", type=float, default=0.2, help="seconds of an engine's turn")
    parser.add_argument("--minimum", action="store_true",
                        help="take the least time of each turn, not its median: for a machine that others use too")
    parser.add_argument("--cases", help="only cases whose name holds one of these words, with commas between them")
    parser.add_argument("--training", action="store_true", help="the training steps, which are left out unless they are asked for")
    parser.add_argument("--peers", type=lambda names: names.split(","),
                        help="only these of pytorch,pytorch-mkl,onnxruntime,openvino, and pytorch-compile, which trains alone")
    parser.add_argument("--json", type=Path, help="write everything measured to this file")
    parser.add_argument("--markdown", type=Path, help="write the table to this file")
    parser.add_argument("--svg", type=Path, help="draw the picture to this file")
    arguments = parser.parse_args(words)
    if min(arguments.threads, arguments.rounds) < 1:
        parser.error("--threads and --rounds are at least 1")
    return arguments


def main() -> int:
    arguments = parse(sys.argv[1:])
    offered = training_cases() if arguments.training else all_cases() if arguments.cases else operation_cases()
    names = arguments.cases.split(",") if arguments.cases else [""]
    cases = [case for case in offered if any(name.strip() in case.name for name in names)]
    if not cases:
        say(f"no case's name holds {arguments.cases}; there are: {', '.join(case.name for case in offered)}")
        return 64
    with ExitStack() as stack:
        try:
            engines, left_out, heed = start(arguments, stack)
        except EngineFailure as failure:
            say(f"heed: {failure}")
            return 1
        comparison = Comparison(
            {engine.name: engine.title for engine in engines}, {engine.name: engine.version for engine in engines}, left_out,
            f"{heed.processor} ({platform.machine()}, {heed.instruction_set})", arguments.threads, arguments.rounds,
            datetime.date.today().isoformat())
        for case in cases:
            try:
                case = heed.matched(case)
            except EngineFailure as failure:
                say(f"  heed: {failure}")
                if isinstance(case, Training):
                    continue
            result = measure(case, engines, arguments.rounds, arguments.budget, arguments.minimum)
            comparison.results.append(result)
            times = ", ".join(f"{name} {duration(result.seconds(name))} ({result.variants[name]})" for name in result.timings)
            say(f"{case.description}: {times}")
    if arguments.minimum:
        comparison.machine += ", least times of each turn"
    outputs = {
        arguments.json: lambda: json.dumps(comparison.to_json(), indent=2) + "\n",
        arguments.markdown: lambda: markdown(comparison), arguments.svg: lambda: svg(comparison)}
    for path, content in outputs.items():
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content())
    print(text(comparison))
    return 0


if __name__ == "__main__":
    sys.exit(main())
