import HeedAutograd
import HeedTensor
import HeedTestSupport
import Testing

@Suite("Gradients of sequence kernels")
struct SequenceGradientTests {
    static let masks: [AttentionMask] = [
        .none, .causal(), .slidingWindow(size: 2), .padding(lengths: [3, 0]),
        .boolean(
            BooleanTensor(
                [true, false, true, true, false, false, false, false, false, true, true, true], shape: [3, 4])),
        .all([.causal(), .padding(lengths: [4, 2])]),
    ]

    @Test(arguments: masks.indices) func attentionThroughEveryMask(number: Int) {
        let mask = Self.masks[number]
        let queries = Tensor.normal([2, 4, 3, 5], seed: 1)
        let keys = Tensor.spreadNormal([2, 2, 4, 5], seed: 2)
        let values = Tensor.normal([2, 4, 2, 3], seed: 3).transposed(1, 2)
        for algorithm in [AttentionAlgorithm.automatic, .materialized, .naive] {
            GradientCase("attention \(algorithm)", [queries, keys, values]) {
                attention(queries: $0[0], keys: $0[1], values: $0[2], mask: mask, scale: 0.4, algorithm: algorithm)
            }.check()
        }
        for shape in [[4, 3, 4], [4], [2, 1, 3, 1]] as [Shape] {
            GradientCase("attention, bias", [queries, keys, values, .normal(shape, seed: 4)]) {
                attention(queries: $0[0], keys: $0[1], values: $0[2], mask: mask, bias: $0[3])
            }.check()
        }
    }

    @Test func attentionOfLowerRanks() {
        GradientCase("attention", [.normal([3, 4], seed: 5), .normal([2, 4], seed: 6), .normal([2, 3], seed: 7)]) {
            attention(queries: $0[0], keys: $0[1], values: $0[2])
        }.check()
        GradientCase("self-attention", [.normal([2, 3, 4], seed: 8)]) {
            attention(queries: $0[0], keys: $0[0], values: $0[0], mask: .causal())
        }.check()
    }

    /// Heads of queries, keys and values side by side: against differences, and to the bit as parts that are split off.
    @Test(arguments: [(4, 4), (4, 2), (3, 1)]) func attentionOfPackedHeads(heads: Int, keyValueHeads: Int) {
        let (dimension, parts) = (3, heads + 2 * keyValueHeads)
        let input = Tensor.normal([2, 4, parts * dimension], seed: 20)
        for mask in [.none, .causal(), .padding(lengths: [3, 0])] as [AttentionMask] {
            GradientCase("self-attention of \(heads) and \(keyValueHeads) heads", [input]) {
                selfAttention(packed: $0[0], heads: heads, keyValueHeads: keyValueHeads, mask: mask, scale: 0.4)
            }.check()
            for dropout in [nil, AttentionDropout(probability: 0.4, seed: 7)] {
                func gradient(_ function: (Variable) -> Variable) -> (value: Tensor, gradient: Tensor) {
                    let tape = Tape()
                    let leaf = tape.leaf(input)
                    let output = function(leaf)
                    let outputGradient = Tensor.normal(output.shape, seed: 21)
                    return (
                        output.value,
                        tape.gradients(of: output, outputGradient: outputGradient, withRespectTo: [leaf])[0]
                    )
                }
                let whole = gradient {
                    selfAttention(
                        packed: $0, heads: heads, keyValueHeads: keyValueHeads, mask: mask, dropout: dropout)
                }
                let split = gradient { packed in
                    let heads = packed.reshaped([2, 4, parts, dimension]).transposed(1, 2)
                        .split(sizes: [heads, keyValueHeads, keyValueHeads], axis: 1)
                    return attention(
                        queries: heads[0], keys: heads[1], values: heads[2], mask: mask, dropout: dropout
                    ).transposed(1, 2).reshaped([2, 4, heads[0].shape[1] * dimension])
                }
                #expect(haveSameBits(whole.value, split.value))
                #expect(whole.gradient == split.gradient)
            }
        }
    }

    @Test(arguments: RecurrentKind.allCases) func recurrentLayers(kind: RecurrentKind) {
        let (batch, time, inputs, units) = (3, 3, 2, 2)
        let gates = kind.gates
        let tensors = [
            Tensor.normal([time, batch, inputs], seed: 9).transposed(0, 1), Tensor.normal([batch, units], seed: 10),
            Tensor.normal([gates * units, inputs], seed: 11), Tensor.normal([gates * units, units], seed: 12),
            Tensor.positive([gates * units], seed: 13), Tensor.positive([gates * units], seed: 14),
        ]
        let step: Float = kind == .rnn(.relu) ? 0x1p-9 : 0x1p-5
        for (lengths, isReversed) in [(nil, false), ([3, 1, 0], false), ([2, 3, 1], true)] as [([Int]?, Bool)] {
            GradientCase("\(kind) \(lengths ?? [])", tensors, step: step) { v in
                let weights = RecurrentVariables(
                    inputWeight: v[2], hiddenWeight: v[3], inputBias: v[4], hiddenBias: v[5])
                let result = recurrent(kind, v[0], weights, lengths: lengths, hidden: v[1], reversed: isReversed)
                return [result.output, result.hidden]
            }.check(tolerance: kind == .rnn(.relu) ? 5e-3 : 1e-3)
        }
        GradientCase("\(kind) without state or bias", [tensors[0], tensors[2], tensors[3]], step: step) { v in
            recurrent(kind, v[0], RecurrentVariables(inputWeight: v[1], hiddenWeight: v[2])).output
        }.check(tolerance: kind == .rnn(.relu) ? 5e-3 : 1e-3)
    }

    @Test func theCellStateOfAnLSTM() {
        let tensors = [
            Tensor.normal([2, 3, 2], seed: 15), Tensor.normal([2, 2], seed: 16), Tensor.normal([2, 2], seed: 17),
            Tensor.normal([8, 2], seed: 18), Tensor.normal([8, 2], seed: 19),
        ]
        GradientCase("lstm", tensors, step: 0x1p-5) { v in
            let weights = RecurrentVariables(inputWeight: v[3], hiddenWeight: v[4])
            let result = recurrent(.lstm, v[0], weights, hidden: v[1], cell: v[2])
            return [result.output, result.hidden, result.cell ?? result.hidden]
        }.check(tolerance: 1e-3)
        GradientCase("lstm, cell alone", tensors, step: 0x1p-5) { v in
            let weights = RecurrentVariables(inputWeight: v[3], hiddenWeight: v[4])
            let result = recurrent(.lstm, v[0], weights, hidden: v[1], cell: v[2])
            return result.cell ?? result.hidden
        }.check(tolerance: 1e-3)
    }

    /// Twenty thousand steps in one operation, and in as many operations as steps.
    @Test func longSequences() async {
        await #expect(processExitsWith: .success) {
            let time = 20_000
            let input = Tensor.normal([1, time, 2], seed: 20)
            let weights = [Tensor.normal([3, 2], seed: 21) * 0.3, Tensor.normal([3, 3], seed: 22) * 0.3]
            let whole = gradient(
                of: { v in
                    recurrent(.rnn(), Variable(input), RecurrentVariables(inputWeight: v[0], hiddenWeight: v[1]))
                        .output
                        .mean()
                }, at: weights)
            let steps = gradient(
                of: { (v: [Variable]) -> Variable in
                    var state: Variable?
                    var outputs: [Variable] = []
                    for step in 0..<time {
                        let slice = Variable(input).slice(axis: 1, range: step..<step + 1)
                        let result = recurrent(
                            .rnn(), slice, RecurrentVariables(inputWeight: v[0], hiddenWeight: v[1]), hidden: state)
                        state = result.hidden
                        outputs.append(result.output)
                    }
                    return concatenate(outputs, axis: 1).mean()
                }, at: weights)
            for (left, right) in zip(whole, steps) {
                #expect(normwiseError(left.elements, right.elements.map(Double.init)) < 1e-4)
            }
        }
    }

    @Test func wrongShapesStopTheProgram() async {
        await #expect(processExitsWith: .failure) {
            _ = attention(
                queries: Variable(.zeros([2, 3])), keys: Variable(.zeros([2, 4])), values: Variable(.zeros([2, 4])))
        }
        await #expect(processExitsWith: .failure) {
            _ = recurrent(
                .gru(), Variable(.zeros([1, 2, 3])),
                RecurrentVariables(inputWeight: Variable(.zeros([6, 4])), hiddenWeight: Variable(.zeros([6, 2]))))
        }
        await #expect(processExitsWith: .failure) {
            _ = recurrent(
                .gru(), Variable(.zeros([1, 2, 3])),
                RecurrentVariables(inputWeight: Variable(.zeros([6, 3])), hiddenWeight: Variable(.zeros([6, 2]))),
                lengths: [3])
        }
    }
}
