import ArgumentParser
import Foundation
import Heed

/// `heed bench train`: optimiser steps of a model.
struct BenchTrain: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Measure training steps: forward, backward, clipping and AdamW, on random tokens.",
        discussion: """
            char-gpt has 6 layers, width 384, 6 heads, length 256, 65 tokens, batch 8. gpt2-124m has GPT-2's \
            smallest dimensions, length 256, batch 2. char-gpt-small has 4 layers, width 128, 4 heads, length 64, \
            batch 12: nanoGPT's recipe for a CPU. char-lstm has 2 layers, hidden and embedding 256, length 128, 65 \
            tokens, batch 32. seq2seq-bahdanau (LSTM encoder and decoder of one layer, \
            hidden and embedding 256, additive attention) and translator (a Transformer of 3 + 3 layers, width 256, 8 heads, feed-forward 1024) have \
            8000 tokens on each side, length 20, batch 64; tokens per second are those of the targets. Work is \
            counted as 6 operations per token and parameter used in products, and attention over the pairs that are \
            seen. The machine's peak is measured between the repetitions. The overhead is the share of a step in \
            which none of the engine's kernels runs; --profile shows the time of the kernels.
            """
    )

    @Option(help: "The model: \(TrainProblem.allCases.map(\.rawValue).joined(separator: ", ")).")
    var model = TrainProblem.charGPT

    @Option(whole: .repeats, help: "Repetitions, 1 to 10000.")
    var repeats = 9

    @Flag(help: "Show the time of each kernel per step.")
    var profile = false

    @OptionGroup(title: "General") var common: CommonOptions

    func run() throws {
        try common.apply()
        let surroundings = Surroundings.current
        let before = ResidentMemory.now
        Progress.show("making the model ...")
        do {
            let steps = try model.makeSteps()
            // The first steps allocate memory; the third is like every later one.
            for _ in 0..<2 { try steps.take() }
            let begin = ContinuousClock.now
            try steps.take()
            let runs = Stopwatch.runsPerTurn(ofSeconds: begin.secondsUntilNow)
            var kernels = StepProfile()
            let arm = Stopwatch.Arm(runsPerTurn: runs) { runs throws(CommandFailure) in
                Progress.show(model.rawValue)
                KernelProfile.start()
                let begin = ContinuousClock.now
                do {
                    for _ in 0..<runs { try steps.take() }
                } catch {
                    throw .workFailed("\(error)")
                }
                let seconds = begin.secondsUntilNow
                kernels.add(steps: runs, seconds: seconds, KernelProfile.stop())
                return seconds / Double(runs)
            }
            let timing = try Stopwatch(repeats: repeats) { ElementType.float32.readPeak() }.measure([arm])[0]
            Progress.erase()
            try report(
                timing, kernels, parameterCount: steps.parameterCount,
                peakBytes: max(0, ResidentMemory.peak - before), surroundings)
        } catch let failure as CommandFailure {
            throw failure
        } catch {
            throw CommandFailure.workFailed("\(error)")
        }
    }

    private func report(
        _ timing: Stopwatch.Timing, _ kernels: StepProfile, parameterCount: Int, peakBytes: Int,
        _ surroundings: Surroundings
    ) throws(CommandFailure) {
        let work = model.operationsPerStep / 1e9
        let tokens = Double(model.tokensPerStep) / timing.medianSeconds
        let percent = timing.percent(ofWork: work)
        guard common.json else {
            try Console.printLine(surroundings.description)
            try Console.printLine(
                "\(model.rawValue): \(Units.seconds(timing.medianSeconds)) a step, \(Units.significant(tokens)) tokens/s, "
                    + "\(Units.significant(work / timing.medianSeconds)) GFLOP/s, \(Units.format("%.1f", percent)) % of the peak of "
                    + "\(Units.significant(timing.medianYardstick)), \(Units.bytes(Double(peakBytes))) of memory, "
                    + "\(Units.format("%.1f", 100 * kernels.overheadShare)) % outside kernels")
            if profile { for line in kernels.lines { try Console.printLine(line) } }
            if let busy = surroundings.busyness([timing]).line { try Console.printLine("\n\(busy)") }
            return
        }
        var line: JSONObject = [
            "bench": "train",
            "model": .string(model.rawValue),
            "parameters": JSONValue(parameterCount),
            "median_seconds": JSONValue(timing.medianSeconds),
            "min_seconds": JSONValue(timing.minimumSeconds),
            "best_third_seconds": JSONValue(timing.bestThirdSeconds),
            "seconds_per_step": JSONValue(timing.medianSeconds),
            "tokens_per_second": JSONValue(tokens),
            "gflops": JSONValue(work / timing.medianSeconds),
            "percent_of_peak": JSONValue(percent),
            "peak_gflops": JSONValue(timing.medianYardstick),
            "peak_bytes": JSONValue(peakBytes),
            "repeats": JSONValue(timing.seconds.count),
            "overhead_share": JSONValue(kernels.overheadShare),
        ]
        if profile { line["profile"] = kernels.json }
        try Console.printLine(JSONWriter.string(surroundings.completing(line, [timing])))
    }
}
