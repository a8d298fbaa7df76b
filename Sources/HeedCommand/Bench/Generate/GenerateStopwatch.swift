import Heed

/// Times a packed language model: prompts at once, compared with the machine's peak, and tokens one by one, compared
/// with a read of the same memory.
struct GenerateStopwatch: LanguageModelUse {
    let model: String
    let promptLength: Int
    let newTokens: Int
    let sequences: Int
    let elementType: ElementType
    let repeats: Int

    func use<Model: LanguageModel>(
        _ model: Model, _ vocabulary: LanguageVocabulary
    ) throws -> GenerateMeasurement where Model.Packed: MeasuredLanguageModel {
        try measure(model.packed(as: elementType))
    }

    func measure(_ model: some MeasuredLanguageModel) throws(CommandFailure) -> GenerateMeasurement {
        let (prompt, new) = try lengths(model.contextLength)
        try requireMemory(model, prompt: prompt, new: new)
        var random = RandomGenerator(seed: 2)
        let drawn = (0..<sequences).map { _ in
            (0..<prompt + new).map { _ in Int32(random.below(model.vocabularySize)) }
        }
        let run = Run(model, drawn.map { Array($0[..<prompt]) }, drawn.map { Array($0[prompt...]) })
        // The first run allocates memory; the second is like every later one.
        run.prefill()
        run.decode()
        let memory = model.memory(run.states)
        let stepBytes = (1...new).map { Double(model.stateByteCount(tokens: prompt + $0)) }.reduce(0, +) / Double(new)

        let prefillRuns = Stopwatch.runsPerTurn(ofSeconds: Self.seconds { run.prefill() })
        let elementType = elementType
        let prefill = try Stopwatch(repeats: repeats) { elementType.readPeak() }.measure([
            Stopwatch.Arm(runsPerTurn: prefillRuns) { runs in
                Progress.show("\(self.model): prefill")
                return Self.seconds { for _ in 0..<runs { run.prefill() } } / Double(runs)
            }
        ])[0]
        var kernels = StepProfile()
        // Every turn begins after the prompt, whose reading does not count.
        let decode = try Stopwatch(repeats: repeats) { () throws(CommandFailure) in
            Progress.show("reading")
            do throws(TensorError) { return try HeedRuntime.measureRead(of: memory) } catch {
                throw .workFailed(error.description)
            }
        }.measure([
            Stopwatch.Arm(runsPerTurn: decodeRuns(run)) { runs in
                Progress.show("\(self.model): decode")
                return (0..<runs).reduce(0) { sum, _ in
                    run.prefill()
                    KernelProfile.start()
                    let seconds = Self.seconds { run.decode() }
                    kernels.add(steps: new, seconds: seconds, KernelProfile.stop())
                    return sum + seconds
                } / Double(runs * new)
            }
        ])[0]
        return GenerateMeasurement(
            model: self.model, elementType: elementType, promptLength: prompt, newTokens: new, sequences: sequences,
            prefill: prefill, decode: decode, decodeKernels: kernels,
            operations: model.operations(prompt: prompt) * Double(sequences),
            stepBytes: Double(model.weightByteCount) + stepBytes * Double(sequences),
            weightBytes: model.weightByteCount)
    }

    /// Refuses sizes that cannot fit in memory, before any is allocated. Sizes that pass may still be too large.
    private func requireMemory(
        _ model: some MeasuredLanguageModel, prompt: Int, new: Int
    ) throws(CommandFailure) {
        let chunk = KeyValueCache.chunkLength
        let state = model.stateByteCount(tokens: (prompt + new + chunk - 1) / chunk * chunk)
        let tokens = 3 * MemoryLayout<Int32>.stride * (prompt + new) + model.rowByteCount * prompt
        let bytes = Double(sequences) * (Double(state) + Double(tokens)) + Double(model.weightByteCount)
        // The weights are allocated already.
        try MemoryBudget.now.require(
            bytes - Double(model.weightByteCount), "\(sequences) sequences of \(prompt + new) tokens need")
    }

    private func decodeRuns(_ run: Run<some MeasuredLanguageModel>) -> Int {
        run.prefill()
        return Stopwatch.runsPerTurn(ofSeconds: Self.seconds { run.decode() })
    }

    /// Returns the lengths of prompt and new tokens, cut to the model's context.
    private func lengths(_ context: Int?) throws(CommandFailure) -> (prompt: Int, new: Int) {
        guard let context, promptLength + newTokens > context else { return (promptLength, newTokens) }
        guard context > 1 else { throw .workFailed("the model sees one token at a time: there is no prompt to read") }
        let new = min(newTokens, context - 1)
        return (min(promptLength, context - new), new)
    }

    private static func seconds(_ body: () -> Void) -> Double {
        let begin = ContinuousClock.now
        body()
        return begin.secondsUntilNow
    }

    /// The model with its sequences, and the memory that it reuses.
    private final class Run<Model: MeasuredLanguageModel> {
        private let model: Model
        private let prompts: SequenceTokens
        private let steps: [SequenceTokens]
        private(set) var states: [Model.DecodingState] = []
        private var workspace = InferenceWorkspace()

        init(_ model: Model, _ prompts: [[Int32]], _ new: [[Int32]]) {
            self.model = model
            var all = SequenceTokens()
            for prompt in prompts { all.append(prompt) }
            self.prompts = all
            steps = (new.first ?? []).indices.map { position in
                var step = SequenceTokens()
                for tokens in new { step.append(tokens[position]) }
                return step
            }
        }

        func prefill() {
            states.removeAll(keepingCapacity: true)
            for _ in prompts.counts { states.append(model.makeDecodingState()) }
            model.nextLogits(prompts, &states, &workspace)
        }

        func decode() {
            for tokens in steps { model.nextLogits(tokens, &states, &workspace) }
        }
    }
}
