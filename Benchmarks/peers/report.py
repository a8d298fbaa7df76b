"""The comparison as a table, for the terminal and for Markdown."""

from __future__ import annotations

from results import CaseResult, Comparison
from training_cases import Training


def duration(seconds: float | None) -> str:
    """Three significant digits in the unit that suits them."""
    if seconds is None:
        return "-"
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        if seconds * factor >= 1 or unit == "us":
            value = seconds * factor
            return f"{value:.{0 if value >= 100 else 1 if value >= 10 else 2}f} {unit}"
    return "-"


def memory(size: int | None) -> str:
    """Megabytes, or gigabytes with two decimals."""
    if size is None:
        return "-"
    return f"{size / 1e6:.0f} MB" if size < 1e9 else f"{size / 1e9:.2f} GB"


def _with(time: str, value: float | None, form: str) -> str:
    """A time with a number behind it."""
    return time if value is None else f"{time} ({form.format(value)})"


def table(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """Headings and rows: Heed's time and its share of the limit, each peer's time and how many times as fast Heed is."""
    peers = [name for name in comparison.engines if name != "heed"]
    headings = ["work", "Heed", *(comparison.engines[name] for name in peers), "Heed to the best"]

    def row(result: CaseResult) -> list[str]:
        best = result.ratio(*result.peers)
        return [
            result.case.description,
            _with(duration(result.seconds("heed")), result.share_of_limit("heed"), "{:.0%}"),
            *(_with(duration(result.seconds(name)), result.ratio(name), "{:.2f}x") for name in peers),
            "-" if best is None else f"{best:.2f}x"]

    return headings, [row(result) for result in comparison.results]


def memory_table(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """Of models that were trained: Heed's peak memory, each peer's and how many times Heed's that is."""
    peers = [name for name in comparison.engines if name != "heed"]
    headings = ["peak memory", "Heed", *(comparison.engines[name] for name in peers)]
    rows = [
        [result.case.description, memory(result.peak_bytes("heed")),
         *(_with(memory(result.peak_bytes(name)), result.memory_ratio(name), "{:.2f}x") for name in peers)]
        for result in comparison.results if result.peak_bytes("heed") is not None and isinstance(result.case, Training)]
    return headings, rows


def _tables(comparison: Comparison) -> list[tuple[list[str], list[list[str]]]]:
    return [each for each in (table(comparison), memory_table(comparison)) if each[1]]


def _aligned(headings: list[str], rows: list[list[str]]) -> str:
    every = [headings, *rows]
    widths = [max(len(row[index]) for row in every) for index in range(len(headings))]

    def line(row: list[str]) -> str:
        cells = zip(row, widths, strict=True)
        return "  ".join([cell.rjust(width) if index else cell.ljust(width) for index, (cell, width) in enumerate(cells)])

    return "\n".join(line(row) for row in every)


def text(comparison: Comparison) -> str:
    return "\n\n".join([*(_aligned(*each) for each in _tables(comparison)), "\n".join(_notes(comparison))])


def _grid(headings: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(headings) + " |", "|---" + "|---:" * (len(headings) - 1) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def markdown(comparison: Comparison) -> str:
    return "\n\n".join([*(_grid(*each) for each in _tables(comparison)), "<br>\n".join(_notes(comparison))]) + "\n"


def _notes(comparison: Comparison) -> list[str]:
    threads = f"{comparison.threads} thread{'s' if comparison.threads != 1 else ''}"
    versions = ", ".join(f"{title} {comparison.versions[name]}" for name, title in comparison.engines.items())
    trained = [isinstance(result.case, Training) for result in comparison.results]
    heads = "" if all(trained) else "attention with 8 heads, "
    notes = [
        f"{comparison.machine}, {threads}, {heads}float32, {comparison.rounds} interleaved rounds, {comparison.date}: {versions}."
        + ("" if all(trained) else " Decode is one query over caches in turn, from memory."),
        "Behind Heed's time its share of the multiply-add peak (of decode: of the bandwidth of a read), behind a peer's "
        "how many times as fast Heed is: the median of the ratios within the rounds."]
    if any(trained):
        notes.append(
            "Of a model: a step of forward, backward, clipping and AdamW on random tokens. Peak memory is the most that the process held in RAM "
            "above what it held before the model was made; a peer has trained a small one of the kind by then, which loads its libraries.")
    behind = [result.case.description for result in comparison.results if (result.ratio(*result.peers) or 1) < 1]
    if behind:
        notes.append(f"A peer is ahead of Heed in: {'; '.join(behind)}.")
    notes += [f"Left out: {engine}: {reason}" for engine, reason in comparison.left_out.items()]
    return notes
