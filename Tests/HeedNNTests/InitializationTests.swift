import HeedNN
import HeedTensor
import HeedTestSupport
import Testing

@Suite struct InitializationTests {
    /// Mean, variance and extremes of many numbers.
    private func moments(_ tensor: Tensor) -> (mean: Double, variance: Double, smallest: Float, largest: Float) {
        let elements = tensor.elements
        let count = Double(elements.count)
        let mean = elements.reduce(0) { $0 + Double($1) } / count
        let variance = elements.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / count
        return (mean, variance, elements.min() ?? 0, elements.max() ?? 0)
    }

    private func expectUniform(_ tensor: Tensor, bound: Double) {
        let found = moments(tensor)
        let error = 5 * bound / Double(tensor.count).squareRoot()
        #expect(abs(found.mean) < error)
        #expect(abs(found.variance / (bound * bound / 3) - 1) < 5 / Double(tensor.count).squareRoot())
        #expect(Double(found.smallest) >= -bound && Double(found.largest) < bound)
        #expect(Double(found.largest) > bound * (1 - 20 / Double(tensor.count)))
    }

    @Test func distributionsHaveTheirMoments() {
        var generator = RandomGenerator(seed: 11)
        expectUniform(Initialization.uniform(bound: 0.25)([20000], using: &generator), bound: 0.25)
        expectUniform(Initialization.xavierUniform([100, 200], using: &generator), bound: (6.0 / 300).squareRoot())
        // Of a convolution [out, in, height, width] the window counts.
        expectUniform(
            Initialization.xavierUniform([40, 20, 5, 5], using: &generator), bound: (6.0 / (60 * 25)).squareRoot())
        let slope = Float(5).squareRoot()
        expectUniform(
            Initialization.kaimingUniform(slope: slope)([100, 64, 3], using: &generator),
            bound: (1.0 / 192).squareRoot() * (1 + 1e-6))
        let normal = moments(Initialization.normal(standardDeviation: 0.5)([40000], using: &generator))
        #expect(abs(normal.mean) < 0.0125)
        #expect(abs(normal.variance / 0.25 - 1) < 0.04)
        #expect(normal.largest > 1.5 && normal.smallest < -1.5)
        #expect(Initialization.constant(3)([2, 2], using: &generator) == .filled([2, 2], with: 3))
    }

    @Test func aLinearLayerBeginsAsPyTorchs() {
        var generator = RandomGenerator(seed: 12)
        let layer = Linear(inputSize: 64, outputSize: 300, using: &generator)
        expectUniform(layer.weight.value, bound: 0.125)
        #expect(layer.bias.map { $0.value.elements.allSatisfy { abs($0) < 0.125 } } == true)
        #expect(Linear(inputSize: 3, outputSize: 2, bias: false, using: &generator).bias == nil)
    }

    @Test func theSameSeedGivesTheSameNumbers() {
        func draw(_ seed: UInt64) -> [Tensor] {
            var generator = RandomGenerator(seed: seed)
            // What is drawn one by one does not meet what is drawn at once.
            _ = generator.next()
            let first = Tensor.uniform([70], in: 0..<1, using: &generator)
            _ = generator.next()
            return [first, Tensor.normal([3, 65], using: &generator), .uniform([2], in: 0..<1, using: &generator)]
        }
        #expect(draw(5) == draw(5))
        #expect(draw(5)[0] != draw(6)[0])
        let all = draw(5).flatMap(\.elements)
        #expect(Set(all).count == all.count)
        var generator = RandomGenerator(seed: 5)
        _ = Tensor.uniform([65], in: 0..<1, using: &generator)
        #expect(generator.position == 128)
    }

    // In a process of its own: the default source is everybody's.
    @Test func layersDrawFromTheDefaultSourceWhereNoneIsGiven() async {
        await #expect(processExitsWith: .success) {
            func layers() -> [any Module] {
                let settings = TransformerSettings(embeddingSize: 4, heads: 2, feedForwardSize: 6)
                return [
                    Linear(inputSize: 4, outputSize: 2), Linear(inputSize: 4, outputSize: 2),
                    Embedding(vocabularySize: 5, embeddingSize: 3), LearnedPosition(contextLength: 3, embeddingSize: 2),
                    Conv1D(inputChannels: 2, outputChannels: 3, kernelSize: 3),
                    Conv2D(inputChannels: 2, outputChannels: 3, kernelSize: (3, 1)),
                    GraphConvolution(inputSize: 4, outputSize: 2), MultiHeadAttention(embeddingSize: 4, heads: 2),
                    AdditiveAttention(querySize: 2, keySize: 3, attentionSize: 4),
                    MultiplicativeAttention(querySize: 2, keySize: 3), RNN(inputSize: 2, hiddenSize: 3),
                    GRU(inputSize: 2, hiddenSize: 3, bidirectional: true), LSTM(inputSize: 2, hiddenSize: 3),
                    RNNCell(inputSize: 2, hiddenSize: 3), GRUCell(inputSize: 2, hiddenSize: 3),
                    LSTMCell(inputSize: 2, hiddenSize: 3), FeedForward(settings), TransformerEncoderLayer(settings),
                    TransformerDecoderLayer(settings), TransformerEncoder(settings, layers: 2, finalNorm: true),
                    TransformerDecoder(settings, layers: 2, finalNorm: true),
                    Transformer(settings, encoderLayers: 1, decoderLayers: 1), ConditionalRandomField(tags: 3),
                ]
            }
            RandomGenerator.seedDefault(3)
            let first = layers().map(\.weights)
            #expect(first[0]["weight"] != first[1]["weight"])
            RandomGenerator.seedDefault(3)
            #expect(layers().map(\.weights) == first)
            #expect(layers().map(\.weights) != first)
            var generator = RandomGenerator(seed: 3, stream: 1 << 63)
            #expect(first[0] == Linear(inputSize: 4, outputSize: 2, using: &generator).weights)
        }
    }
}
