import HeedTensor
import HeedTestSupport
import Testing

/// The operands of one attention.
struct AttentionCase: Sendable, CustomStringConvertible {
    var batch = 2
    var heads = 4
    var keyValueHeads = 4
    var queryLength = 33
    var keyLength = 70
    var headDimension = 40
    var valueDimension = 24

    var queries: Tensor { .normal([batch, heads, queryLength, headDimension], seed: 1) }
    var keys: Tensor { .normal([batch, keyValueHeads, keyLength, headDimension], seed: 2) }
    var values: Tensor { .normal([batch, keyValueHeads, keyLength, valueDimension], seed: 3) }
    var scores: Shape { [batch, heads, queryLength, keyLength] }

    var description: String {
        "B \(batch) H \(heads) G \(keyValueHeads) Nq \(queryLength) Nk \(keyLength) D \(headDimension) E \(valueDimension)"
    }
}

/// Whether `algorithm` agrees with the float64 reference within the bound that the engine promises for its own kernels.
func expectAgreement(
    _ queries: Tensor, _ keys: Tensor, _ values: Tensor, mask: AttentionMask = .none, scale: Float? = nil,
    algorithm: AttentionAlgorithm, sourceLocation: SourceLocation = #_sourceLocation
) throws {
    let reference = try referenceAttention(queries: queries, keys: keys, values: values, mask: mask, scale: scale)
    let result = attention(
        queries: queries, keys: keys, values: values, mask: mask, scale: scale, algorithm: algorithm)
    let error = normwiseError(result.elements, reference.output)
    // The naive arm sums in plain loops, for which the bound of the tiled one does not hold.
    let slack = algorithm == .naive ? 4.0 : 1.0
    let bound = slack * (4.5 + reference.largestScore / 16 + Double(queries.shape[-1]) / 128) * floatEpsilon
    #expect(
        error <= bound, "\(algorithm): error \(error / floatEpsilon) eps over \(bound / floatEpsilon)",
        sourceLocation: sourceLocation)
}

@Suite("Attention")
struct AttentionTests {
    static let cases = [
        AttentionCase(),
        AttentionCase(
            batch: 1, heads: 1, keyValueHeads: 1, queryLength: 1, keyLength: 1, headDimension: 1, valueDimension: 1),
        AttentionCase(
            heads: 6, keyValueHeads: 2, queryLength: 65, keyLength: 129, headDimension: 64, valueDimension: 64),
        AttentionCase(
            heads: 5, keyValueHeads: 1, queryLength: 3, keyLength: 200, headDimension: 80, valueDimension: 96),
        AttentionCase(
            batch: 3, heads: 2, keyValueHeads: 2, queryLength: 130, keyLength: 7, headDimension: 7, valueDimension: 3),
    ]

    @Test(arguments: cases, AttentionAlgorithm.allCases)
    func agreesWithTheReference(_ shapes: AttentionCase, algorithm: AttentionAlgorithm) throws {
        try expectAgreement(shapes.queries, shapes.keys, shapes.values, algorithm: algorithm)
        try expectAgreement(
            shapes.queries, shapes.keys, shapes.values, mask: .causal(), scale: 0.3, algorithm: algorithm)
    }

    @Test func theScaleIsOneOverTheRootOfTheHeadDimension() {
        let shapes = AttentionCase(headDimension: 16, valueDimension: 9)
        #expect(
            haveSameBits(
                attention(queries: shapes.queries, keys: shapes.keys, values: shapes.values),
                attention(queries: shapes.queries, keys: shapes.keys, values: shapes.values, scale: 0.25)))
    }

    @Test func groupedQueriesEqualRepeatedKeys() {
        let shapes = AttentionCase(heads: 6, keyValueHeads: 2)
        let grouped = attention(queries: shapes.queries, keys: shapes.keys, values: shapes.values)
        let full = attention(
            queries: shapes.queries, keys: shapes.keys.repeatedHeads(3), values: shapes.values.repeatedHeads(3))
        #expect(haveSameBits(grouped, full))
    }

    @Test(arguments: AttentionAlgorithm.allCases)
    func viewsGiveTheBitsOfTheirCopies(algorithm: AttentionAlgorithm) {
        // Queries, keys and values side by side in one packed tensor, batch-length-head.
        let packed = Tensor.normal([2, 50, 3 * 4 * 16], seed: 4)
        func part(_ index: Int) -> Tensor {
            packed.slice(axis: 2, range: index * 64..<(index + 1) * 64).reshaped([2, 50, 4, 16]).transposed(1, 2)
        }
        #expect(part(1).sharesStorage(with: packed), "no copy was made")
        let viewed = attention(
            queries: part(0), keys: part(1), values: part(2), mask: .causal(), algorithm: algorithm)
        let copied = attention(
            queries: part(0).contiguous(), keys: part(1).contiguous(), values: part(2).contiguous(), mask: .causal(),
            algorithm: algorithm)
        #expect(haveSameBits(viewed, copied))

        // Transposed innermost axes, and keys broadcast over the batch.
        let keys = Tensor.normal([1, 4, 16, 50], seed: 5).transposed().broadcast(to: [2, 4, 50, 16])
        let values = Tensor.normal([2, 4, 16, 50], seed: 6).transposed()
        #expect(
            haveSameBits(
                attention(queries: part(0), keys: keys, values: values, algorithm: algorithm),
                attention(queries: part(0), keys: keys.contiguous(), values: values.contiguous(), algorithm: algorithm))
        )
    }

    @Test func lowerRanksAreOneHeadAndOneEntry() {
        let shapes = AttentionCase(batch: 3, heads: 1, keyValueHeads: 1)
        let full = attention(queries: shapes.queries, keys: shapes.keys, values: shapes.values)
        let rank3 = attention(
            queries: shapes.queries.removingAxis(1), keys: shapes.keys.removingAxis(1),
            values: shapes.values.removingAxis(1))
        #expect(haveSameBits(full.removingAxis(1), rank3))
        let rank2 = attention(
            queries: shapes.queries[1..<2, 0..<1].reshaped([33, 40]),
            keys: shapes.keys[1..<2, 0..<1].reshaped([70, 40]),
            values: shapes.values[1..<2, 0..<1].reshaped([70, 24]))
        #expect(
            haveSameBits(rank3.selecting(axis: 0, index: 1), rank2), "an entry alone has the bits it has in its batch")
    }

    @Test func emptySizesGiveEmptyOrZeroResults() {
        func run(_ batch: Int, _ queries: Int, _ keys: Int, _ dimension: Int) -> Tensor {
            attention(
                queries: .normal([batch, 2, queries, dimension], seed: 1),
                keys: .normal([batch, 2, keys, dimension], seed: 2),
                values: .normal([batch, 2, keys, 5], seed: 3))
        }
        #expect(run(0, 3, 4, 8).shape == [0, 2, 3, 5])
        #expect(run(1, 0, 4, 8).shape == [1, 2, 0, 5])
        #expect(run(1, 3, 0, 8) == Tensor.zeros([1, 2, 3, 5]), "no keys, nothing attended")
        #expect(run(1, 1, 1, 0).elements == Tensor.normal([1, 2, 1, 5], seed: 3).elements, "one key gives its value")
    }

    @Test func detailsHoldLogSumExpAndWeights() throws {
        let shapes = AttentionCase(heads: 4, keyValueHeads: 2)
        let mask = AttentionMask.all([.causal(offset: 20), .padding(lengths: [70, 9])])
        let reference = try referenceAttention(
            queries: shapes.queries, keys: shapes.keys, values: shapes.values, mask: mask, includingWeights: true)
        let details = attentionDetails(
            queries: shapes.queries, keys: shapes.keys, values: shapes.values, mask: mask, includingWeights: true)
        let weights = try #require(details.weights)
        #expect(weights.shape == shapes.scores && details.logSumExp.shape == [2, 4, 33])
        #expect(normwiseError(weights.elements, try #require(reference.weights)) < 8 * floatEpsilon)
        #expect(normwiseError(details.logSumExp.elements, reference.logSumExp) < 8 * floatEpsilon)
        #expect(normwiseError(details.output.elements, reference.output) < 8 * floatEpsilon)
        #expect(
            normwiseError(matmul(weights, shapes.values.repeatedHeads(2)).elements, reference.output) < 8 * floatEpsilon
        )
        let tiled = attentionDetails(
            queries: shapes.queries, keys: shapes.keys, values: shapes.values, mask: mask, algorithm: .tiled)
        #expect(tiled.weights == nil)
        #expect(normwiseError(tiled.logSumExp.elements, reference.logSumExp) < 8 * floatEpsilon)
    }
}

extension Tensor {
    /// Every head `times` times, side by side: `[B, G, N, C]` to `[B, G * times, N, C]`.
    func repeatedHeads(_ times: Int) -> Tensor {
        let sizes = shape.dimensions
        return insertingAxis(2).broadcast(to: Shape([sizes[0], sizes[1], times, sizes[2], sizes[3]]))
            .reshaped(Shape([sizes[0], sizes[1] * times, sizes[2], sizes[3]]))
    }
}
