"""Trains the same small GPT in PyTorch and in Heed, on the same text with the same recipe, and compares what they learn and how long it takes.

    Benchmarks/peers/run --learning [--seeds 1,2,3] [--steps 2000] [--json FILE]

The text is that of the licences in /usr/share/common-licenses, which every Debian machine has; the last tenth of it is held back for the
validation loss. Runs take turns, so that a clock that drifts drifts for both.
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
    arguments = parser.parse_args()
    recipe = replace(Recipe(), steps=arguments.steps, warmup=min(Recipe.warmup, arguments.steps))
    if not LICENCES.is_dir():
        print(f"{LICENCES} is not on this machine", file=sys.stderr)
        return 1
    import torch

    torch.set_num_threads(arguments.threads)
    text = licence_texts()
    engines = {"PyTorch": Runs(), "Heed": Runs()}
    for seed in map(int, arguments.seeds.split(",")):
        engines["PyTorch"].add(*train(text, recipe, seed))
        engines["Heed"].add(*train_heed(arguments.heed, arguments.threads, recipe, seed))
        for name, runs in engines.items():
            print(f"seed {seed}, {name}: validation loss {runs.losses[-1]:.4f}, {runs.seconds[-1]:.1f} s", file=sys.stderr)
    means = {name: statistics.mean(runs.losses) for name, runs in engines.items()}
    ratio = statistics.median(
        torch_seconds / heed_seconds
        for torch_seconds, heed_seconds in zip(engines["PyTorch"].seconds, engines["Heed"].seconds, strict=True))
    difference = 100 * (means["Heed"] / means["PyTorch"] - 1)
    print(f"mean validation loss: PyTorch {means['PyTorch']:.4f}, Heed {means['Heed']:.4f} ({difference:+.2f} %)")
    print(f"Heed is {ratio:.2f} times as fast as PyTorch {torch.__version__}")
    if arguments.json is not None:
        measured = {name: asdict(runs) for name, runs in engines.items()}
        content = {"recipe": asdict(recipe), "runs": measured, "heed_ratio": ratio, "loss_difference_percent": difference}
        arguments.json.write_text(json.dumps(content, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
