import HeedAutograd
import HeedNN
import HeedTensor
import HeedTestSupport
import Testing

@Suite struct MultiHeadAttentionTests {
    private func layer(_ groups: Int = 4, dropout: Float = 0) -> MultiHeadAttention {
        var generator = RandomGenerator(seed: 3)
        return MultiHeadAttention(
            embeddingSize: 16, heads: 4, keyValueHeads: groups, dropout: dropout, using: &generator)
    }

    @Test func beginsAsPyTorchs() {
        let layer = layer()
        #expect(layer.parameters.map(\.name) == ["in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias"])
        #expect(layer.inputWeight.shape == [48, 16])
        let bound = (6.0 / 64).squareRoot()
        let elements = layer.inputWeight.value.elements.map(Double.init)
        #expect(elements.allSatisfy { abs($0) <= bound })
        #expect(elements.contains { $0 > 0.95 * bound } && elements.contains { $0 < -0.95 * bound })
        #expect(layer.inputBias?.value == .zeros([48]))
        #expect(layer.output.bias?.value == .zeros([16]))
        #expect(layer.output.weight.value.elements.allSatisfy { abs($0) < 0.25 })
        #expect(self.layer(2).inputWeight.shape == [32, 16])
    }

    /// One product for queries, keys and values gives the bits of three.
    @Test(arguments: [4, 2, 1]) func selfCrossAndSeparateAgree(groups: Int) {
        let layer = layer(groups)
        let input = Tensor.normal([2, 5, 16], seed: 4)
        let variable = Variable(input)
        let itself = layer(input, mask: .causal())
        #expect(haveSameBits(layer(input, memory: input, mask: .causal()), itself))
        let separate = layer(variable, keys: variable, values: variable, mask: .causal(), in: Context()).value
        #expect(haveSameBits(separate, itself))
        let (output, weights) = layer.withWeights(
            variable, keys: variable, values: variable, mask: .causal(), in: Context())
        #expect(haveSameBits(output.value, itself))
        #expect(weights.shape == [2, 4, 5, 5])
        let sums = weights.value.sum(axis: -1).elements
        #expect(sums.allSatisfy { abs($0 - 1) < 1e-6 })
        #expect(weights.value.selecting(axis: 2, index: 0).slice(axis: 2, range: 1..<5) == .zeros([2, 4, 4]))
    }

    /// Token by token over a cache, in chunks and at once: the same bits, in a batch and alone.
    @Test(arguments: [4, 2]) func decodingHasTheBitsOfTheWhole(groups: Int) {
        let layer = layer(groups)
        let input = Tensor.normal([2, 7, 16], seed: 4)
        let whole = layer(input, mask: .causal())
        var cache = layer.makeCache(batch: 2)
        var parts = [layer(input.slice(axis: 1, range: 0..<3), cache: &cache)]
        for step in 3..<7 { parts.append(layer(input.slice(axis: 1, range: step..<step + 1), cache: &cache)) }
        #expect(haveSameBits(concatenate(parts, axis: 1), whole))
        #expect(haveSameBits(layer(entry(1, of: input), mask: .causal()), entry(1, of: whole).contiguous()))

        let memory = Tensor.normal([2, 4, 16], seed: 5)
        let mask = AttentionMask.padding(lengths: [4, 2])
        #expect(
            haveSameBits(
                layer(input, memory: layer.makeCache(memory: memory), mask: mask),
                layer(input, memory: memory, mask: mask)))
    }

    /// What padding holds, NaN too, reaches neither outputs nor gradients.
    @Test func paddingHasNoEffect() {
        let layer = layer()
        let input = Tensor.normal([2, 3, 16], seed: 4)
        var memory = Tensor.normal([2, 4, 16], seed: 5)
        func pass(_ memory: Tensor) -> (loss: Tensor, gradients: [Tensor]) {
            valueAndGradient(of: layer) { context in
                layer(Variable(input), memory: Variable(memory), mask: .padding(lengths: [4, 2]), in: context)
                    .squared().sum()
            }
        }
        let before = layer(input, memory: memory, mask: .padding(lengths: [4, 2]))
        let (loss, gradients) = pass(memory)
        for column in 0..<16 { memory[1, 3, column] = 100 }
        let after = pass(memory)
        #expect(haveSameBits(layer(input, memory: memory, mask: .padding(lengths: [4, 2])), before))
        #expect(loss == after.loss)
        for (old, new) in zip(gradients, after.gradients) {
            #expect(normwiseError(new.elements, old.elements.map(Double.init)) < 1e-6)
        }
        // Alone and unpadded.
        let alone = layer(entry(1, of: input), memory: entry(1, of: memory).slice(axis: 1, range: 0..<2))
        #expect(haveSameBits(alone, entry(1, of: before).contiguous()))
        for column in 0..<16 { memory[1, 3, column] = .nan }
        #expect(haveSameBits(layer(input, memory: memory, mask: .padding(lengths: [4, 2])), before))
    }

    /// Weights are dropped in training, the same ones on the way back: differences along a direction tell.
    @Test func dropoutIsDifferentiated() {
        let layer = layer(dropout: 0.4)
        let input = Tensor.normal([2, 5, 16], seed: 4)
        let direction = Tensor.normal([2, 5, 16], seed: 6)
        func value(_ input: Tensor, step: Int = 1) -> Tensor {
            layer(Variable(input), in: Context(training: true, seed: 9, step: step)).squared().sum().value
        }
        #expect(value(input) == value(input))
        #expect(value(input) != value(input, step: 2))
        #expect(layer(input) == self.layer()(input))
        let tape = Tape()
        let leaf = tape.leaf(input)
        let loss = layer(leaf, in: Context(tape: tape, seed: 9, step: 1)).squared().sum()
        let gradient = tape.gradients(of: loss, withRespectTo: [leaf])[0]
        let derivative = (gradient * direction).sum().scalar
        let step: Float = 0x1p-7
        let difference = (value(input + direction * step).scalar - value(input - direction * step).scalar) / (2 * step)
        #expect(abs(derivative - difference) < 0.01 * max(abs(derivative), 1))
    }

    @Test func wrongShapesStopTheProgram() async {
        await #expect(processExitsWith: .failure) {
            var generator = RandomGenerator(seed: 3)
            _ = MultiHeadAttention(embeddingSize: 10, heads: 4, using: &generator)
        }
        await #expect(processExitsWith: .failure) {
            var generator = RandomGenerator(seed: 3)
            _ = MultiHeadAttention(embeddingSize: 8, heads: 4, using: &generator)(Tensor.ones([2, 3, 7]))
        }
        await #expect(processExitsWith: .failure) {
            var generator = RandomGenerator(seed: 3)
            _ = LSTM(inputSize: 3, hiddenSize: 2, using: &generator)(Tensor.ones([2, 3, 4]))
        }
        await #expect(processExitsWith: .failure) {
            var generator = RandomGenerator(seed: 3)
            _ = Linear(inputSize: 3, outputSize: 2, using: &generator)(Tensor.ones([2, 4]))
        }
    }
}

@Suite struct TransformerTests {
    private func settings(normFirst: Bool, activation: Activation = .relu) -> TransformerSettings {
        TransformerSettings(
            embeddingSize: 12, heads: 3, feedForwardSize: 20, dropout: 0.2, activation: activation, normFirst: normFirst
        )
    }

    @Test func namesArePyTorchs() {
        var generator = RandomGenerator(seed: 3)
        let model = Transformer(
            settings(normFirst: false), encoderLayers: 1, decoderLayers: 1, using: &generator)
        let attention = ["in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias"]
        let linear = ["linear1.weight", "linear1.bias", "linear2.weight", "linear2.bias"]
        func norms(_ count: Int) -> [String] { (1...count).flatMap { ["norm\($0).weight", "norm\($0).bias"] } }
        let encoder = attention.map { "self_attn." + $0 } + linear + norms(2)
        let decoder =
            attention.map { "self_attn." + $0 } + attention.map { "multihead_attn." + $0 } + linear + norms(3)
        #expect(
            model.parameters.map(\.name)
                == encoder.map { "encoder.layers.0." + $0 } + ["encoder.norm.weight", "encoder.norm.bias"]
                + decoder.map { "decoder.layers.0." + $0 } + ["decoder.norm.weight", "decoder.norm.bias"])
    }

    /// A decoder that goes token by token gives the bits of the whole target at once; so does one entry of the batch.
    @Test(arguments: [false, true]) func decodingHasTheBitsOfTheWhole(normFirst: Bool) {
        var generator = RandomGenerator(seed: 3)
        let model = TransformerDecoder(settings(normFirst: normFirst), layers: 2, finalNorm: true, using: &generator)
        let target = Tensor.normal([2, 5, 12], seed: 4)
        let memory = Tensor.normal([2, 4, 12], seed: 5)
        let mask = AttentionMask.padding(lengths: [4, 3])
        let whole = model(target, memory: memory, memoryMask: mask)
        var caches = model.makeCaches(memory: memory)
        let parts = (0..<5).map { step in
            model(target.slice(axis: 1, range: step..<step + 1), caches: &caches, memoryMask: mask)
        }
        #expect(haveSameBits(concatenate(parts, axis: 1), whole))
        let alone = model(entry(1, of: target), memory: entry(1, of: memory).slice(axis: 1, range: 0..<3))
        #expect(haveSameBits(alone, entry(1, of: whole).contiguous()))
    }

    /// Recorded without dropout, every layer gives the bits of inference, whether functions were fused or not.
    @Test(arguments: [Activation.relu, .gelu, .silu, .tanh]) func trainingHasTheBitsOfInference(activation: Activation)
    {
        var generator = RandomGenerator(seed: 3)
        let model = TransformerEncoder(
            settings(normFirst: true, activation: activation), layers: 2, finalNorm: true, using: &generator)
        let input = Tensor.normal([2, 5, 12], seed: 4)
        let mask = AttentionMask.padding(lengths: [5, 3])
        let recorded = model(Variable(input), mask: mask, in: Context(tape: Tape(), training: false))
        #expect(haveSameBits(recorded.value, model(input, mask: mask)))
        let first = model(Variable(input), in: Context(training: true, seed: 1, step: 2)).value
        #expect(first == model(Variable(input), in: Context(training: true, seed: 1, step: 2)).value)
        #expect(first != model(input))
    }

    /// What a stream adds in the next norm's pass has the bits of layers that are run one by one, and their gradients.
    @Test(arguments: [true, false]) func aStreamThroughLayersIsTheLayersOneByOne(finalNorm: Bool) {
        var generator = RandomGenerator(seed: 5)
        let model = TransformerEncoder(
            settings(normFirst: true, activation: .gelu), layers: 3, finalNorm: finalNorm, using: &generator)
        let input = Tensor.normal([2, 5, 12], seed: 6)
        func pass(_ run: (Variable, Context) -> Variable) -> (output: Tensor, gradients: [Tensor]) {
            let tape = Tape()
            let context = Context(tape: tape)
            let leaf = tape.leaf(input)
            let output = run(leaf, context)
            let outputGradient = Tensor.normal(output.shape, seed: 7)
            let inputs = [leaf] + model.parameters.map { context.variable($0.parameter) }
            return (output.value, tape.gradients(of: output, outputGradient: outputGradient, withRespectTo: inputs))
        }
        let stream = pass { model($0, mask: .causal(), in: $1) }
        let oneByOne = pass { input, context in
            let value = model.layers.reduce(input) { $1($0, mask: .causal(), in: context) }
            return model.norm.map { $0(value, in: context) } ?? value
        }
        #expect(haveSameBits(stream.output, oneByOne.output))
        #expect(stream.gradients.count == 1 + model.parameters.count)
        for (one, other) in zip(stream.gradients, oneByOne.gradients) {
            let scale = other.magnitude().elements.max() ?? 0
            #expect((one - other).magnitude().elements.allSatisfy { $0 <= 2e-6 * scale })
        }
    }
}
