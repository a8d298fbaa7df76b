import HeedTensor
import HeedTestSupport
import Testing

@Suite("Scored attention") struct ScoredAttentionTests {
    private static func tensor(_ shape: Shape, _ seed: Float) -> Tensor {
        Tensor((0..<shape.count).map { 0.7 * Float(($0 * 37 + Int(seed) * 11) % 23) / 23 - 0.3 }, shape: shape)
    }

    private let queries = Self.tensor([2, 3, 4], 1)
    private let keys = Self.tensor([2, 5, 6], 2)
    private let values = Self.tensor([2, 5, 7], 3)
    private let additive = AttentionScore.additive(
        queryWeight: Self.tensor([8, 4], 4), keyWeight: Self.tensor([8, 6], 5), scoreWeight: Self.tensor([8], 6))

    @Test func generalIsSoftmaxOfProducts() {
        let weight = Self.tensor([4, 6], 7)
        let (output, weights) = scoredAttention(
            queries: queries, keys: keys, values: values, score: .general(weight: weight))
        let expected = softmax(matmul(matmul(queries, weight), keys.transposed(1, 2)))
        for (first, second) in zip(weights.elements, expected.elements) { #expect(abs(first - second) < 1e-6) }
        for (first, second) in zip(output.elements, matmul(expected, values).elements) {
            #expect(abs(first - second) < 1e-6)
        }
    }

    @Test func hiddenKeysAndEmptySequencesGiveZeros() {
        var keys = keys
        keys[0, 4, 0] = .nan
        let (output, weights) = scoredAttention(
            queries: queries, keys: keys, values: values, lengths: [4, 0], score: additive)
        #expect(output.elements.allSatisfy { $0.isFinite })
        #expect(weights[0, 0, 4] == 0)
        #expect(output.slice(axis: 0, range: 1..<2).elements.allSatisfy { $0 == 0 })
    }

    @Test func preparedKeysGiveTheSameBits() throws {
        guard case .additive(_, let keyWeight, _) = additive else { return }
        let prepared = try PreparedAttentionKeys(keys, weight: keyWeight)
        let whole = try ScoredAttentionCall(
            queries: queries, keys: .sequences(keys), values: values, lengths: [5, 3], score: additive)
        let stepwise = try ScoredAttentionCall(
            queries: queries, keys: .prepared(prepared), values: values, lengths: [5, 3], score: additive)
        let (first, second) = (try whole.forward(), try stepwise.forward())
        #expect(first.output.elements == second.output.elements)
        let gradient = Self.tensor([2, 3, 7], 8)
        let all = try whole.backward(
            outputGradient: gradient, weights: first.weights,
            wanted: [.queries, .keys, .values, .weights])
        let part = try stepwise.backward(
            outputGradient: gradient, weights: second.weights, wanted: [.queries, .values])
        #expect(all.queries?.elements == part.queries?.elements)
        #expect(all.keys != nil && all.keyWeight != nil && part.keys == nil && part.scoreWeight == nil)
    }

    @Test func shapesThatDoNotFitAreRefused() {
        #expect(throws: TensorError.self) {
            try ScoredAttentionCall(queries: queries, keys: .sequences(keys), values: values, score: .dot)
        }
        #expect(throws: TensorError.self) {
            try ScoredAttentionCall(
                queries: queries, keys: .sequences(keys), values: values, lengths: [6, 1], score: additive)
        }
        #expect(throws: TensorError.self) {
            try ScoredAttentionCall(
                queries: queries, keys: .sequences(keys), values: Self.tensor([2, 4, 7], 1), score: additive)
        }
    }
}
