"""Trains the same small GPT in PyTorch and in Heed, on the same text with the same recipe, and compares what they learn and how long it takes.

    Benchmarks/peers/run --learning [--seeds 1,2,3] [--steps 2000] [--json FILE] [--markdown FILE]

The text is that of the licences in /usr/share/common-licenses, which every Debian machine has; the last tenth of it is held back for the
validation loss. Runs take turns, so that a clock that drifts drifts for both. Seconds are those of the steps, without evaluation.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from torch_gpt import Recipe, train

LICENCES = Path("/usr/share/common-licenses")


@dataclass
class Runs:
    """What each seed gave."""

    losses: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def add(self, loss: float, seconds: float) -> None:
        self.losses.append(loss)
        self.seconds.append(seconds)

    @property
    def mean_loss(self) -> float:
        return statistics.mean(self.losses)

    @property
    def mean_seconds(self) -> float:
        return statistics.mean(self.seconds)


def table(seeds: list[int], torch: Runs, heed: Runs) -> list[str]:
    """A row a seed and one of the means, in Markdown that reads well in a terminal too."""

    def row(name: str, losses: tuple[float, float], seconds: tuple[float, float]) -> str:
        difference = f"{100 * (losses[1] / losses[0] - 1):+.2f} %"
        return (f"| {name:>4} | {losses[0]:8.4f} | {losses[1]:8.4f} | {difference:>10} | {seconds[0]:7.1f} s | {seconds[1]:7.1f} s "
                f"| {seconds[0] / seconds[1]:10.2f}x |")

    lines = ["| seed |  PyTorch |     Heed | difference |   PyTorch |      Heed | Heed faster |", "|---:|---:|---:|---:|---:|---:|---:|"]
    runs = zip(seeds, torch.losses, heed.losses, torch.seconds, heed.seconds, strict=True)
    lines += [row(str(seed), (theirs, ours), (their_time, our_time)) for seed, theirs, ours, their_time, our_time in runs]
    return [*lines, row("mean", (torch.mean_loss, heed.mean_loss), (torch.mean_seconds, heed.mean_seconds))]


def licence_texts() -> str:
    """All regular files in the order of their names, as Heed takes them."""
    files = sorted(path for path in LICENCES.iterdir() if path.is_file() and not path.is_symlink())
    return "".join(path.read_text(encoding="utf-8") for path in files)


def train_heed(command: Path, threads: int, recipe: Recipe, seed: int) -> tuple[float, float]:
    """The same by the command heed: its last validation loss, and the seconds of its steps."""
    settings = {
        "layers": recipe.layers, "heads": recipe.heads, "width": recipe.width, "length": recipe.length,
        "batch": recipe.batch, "rate": recipe.rate, "least_rate": recipe.least_rate, "warmup": recipe.warmup,
        "weight_decay": recipe.weight_decay, "beta1": recipe.betas[0], "beta2": recipe.betas[1], "clip": recipe.clip,
        "dropout": 0, "evaluate_every": recipe.steps}
    with tempfile.TemporaryDirectory() as folder:
        words = [str(command), "train", "char-gpt", "--json", "--threads", str(threads), "--steps", str(recipe.steps),
                 "--seed", str(seed), "--out", folder]
        for key, value in settings.items():
            words += ["--set", f"{key}={value}"]
        run = subprocess.run(words, capture_output=True, text=True, check=False)
        if run.returncode != 0:
            raise SystemExit(f"heed: {run.stderr.strip()}")
        last = json.loads(run.stdout.splitlines()[-1])
    return float(last["validation_loss"]), float(last["training_seconds"])


def main() -> int:
    parser = argparse.ArgumentParser(prog="Benchmarks/peers/run --learning", description=__doc__.split("\n\n")[0])
    parser.add_argument("--heed", type=Path, required=True, help="the command heed (run passes it)")
    parser.add_argument("--mkl-preload", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--seeds", default="1,2,3", help="a run of each engine for each of these")
    parser.add_argument("--steps", type=int, default=Recipe.steps)
    parser.add_argument("--json", type=Path, help="write everything measured to this file")
    parser.add_argument("--markdown", type=Path, help="write the table to this file")
    arguments = parser.parse_args()
    recipe = replace(Recipe(), steps=arguments.steps, warmup=min(Recipe.warmup, arguments.steps))
    if not LICENCES.is_dir():
        print(f"{LICENCES} is not on this machine", file=sys.stderr)
        return 1
    import torch

    torch.set_num_threads(arguments.threads)
    text = licence_texts()
    engines = {"PyTorch": Runs(), "Heed": Runs()}
    seeds = [int(seed) for seed in arguments.seeds.split(",")]
    for seed in seeds:
        engines["PyTorch"].add(*train(text, recipe, seed))
        engines["Heed"].add(*train_heed(arguments.heed, arguments.threads, recipe, seed))
        for name, runs in engines.items():
            print(f"seed {seed}, {name}: validation loss {runs.losses[-1]:.4f}, {runs.seconds[-1]:.1f} s", file=sys.stderr)
    lines = table(seeds, engines["PyTorch"], engines["Heed"])
    lines += ["", f"Validation loss after {recipe.steps} steps and seconds of the steps, {arguments.threads} threads, PyTorch {torch.__version__}."]
    print("\n".join(lines))
    if arguments.markdown is not None:
        arguments.markdown.write_text("\n".join(lines) + "\n")
    if arguments.json is not None:
        content = {
            "recipe": asdict(recipe), "seeds": seeds, "runs": {name: asdict(runs) for name, runs in engines.items()},
            "heed_ratio": engines["PyTorch"].mean_seconds / engines["Heed"].mean_seconds,
            "loss_difference_percent": 100 * (engines["Heed"].mean_loss / engines["PyTorch"].mean_loss - 1)}
        arguments.json.write_text(json.dumps(content, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
