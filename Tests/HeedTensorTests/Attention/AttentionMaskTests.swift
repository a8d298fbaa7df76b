import HeedTensor
import HeedTestSupport
import Testing

@Suite("Attention masks")
struct AttentionMaskTests {
    let shapes = AttentionCase(
        batch: 2, heads: 3, keyValueHeads: 3, queryLength: 21, keyLength: 34, headDimension: 16, valueDimension: 8)

    private func attend(_ mask: AttentionMask, _ algorithm: AttentionAlgorithm = .automatic) -> Tensor {
        attention(queries: shapes.queries, keys: shapes.keys, values: shapes.values, mask: mask, algorithm: algorithm)
    }

    /// A boolean mask of the whole scores, from what it says about batch entry, head, query and key.
    private func boolean(_ allows: (Int, Int, Int, Int) -> Bool) -> BooleanTensor {
        var elements: [Bool] = []
        for b in 0..<2 {
            for h in 0..<3 { for i in 0..<21 { for j in 0..<34 { elements.append(allows(b, h, i, j)) } } }
        }
        return BooleanTensor(elements, shape: shapes.scores)
    }

    @Test(arguments: AttentionAlgorithm.allCases) func everyMaskAgreesWithTheReference(_ algorithm: AttentionAlgorithm)
        throws
    {
        let masks: [AttentionMask] = [
            .causal(), .causal(offset: 0), .causal(offset: -3), .causal(offset: 100), .padding(lengths: [34, 5]),
            .padding(lengths: [0, 1]), .boolean(.random([21, 34], share: 0.5, seed: 7)),
            .boolean(.random([2, 1, 1, 34], share: 0.5, seed: 8)), .additive(.normal([3, 1, 34], seed: 9)),
            .all([
                .causal(), .padding(lengths: [30, 20]), .boolean(.random([34], share: 0.8, seed: 10)),
                .additive(.normal([21, 1], seed: 11)),
            ]),
        ]
        for mask in masks {
            try expectAgreement(shapes.queries, shapes.keys, shapes.values, mask: mask, algorithm: algorithm)
        }
    }

    // Every mask must give the bits of the boolean mask that hides the same.

    @Test func causalAlignsAtTheLowerRightUnlessToldOtherwise() {
        #expect(haveSameBits(attend(.causal()), attend(.boolean(boolean { _, _, i, j in j <= i + 13 }))))
        #expect(haveSameBits(attend(.causal(offset: 0)), attend(.boolean(boolean { _, _, i, j in j <= i }))))
        #expect(haveSameBits(attend(.causal(offset: -4)), attend(.boolean(boolean { _, _, i, j in j <= i - 4 }))))
    }

    @Test func paddingHidesTheKeysBehindEachLength() {
        #expect(
            haveSameBits(
                attend(.padding(lengths: [10, 34])), attend(.boolean(boolean { b, _, _, j in j < [10, 34][b] }))))
        #expect(
            attend(.padding(lengths: [0, 3])).selecting(axis: 0, index: 0) == Tensor.zeros([3, 21, 8]),
            "an entry without keys is zeros")
    }

    @Test func additiveMinusInfinityHides() {
        let visible = BooleanTensor.random([3, 21, 34], share: 0.6, seed: 12)
        let additive = Tensor(visible.elements.map { $0 ? 0 : -.infinity }, shape: visible.shape)
        #expect(haveSameBits(attend(.boolean(visible)), attend(.additive(additive))))
    }

    @Test func combinationsAllowWhatEachAllows() {
        let first = BooleanTensor.random([2, 1, 21, 1], share: 0.8, seed: 13)
        let second = BooleanTensor.random([3, 1, 34], share: 0.6, seed: 14)
        let both = boolean { b, h, i, j in
            first[b, 0, i, 0] && second[h, 0, j] && j <= i + 2 && j < [20, 30][b]
        }
        let joined = AttentionMask.all([
            .boolean(first), .causal(offset: 7), .all([.boolean(second), .padding(lengths: [20, 34])]), .none,
            .causal(offset: 2), .padding(lengths: [25, 30]),
        ])
        #expect(haveSameBits(attend(joined), attend(.boolean(both))))
        #expect(haveSameBits(attend(.all([])), attend(.none)))
    }

    @Test func additiveMasksAreAddedAndSaturate() {
        let half = Tensor.normal([21, 1], seed: 15)
        let twice = Tensor(half.elements.map { $0 + $0 }, shape: half.shape)
        #expect(haveSameBits(attend(.all([.additive(half), .additive(half)])), attend(.additive(twice))))

        // Two of the lowest floats are a number still: a row of only those is uniform. Minus infinity hides whatever is
        // added.
        let lowest = Tensor.filled([34], with: -.greatestFiniteMagnitude)
        #expect(haveSameBits(attend(.all([.additive(lowest), .additive(lowest)])), attend(.additive(lowest))))
        var hiding = Tensor.zeros([34])
        for key in 0..<30 { hiding[key] = -.infinity }
        let large = Tensor.filled([34], with: .infinity)
        #expect(
            haveSameBits(
                attend(.all([.additive(hiding), .additive(Tensor.zeros([34]))])), attend(.additive(hiding))))
        var saved = large
        for key in 30..<34 { saved[key] = 0 }
        #expect(
            haveSameBits(attend(.all([.additive(saved), .additive(hiding)])), attend(.additive(hiding))),
            "plus infinity under minus infinity stays hidden")
    }

    @Test(arguments: AttentionAlgorithm.allCases) func hiddenKeysHaveNoEffect(_ algorithm: AttentionAlgorithm) {
        var keys = shapes.keys
        var values = shapes.values
        for head in 0..<3 {
            for key in 30..<34 {
                keys[1, head, key, 0] = .nan
                values[1, head, key, 0] = .infinity
            }
        }
        let mask = AttentionMask.padding(lengths: [34, 30])
        let poisoned = attention(queries: shapes.queries, keys: keys, values: values, mask: mask, algorithm: algorithm)
        #expect(haveSameBits(poisoned, attend(mask, algorithm)))
    }
}
