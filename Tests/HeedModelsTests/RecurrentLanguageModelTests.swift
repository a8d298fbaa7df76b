import HeedAutograd
import HeedModels
import HeedNN
import HeedTensor
import HeedTestSupport
import Testing

@Suite("Recurrent language models of every cell")
struct RecurrentLanguageModelTests {
    static let vocabulary = 7, hidden = 6

    static func model(_ cell: RecurrentKind, embeddingSize: Int?, layers: Int = 2) throws -> RecurrentLanguageModel {
        var random = RandomGenerator(seed: 3)
        return try RecurrentLanguageModel(
            RecurrentLanguageModelSettings(
                vocabularySize: vocabulary, embeddingSize: embeddingSize, hiddenSize: hidden, layers: layers,
                cell: cell),
            using: &random)
    }

    static let ids = IndexTensor([0, 3, 6, 2, 5, 1, 1, 4, 0, 6], shape: [2, 5])

    @Test(arguments: [(RecurrentKind.rnn(), "rnn"), (.gru(), "gru"), (.gru(resetAfter: false), "gru"), (.lstm, "lstm")])
    func parametersHavePyTorchsNames(_ cell: RecurrentKind, _ name: String) throws {
        let layer = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"].map { "\(name).\($0)_l0" }
        let model = try Self.model(cell, embeddingSize: 4, layers: 1)
        #expect(model.parameters.map(\.name) == ["tokens.weight"] + layer + ["output.weight", "output.bias"])
        let oneHot = try Self.model(cell, embeddingSize: nil, layers: 1)
        #expect(oneHot.parameters.map(\.name) == layer + ["output.weight", "output.bias"])
        #expect(oneHot.parameters[0].parameter.shape == [cell.gates * Self.hidden, Self.vocabulary])
    }

    /// Reading one-hot is reading a table that is the identity matrix, bit for bit.
    @Test(arguments: RecurrentKind.allCases)
    func oneHotInputReadsColumnsOfTheInputWeight(_ cell: RecurrentKind) throws {
        let oneHot = try Self.model(cell, embeddingSize: nil)
        var embedded = try Self.model(cell, embeddingSize: Self.vocabulary)
        let weights = oneHot.weights
        embedded.forEachParameter { name, parameter in
            parameter.value = weights[name] ?? .identity(Self.vocabulary)
        }
        let logits = oneHot.logits(Self.ids, recurrentState: [], in: Context())
        let expected = embedded.logits(Self.ids, recurrentState: [], in: Context())
        #expect(haveSameBits(logits.logits.value, expected.logits.value))
        #expect(zip(logits.recurrentState, expected.recurrentState).allSatisfy { haveSameBits($0, $1) })
    }

    /// Windows that hand on their state give the bits of one, and the state has the shapes that the model tells.
    @Test(arguments: RecurrentKind.allCases, [nil, 4])
    func stretchesThatCarryTheStateHaveTheBitsOfOne(_ cell: RecurrentKind, _ embeddingSize: Int?) throws {
        let model = try Self.model(cell, embeddingSize: embeddingSize)
        let whole = model.logits(Self.ids, recurrentState: [], in: Context())
        var state: [Tensor] = []
        for range in [0..<2, 2..<3, 3..<5] {
            let part = model.logits(
                Self.ids.slice(axis: 1, range: range).contiguous(), recurrentState: state, in: Context())
            state = part.recurrentState
            #expect(
                haveSameBits(part.logits.value, whole.logits.value.slice(axis: 1, range: range).contiguous()),
                "\(range)")
            #expect(state.map(\.shape) == model.recurrentStateShapes(batch: 2))
        }
        #expect(state.count == (cell == .lstm ? 2 : 1))
    }

    /// Gradients are those of differences along a direction.
    @Test(arguments: [RecurrentKind.rnn(), .gru(), .gru(resetAfter: false), .lstm], [nil, 4])
    func gradientsAreRight(_ cell: RecurrentKind, _ embeddingSize: Int?) throws {
        let model = try Self.model(cell, embeddingSize: embeddingSize)
        let targets = IndexTensor([3, 6, 2, 5, 0, 1, 4, 0, 6, 3], shape: [2, 5])
        let fault = faultInGradients(of: model) { model, context in
            crossEntropy(model.logits(Self.ids, recurrentState: [], in: context).logits, targets: targets)
        }
        #expect(fault == nil)
    }

    @Test func whatIsWrongIsNamed() throws {
        func check(_ change: (inout RecurrentLanguageModelSettings) -> Void) throws {
            var settings = RecurrentLanguageModelSettings(
                vocabularySize: 5, embeddingSize: nil, hiddenSize: 4, layers: 1, cell: .gru())
            change(&settings)
            try settings.check()
        }
        try check { _ in }
        #expect(throws: ModelError("embedding size is 0, not at least 1")) { try check { $0.embeddingSize = 0 } }
        #expect(throws: ModelError("vocabulary size is 0, not at least 1")) { try check { $0.vocabularySize = 0 } }
        #expect(throws: ModelError.self) { try check { $0.hiddenSize = 1 << 40 } }
        #expect(throws: ModelError.self) { try check { $0.vocabularySize = 1 << 40 } }
        #expect(throws: ModelError.self) { try check { $0.layers = Int.max } }
    }
}
