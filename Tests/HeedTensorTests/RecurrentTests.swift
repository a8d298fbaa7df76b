import HeedTensor
import HeedTestSupport
import Testing

@Suite("Recurrent layers")
struct RecurrentTests {
    private static let (batch, time, inputs, hiddenSize) = (3, 5, 4, 9)

    private func weights(_ kind: RecurrentKind, inputs: Int, seed: UInt64) -> RecurrentWeights {
        let rows = kind.gates * Self.hiddenSize
        return RecurrentWeights(
            inputWeight: .normal([rows, inputs], seed: seed),
            hiddenWeight: .normal([rows, Self.hiddenSize], seed: seed + 1),
            inputBias: .normal([rows], seed: seed + 2), hiddenBias: .normal([rows], seed: seed + 3))
    }

    private func layers(_ kind: RecurrentKind) -> [[RecurrentWeights]] {
        [
            [weights(kind, inputs: Self.inputs, seed: 1), weights(kind, inputs: Self.inputs, seed: 11)],
            [
                weights(kind, inputs: 2 * Self.hiddenSize, seed: 21),
                weights(kind, inputs: 2 * Self.hiddenSize, seed: 31),
            ],
        ]
    }

    @Test(arguments: RecurrentKind.allCases)
    func aSequenceAloneHasTheBitsItHasInABatch(kind: RecurrentKind) {
        let input = Tensor.normal([Self.batch, Self.time, Self.inputs], seed: 3)
        let hidden = Tensor.normal([4, Self.batch, Self.hiddenSize], seed: 4)
        let lengths = [4, 5, 2]
        let all = recurrent(kind, input, layers: layers(kind), hidden: hidden, lengths: lengths)
        #expect(all.output.shape == [Self.batch, Self.time, 2 * Self.hiddenSize])
        #expect(all.hidden.shape == [4, Self.batch, Self.hiddenSize])
        #expect((all.cell != nil) == (kind == .lstm))
        for (index, length) in lengths.enumerated() {
            let alone = recurrent(
                kind, input[index..<index + 1, 0..<length], layers: layers(kind),
                hidden: hidden.slice(axis: 1, range: index..<index + 1))
            #expect(haveSameBits(all.output[index..<index + 1, 0..<length].contiguous(), alone.output))
            #expect(haveSameBits(all.hidden.slice(axis: 1, range: index..<index + 1).contiguous(), alone.hidden))
            #expect(all.output[index..<index + 1, length..<Self.time].elements.allSatisfy { $0 == 0 })
        }
    }

    @Test(arguments: RecurrentKind.allCases)
    func stepsThatCarryTheStateHaveTheBitsOfTheWhole(kind: RecurrentKind) {
        let weights = weights(kind, inputs: Self.inputs, seed: 5)
        let input = Tensor.normal([Self.batch, Self.time, Self.inputs], seed: 6)
        let whole = recurrent(kind, input, layers: [[weights]])
        var (h, c): (Tensor?, Tensor?) = (nil, nil)
        for step in 0..<Self.time {
            // A view that is not contiguous, read in place.
            let result = recurrent(
                kind, input.slice(axis: 1, range: step..<step + 1), layers: [[weights]], hidden: h, cell: c)
            #expect(haveSameBits(whole.output.slice(axis: 1, range: step..<step + 1).contiguous(), result.output))
            (h, c) = (result.hidden, result.cell)
        }
        #expect(h.map { haveSameBits($0, whole.hidden) } == true)
    }

    @Test(arguments: RecurrentKind.allCases)
    func packedWeightsAndViewsGiveTheSameBits(kind: RecurrentKind) throws {
        let weights = weights(kind, inputs: Self.inputs, seed: 7)
        let input = Tensor.normal([Self.time, Self.inputs, Self.batch], seed: 8).permuted([2, 0, 1])
        let copied = try RecurrentCall(kind, input.contiguous(), weights: weights)
        let viewed = try RecurrentCall(kind, input, weights: weights, packed: PackedRecurrentWeights(kind, weights))
        var (first, second) = (Tensor.zeros(copied.outputShape), Tensor.zeros(copied.outputShape))
        var none: Tensor?
        try copied.run(into: &first, reserve: &none)
        try viewed.run(into: &second, reserve: &none)
        #expect(haveSameBits(first, second))
    }

    /// The derivative of a projection of all results along a direction in the inputs, by differences.
    @Test(arguments: RecurrentKind.allCases.filter { $0 != .rnn(.relu) })
    func gradientsOfAStackAgreeWithDifferences(kind: RecurrentKind) throws {
        var layers = layers(kind)
        for layer in layers.indices {
            for side in layers[layer].indices {
                layers[layer][side].inputWeight = layers[layer][side].inputWeight * Tensor(0.3)
                layers[layer][side].hiddenWeight = layers[layer][side].hiddenWeight * Tensor(0.3)
            }
        }
        let input = Tensor.normal([Self.batch, Self.time, Self.inputs], seed: 9)
        let direction = Tensor.normal(input.shape, seed: 10)
        let lengths = [4, 5, 2]
        let outputGradients = RecurrentOutputGradients(
            output: .normal([Self.batch, Self.time, 2 * Self.hiddenSize], seed: 12),
            hidden: .normal([4, Self.batch, Self.hiddenSize], seed: 13))
        func projection(_ scale: Float) throws -> Double {
            var stack = try RecurrentStack(kind, input + direction * Tensor(scale), layers: layers, lengths: lengths)
            let result = try stack.run()
            return product(result.output, outputGradients.output) + product(result.hidden, outputGradients.hidden)
        }
        func product(_ left: Tensor, _ right: Tensor?) -> Double {
            zip(left.elements, right?.elements ?? []).reduce(0) { $0 + Double($1.0) * Double($1.1) }
        }
        var stack = try RecurrentStack(kind, input, layers: layers, lengths: lengths)
        _ = try stack.run()
        let gradients = try stack.gradients(outputGradients)
        let expected = try (projection(0x1p-7) - projection(-0x1p-7)) * 0x1p6
        #expect(abs(product(direction, gradients.input) - expected) < 2e-3 * (abs(expected) + 1))
        // Nothing comes back from behind a sequence's end.
        for (index, length) in lengths.enumerated() {
            #expect(gradients.input[index..<index + 1, length..<Self.time].elements.allSatisfy { $0 == 0 })
        }
    }

    @Test func wrongShapesThrow() {
        let good = weights(.lstm, inputs: 4, seed: 1)
        let input = Tensor.zeros([2, 3, 4])
        #expect(throws: TensorError.self) { try RecurrentCall(.gru(), input, weights: good) }
        #expect(throws: TensorError.self) { try RecurrentCall(.lstm, Tensor.zeros([2, 3, 5]), weights: good) }
        #expect(throws: TensorError.self) { try RecurrentCall(.lstm, Tensor.zeros([3, 4]), weights: good) }
        #expect(throws: TensorError.self) { try RecurrentCall(.lstm, input, weights: good, hidden: .zeros([3, 9])) }
        #expect(throws: TensorError.self) { try RecurrentCall(.lstm, input, weights: good, lengths: [3]) }
        #expect(throws: TensorError.self) { try RecurrentCall(.lstm, input, weights: good, lengths: [3, 4]) }
        #expect(throws: TensorError.self) { try RecurrentCall(.lstm, input, weights: good, lengths: [3, -1]) }
        #expect(throws: TensorError.self) { try RecurrentStack(.lstm, input, layers: []) }
        #expect(throws: TensorError.self) { try RecurrentStack(.lstm, input, layers: [[good, good, good]]) }
        #expect(throws: TensorError.self) { try RecurrentStack(.lstm, input, layers: [[good], [good]]).runOnce() }
    }
}

extension RecurrentStack {
    /// As `run`, of a copy.
    fileprivate func runOnce() throws(TensorError) -> RecurrentResult {
        var stack = self
        return try stack.run()
    }
}
