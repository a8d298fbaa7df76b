import HeedTensor
import HeedTestSupport
import Testing

@Suite("Attention backward")
struct AttentionBackwardTests {
    private static let sizes = AttentionCase(
        heads: 6, keyValueHeads: 2, queryLength: 65, keyLength: 70, headDimension: 40, valueDimension: 24)

    private static func call(
        _ sizes: AttentionCase, mask: AttentionMask = .none, dropout: AttentionDropout? = nil
    ) throws -> AttentionCall {
        try AttentionCall(
            queries: sizes.queries, keys: sizes.keys, values: sizes.values, mask: mask, dropout: dropout)
    }

    @Test(arguments: AttentionAlgorithm.allCases)
    func `gradients agree with float64`(algorithm: AttentionAlgorithm) throws {
        let sizes = Self.sizes
        let bias = Tensor.normal([1, 6, 65, 1], seed: 4)
        let masks: [AttentionMask] = [
            .none, .causal(), .padding(lengths: [50, 70]), .additive(bias),
            .all([.additive(bias), .causal(offset: 3)]),
        ]
        for mask in masks {
            for dropout in [nil, AttentionDropout(probability: 0.25, seed: 11, offset: 5)] {
                let call = try Self.call(sizes, mask: mask, dropout: dropout)
                let outputGradient = Tensor.normal([2, 6, 24, 65], seed: 5).transposed()
                let (output, logSumExp) = try call.outputAndLogSumExp(algorithm)
                let hasBias = if case .additive = mask { true } else { false }
                let gradients = try call.gradients(
                    output: output, logSumExp: logSumExp, outputGradient: outputGradient,
                    wanted: hasBias ? [.operands, .additive] : .operands, algorithm: algorithm)
                let reference = try call.referenceGradients(outputGradient: outputGradient)
                #expect(normwiseError(try #require(gradients.queries).elements, reference.queries) < 2e-6)
                #expect(normwiseError(try #require(gradients.keys).elements, reference.keys) < 2e-6)
                #expect(normwiseError(try #require(gradients.values).elements, reference.values) < 2e-6)
                #expect(gradients.additive?.shape == (hasBias ? bias.shape : nil))
            }
        }
    }

    @Test func `the gradient of a mask is summed over what it was broadcast along`() throws {
        let sizes = Self.sizes
        for shape: Shape in [[2, 6, 65, 70], [1, 6, 65, 70], [65, 70], [2, 1, 1, 70], [1, 1, 1, 70]] {
            let call = try Self.call(sizes, mask: .additive(.normal(shape, seed: 6)))
            let outputGradient = Tensor.normal(call.outputShape, seed: 7)
            let (output, logSumExp) = try call.outputAndLogSumExp(.automatic)
            let gradients = try call.gradients(
                output: output, logSumExp: logSumExp, outputGradient: outputGradient, wanted: .additive)
            let additive = try #require(gradients.additive)
            #expect(additive.shape == shape && gradients.queries == nil && gradients.keys == nil)
            let reference = try call.referenceGradients(outputGradient: outputGradient)
            #expect(normwiseError(additive.elements, reference.additive) < 2e-6, "\(shape)")
        }
    }

    @Test func `the functions give what the call gives`() throws {
        let sizes = Self.sizes
        let dropout = AttentionDropout(probability: 0.5, seed: 3)
        let forward = attentionForTraining(
            queries: sizes.queries, keys: sizes.keys, values: sizes.values, mask: .causal(), dropout: dropout)
        let outputGradient = Tensor.ones([24]).broadcast(to: forward.output.shape)
        let gradients = attentionBackward(
            queries: sizes.queries, keys: sizes.keys, values: sizes.values, mask: .causal(), dropout: dropout,
            output: forward.output, logSumExp: forward.logSumExp, outputGradient: outputGradient)
        let call = try Self.call(sizes, mask: .causal(), dropout: dropout)
        let same = try call.gradients(
            output: forward.output, logSumExp: forward.logSumExp, outputGradient: outputGradient.contiguous())
        #expect(gradients.queries?.elements == same.queries?.elements)
        #expect(gradients.keys?.elements == same.keys?.elements)
        #expect(gradients.values?.elements == same.values?.elements)
        let plain = attentionForTraining(
            queries: sizes.queries, keys: sizes.keys, values: sizes.values, mask: .causal())
        #expect(plain.output.elements != forward.output.elements)
        #expect(plain.logSumExp.elements == forward.logSumExp.elements)
    }

    @Test func `wrong shapes and probabilities throw`() throws {
        let sizes = Self.sizes
        #expect(throws: TensorError.self) {
            try Self.call(sizes, dropout: AttentionDropout(probability: 1, seed: 0))
        }
        #expect(throws: TensorError.self) {
            try Self.call(sizes, dropout: AttentionDropout(probability: .nan, seed: 0))
        }
        let call = try Self.call(sizes)
        let (output, logSumExp) = try call.outputAndLogSumExp(.automatic)
        #expect(throws: TensorError.self) {
            try call.gradients(output: output, logSumExp: logSumExp, outputGradient: .zeros([2, 6, 65, 23]))
        }
        #expect(throws: TensorError.self) {
            try call.gradients(output: output, logSumExp: .zeros([2, 6, 64]), outputGradient: output)
        }
        #expect(throws: TensorError.self) {
            try call.gradients(output: output, logSumExp: logSumExp, outputGradient: output, wanted: .additive)
        }
    }
}
