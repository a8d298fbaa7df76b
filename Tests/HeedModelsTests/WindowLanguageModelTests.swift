import Foundation
import HeedAutograd
import HeedModels
import HeedNN
import HeedTensor
import HeedTestSupport
import Testing

@Suite("A language model over a fixed window")
struct WindowLanguageModelTests {
    static let vocabulary = 7

    static func model(window: Int) throws -> WindowLanguageModel {
        var random = RandomGenerator(seed: 4)
        return try WindowLanguageModel(
            WindowLanguageModelSettings(vocabularySize: vocabulary, window: window, embeddingSize: 3, hiddenSize: 5),
            using: &random)
    }

    static let ids = IndexTensor([0, 3, 6, 2, 5, 1, 1, 4, 0, 6], shape: [2, 5])

    /// The paper's formula by hand, with padding before the beginning.
    @Test(arguments: 1...6)
    func logitsAreThoseOfTheFormula(_ window: Int) throws {
        let model = try Self.model(window: window)
        let weights = model.weights
        let logits = model.logits(Self.ids, recurrentState: [], in: Context()).logits.value
        #expect(logits.shape == [2, 5, Self.vocabulary])
        #expect(
            model.parameters.map(\.name) == [
                "tokens.weight", "hidden.weight", "hidden.bias", "output.weight", "output.bias",
            ])
        func row(_ name: String, _ index: Int) throws -> [Double] {
            try #require(weights[name]).selecting(axis: 0, index: index).elements.map { Double($0) }
        }
        func vector(_ name: String) throws -> [Double] { try #require(weights[name]).elements.map { Double($0) } }
        for sequence in 0..<2 {
            let text = Self.ids.selecting(axis: 0, index: sequence).elements.map { Int($0) }
            for place in text.indices {
                let x = try (place - window + 1...place).flatMap {
                    try row("tokens.weight", $0 < 0 ? Self.vocabulary : text[$0])
                }
                let bias = try vector("hidden.bias")
                let hidden = try bias.indices.map { unit in
                    tanh(zip(try row("hidden.weight", unit), x).reduce(bias[unit]) { $0 + $1.0 * $1.1 })
                }
                let output = try vector("output.bias")
                let expected = try output.indices.map { token in
                    zip(try row("output.weight", token), hidden).reduce(output[token]) { $0 + $1.0 * $1.1 }
                }
                let given = logits.selecting(axis: 0, index: sequence).selecting(axis: 0, index: place).elements
                #expect(normwiseError(given, expected) < 1e-6, "\(sequence), \(place)")
            }
        }
    }

    @Test(arguments: 1...6)
    func stretchesThatCarryTheStateHaveTheBitsOfOne(_ window: Int) throws {
        let model = try Self.model(window: window)
        let whole = model.logits(Self.ids, recurrentState: [], in: Context()).logits.value
        var state: [Tensor] = []
        for range in [0..<2, 2..<3, 3..<5] {
            let part = model.logits(
                Self.ids.slice(axis: 1, range: range).contiguous(), recurrentState: state, in: Context())
            state = part.recurrentState
            #expect(haveSameBits(part.logits.value, whole.slice(axis: 1, range: range).contiguous()), "\(range)")
            #expect(state.map(\.shape) == model.recurrentStateShapes(batch: 2))
        }
    }

    /// A state from a file may hold anything.
    @Test func numbersThatAreNoTokensArePadding() throws {
        let model = try Self.model(window: 4)
        let expected = model.logits(Self.ids, recurrentState: [], in: Context()).logits.value
        for number: Float in [.nan, .infinity, -1, 7, 1e30] {
            let given = model.logits(Self.ids, recurrentState: [.filled([2, 3], with: number)], in: Context())
            #expect(haveSameBits(given.logits.value, expected), "\(number)")
        }
    }

    @Test func gradientsAreRight() throws {
        let targets = IndexTensor([3, 6, 2, 5, 0, 1, 4, 0, 6, 3], shape: [2, 5])
        let fault = faultInGradients(of: try Self.model(window: 3)) { model, context in
            crossEntropy(model.logits(Self.ids, recurrentState: [], in: context).logits, targets: targets)
        }
        #expect(fault == nil)
    }

    @Test func whatIsWrongIsNamed() throws {
        func check(_ change: (inout WindowLanguageModelSettings) -> Void) throws {
            var settings = WindowLanguageModelSettings(
                vocabularySize: 5, window: 3, embeddingSize: 2, hiddenSize: 4)
            change(&settings)
            try settings.check()
        }
        try check { _ in }
        #expect(throws: ModelError("window is 0, not at least 1")) { try check { $0.window = 0 } }
        #expect(throws: ModelError("vocabulary size is 16777216, not below 16777216")) {
            try check { $0.vocabularySize = 1 << 24 }
        }
        #expect(throws: ModelError.self) { try check { $0.window = Int.max } }
        #expect(throws: ModelError.self) { try check { $0.dropout = 1 } }
    }
}
