import ArgumentParser
import Heed

/// `heed bench generate`: a prompt at once, then a token at a time.
struct BenchGenerate: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "generate",
        abstract:
            "Measure a language model that reads a prompt (prefill) and then writes one token at a time (decode).",
        discussion: """
            gpt2-124m has GPT-2's smallest dimensions and random weights; a folder is one that heed train wrote. \
            Weights are packed before anything is timed. Prefill counts the operations that are done: products and \
            attention of the prompt's tokens, and in the last block and the output layer only those of the last \
            token. Decode counts the bytes that a token reads, weights and cache, and compares them with a read of \
            the same memory in the same run. Tokens are random. A prompt that the model cannot see at once is cut. \
            The overhead is the time of a token in which none of the engine's kernels runs, without the choice of \
            the next token.
            """
    )

    @Option(help: ArgumentHelp("gpt2-124m, or the folder of a model.", valueName: "model"))
    var model = "gpt2-124m"

    @Option(whole: 1...BenchGenerate.most, help: "Number of tokens of the prompt.")
    var promptLength = 512

    @Option(whole: 1...BenchGenerate.most, help: "Number of tokens to write after it.")
    var newTokens = 32

    @Option(whole: 1...BenchGenerate.most, help: "Number of sequences to write at the same time.")
    var sequences = 1

    @Option(help: "Element type of the weights: f32 or bf16.")
    var dtype = ElementType.float32

    @Option(whole: .repeats, help: "Repetitions, 1 to 10000.")
    var repeats = 9

    @OptionGroup(title: "General") var common: CommonOptions

    /// More tokens or sequences than this are a typing mistake.
    private static let most = 1 << 20

    func run() throws {
        try common.apply()
        let surroundings = Surroundings.current
        let stopwatch = GenerateStopwatch(
            model: model, promptLength: promptLength, newTokens: newTokens, sequences: sequences, elementType: dtype,
            repeats: repeats)
        Progress.show("making the model ...")
        let measured = try measure(stopwatch)
        Progress.erase()
        guard common.json else {
            try Console.printLine(surroundings.description)
            for line in measured.lines { try Console.printLine(line) }
            let busyness = surroundings.busyness([measured.prefill], [measured.decode])
            if let busy = busyness.line { try Console.printLine("\n\(busy)") }
            return
        }
        try Console.printLine(JSONWriter.string(measured.json(in: surroundings)))
    }

    private func measure(_ stopwatch: GenerateStopwatch) throws(CommandFailure) -> GenerateMeasurement {
        guard model == "gpt2-124m" else { return try TrainedModel.use(inFolder: model, stopwatch) }
        do {
            var random = RandomGenerator(seed: 1)
            return try stopwatch.measure(GPT(.gpt2Small, using: &random).packed(as: dtype))
        } catch let failure as CommandFailure {
            throw failure
        } catch {
            throw .workFailed("\(error)")
        }
    }
}
