import HeedAutograd
import HeedModels
import HeedNN
import HeedTensor

/// A language model in use, whatever its type, for ``TrainedLanguageModel``. Tokens are checked before they come here,
/// except those of ``tokens(after:limit:sampler:seed:endingAt:)``.
protocol AnyLanguageModelEngine: Sendable {
    var module: any LanguageModel { get }

    func tokens(
        after prompt: [Int32], limit: Int, sampler: TokenSampler, seed: UInt64, endingAt ends: Set<Int32>
    ) throws(ModelError) -> AsyncThrowingStream<Int32, any Error>

    func logits(after tokens: [Int32]) -> Tensor

    func logProbabilities(of tokens: [Int32], from first: Int) throws(ModelError) -> [Double]
}

struct LanguageModelEngine<Model: LanguageModel>: AnyLanguageModelEngine {
    private let model: Model
    private let generator: TextGenerator<Model.Packed>

    init(_ model: Model, _ generator: TextGenerator<Model.Packed>) {
        (self.model, self.generator) = (model, generator)
    }

    var module: any LanguageModel { model }

    func tokens(
        after prompt: [Int32], limit: Int, sampler: TokenSampler, seed: UInt64, endingAt ends: Set<Int32>
    ) throws(ModelError) -> AsyncThrowingStream<Int32, any Error> {
        try generator.tokens(after: prompt, limit: limit, sampler: sampler, seed: seed, endingAt: ends)
    }

    func logits(after tokens: [Int32]) -> Tensor {
        var states = [generator.model.makeDecodingState()]
        var workspace = InferenceWorkspace()
        var next = SequenceTokens()
        next.append(tokens)
        generator.model.nextLogits(next, &states, &workspace)
        return workspace.logits.reshaped([model.vocabularySize])
    }

    /// Tokens of a recurrent model that are judged at once: their logits take memory.
    private static var stretch: Int { 512 }

    func logProbabilities(of tokens: [Int32], from first: Int) throws(ModelError) -> [Double] {
        let inputs = tokens.count - 1
        if let contextLength = model.contextLength, inputs > contextLength { return try byStep(tokens, from: first) }
        let stretch = model.contextLength == nil ? Self.stretch : inputs
        var logProbabilities: [Double] = []
        var recurrentState: [Tensor] = []
        for begin in stride(from: 0, to: inputs, by: stretch) {
            let count = min(stretch, inputs - begin)
            let ids = IndexTensor(Array(tokens[begin..<begin + count]), shape: [1, count])
            let targets = IndexTensor(Array(tokens[begin + 1...begin + count]), shape: [1, count])
            let result = model.logits(ids, recurrentState: recurrentState, in: Context())
            recurrentState = result.recurrentState
            logProbabilities += Self.logProbabilities(of: targets, result.logits)
        }
        return Array(logProbabilities[(first - 1)...])
    }

    /// Computes a text beyond the context token by token, as it would be written, so that the same tokens are
    /// forgotten.
    private func byStep(_ tokens: [Int32], from first: Int) throws(ModelError) -> [Double] {
        let packed = try model.packed(as: .float32)
        var states = [packed.makeDecodingState()]
        var workspace = InferenceWorkspace()
        var next = SequenceTokens()
        next.append(Array(tokens[..<first]))
        var logProbabilities: [Double] = []
        for place in first..<tokens.count {
            packed.nextLogits(next, &states, &workspace)
            logProbabilities += Self.logProbabilities(
                of: IndexTensor([tokens[place]], shape: [1]), Variable(workspace.logits))
            next.removeAll()
            next.append(tokens[place])
        }
        return logProbabilities
    }

    private static func logProbabilities(of targets: IndexTensor, _ logits: Variable) -> [Double] {
        crossEntropy(logits, targets: targets, reduction: .none).value.elements.map { -Double($0) }
    }
}
