"""What was measured, round by round, and what follows from it."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field

from cases import Case
from processes import Timing


@dataclass
class CaseResult:
    """One case: for every engine that could do it, a timing per round."""

    case: Case
    timings: dict[str, list[Timing]] = field(default_factory=dict)
    variants: dict[str, str] = field(default_factory=dict)

    @property
    def peers(self) -> list[str]:
        return [name for name in self.timings if name != "heed"]

    def seconds(self, engine: str) -> float | None:
        """The median over the rounds; None where the engine was left out."""
        if engine not in self.timings:
            return None
        return statistics.median(timing.seconds for timing in self.timings[engine])

    def ratio(self, *peers: str) -> float | None:
        """How many times as fast as the fastest of these peers Heed is: the median of the ratios within the rounds."""
        there = [name for name in peers if name in self.timings]
        if "heed" not in self.timings or not there:
            return None
        return statistics.median(
            min(self.timings[name][turn].seconds for name in there) / timing.seconds
            for turn, timing in enumerate(self.timings["heed"]))

    @property
    def best_peer(self) -> str | None:
        return min(self.peers, key=lambda name: self.seconds(name), default=None)

    def share_of_limit(self, engine: str) -> float | None:
        """The machine's limit as Heed read it in the same round, over the engine's time."""
        if engine not in self.timings or "heed" not in self.timings:
            return None
        return statistics.median(
            limit.limit_seconds / timing.seconds
            for limit, timing in zip(self.timings["heed"], self.timings[engine], strict=True))

    def peak_bytes(self, engine: str) -> int | None:
        """The most memory of all rounds; None where it was not read."""
        return max((timing.peak_bytes for timing in self.timings.get(engine, []) if timing.peak_bytes is not None), default=None)

    def memory_ratio(self, peer: str) -> float | None:
        """How many times as much memory as Heed a peer takes."""
        heed, other = self.peak_bytes("heed"), self.peak_bytes(peer)
        return None if not heed or other is None else other / heed

    def to_json(self) -> dict[str, object]:
        engines = {
            name: {
                "variant": self.variants[name], "median_seconds": self.seconds(name),
                "seconds": [timing.seconds for timing in timings],
                "minimum_seconds": min(timing.minimum for timing in timings), "share_of_limit": self.share_of_limit(name),
                "peak_bytes": self.peak_bytes(name),
                "heed_ratio": None if name == "heed" else self.ratio(name)}
            for name, timings in self.timings.items()}
        best = {"best_peer": self.best_peer, "heed_ratio_to_best": self.ratio(*self.peers)}
        limit = "read bandwidth" if self.case.cold else "multiply-add peak"
        return {
            "case": self.case.to_json(), "operations": self.case.operations, "limit": limit, "engines": engines, **best}


@dataclass
class Comparison:
    """A whole run."""

    # Name to title and to version, Heed last.
    engines: dict[str, str]
    versions: dict[str, str]
    left_out: dict[str, str]
    machine: str
    threads: int
    rounds: int
    date: str
    results: list[CaseResult] = field(default_factory=list)

    def to_json(self) -> dict[str, object]:
        return {
            "machine": self.machine, "threads": self.threads, "rounds": self.rounds, "date": self.date,
            "engines": self.engines, "versions": self.versions, "left_out": self.left_out,
            "cases": [result.to_json() for result in self.results]}
