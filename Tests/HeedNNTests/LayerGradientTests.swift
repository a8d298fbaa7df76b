import HeedAutograd
import HeedNN
import HeedTensor
import HeedTestSupport
import Testing

/// Every layer's gradients against differences.
@Suite struct LayerGradientTests {
    private func check<Model: Module>(
        _ name: String, _ inputs: [Tensor], _ make: (inout RandomGenerator) -> Model,
        _ run: @escaping (Model, [Variable], Context) -> [Variable]
    ) {
        var generator = RandomGenerator(seed: 21)
        var model = make(&generator)
        // Zeros and ones hide mistakes.
        var seed: UInt64 = 70
        model.forEachParameter { _, parameter in
            seed += 1
            parameter.value += Tensor.normal(parameter.shape, seed: seed) * 0.2
        }
        LayerCheck(name: name, model: model, inputs: inputs, run: run).check()
    }

    private func checkLayer<Model: Layer>(
        _ name: String, _ input: Shape, _ make: (inout RandomGenerator) -> Model
    ) {
        check(name, [.normal(input, seed: 31)], make) { [$0($1[0], in: $2)] }
    }

    @Test func linearLayers() {
        checkLayer("Linear", [2, 3, 5]) { Linear(inputSize: 5, outputSize: 4, using: &$0) }
        checkLayer("Linear without bias", [3, 5]) { Linear(inputSize: 5, outputSize: 4, bias: false, using: &$0) }
        for activation in [Activation.tanh, .gelu, .sigmoid, .silu] {
            check("Linear, \(activation)", [.normal([3, 5], seed: 31)]) {
                Linear(inputSize: 5, outputSize: 4, using: &$0)
            } _: {
                [$0($1[0], activation: activation, in: $2)]
            }
        }
    }

    @Test func norms() {
        checkLayer("LayerNorm", [2, 3, 7]) { _ in LayerNorm(inputSize: 7) }
        checkLayer("LayerNorm without bias", [2, 7]) { _ in LayerNorm(inputSize: 7, bias: false) }
        checkLayer("RMSNorm", [2, 3, 7]) { _ in RMSNorm(inputSize: 7) }
        check("LayerNorm of a sum", [.normal([3, 7], seed: 1), .normal([3, 7], seed: 2)]) { _ in
            LayerNorm(inputSize: 7)
        } _: {
            let (output, sum) = $0(adding: $1[0], to: $1[1], in: $2)
            return [output, sum]
        }
        check("RMSNorm of a sum", [.normal([3, 7], seed: 1), .normal([3, 7], seed: 2)]) { _ in
            RMSNorm(inputSize: 7)
        } _: {
            let (output, sum) = $0(adding: $1[0], to: $1[1], in: $2)
            return [output, sum]
        }
    }

    @Test func embeddingsAndPositions() {
        let ids = IndexTensor([3, 0, 3, 5, 1, 3], shape: [2, 3])
        check("Embedding", []) {
            Embedding(vocabularySize: 6, embeddingSize: 4, using: &$0)
        } _: { model, _, context in
            [model(ids, in: context), model.logits(model(ids, in: context), in: context)]
        }
        checkLayer("SinusoidalPosition", [2, 3, 6]) { _ in SinusoidalPosition() }
        checkLayer("RotaryPosition", [2, 2, 3, 6]) { _ in RotaryPosition() }
        checkLayer("LearnedPosition", [2, 3, 6]) { LearnedPosition(contextLength: 5, embeddingSize: 6, using: &$0) }
    }

    @Test func convolutions() {
        checkLayer("Conv2D", [2, 4, 5, 6]) {
            Conv2D(
                inputChannels: 4, outputChannels: 6, kernelSize: (3, 2),
                geometry: ConvolutionGeometry(stride: 2, padding: 1, groups: 2), using: &$0)
        }
        checkLayer("Conv1D", [2, 3, 7]) {
            Conv1D(
                inputChannels: 3, outputChannels: 4, kernelSize: 3,
                geometry: ConvolutionGeometry(padding: 2, dilation: 2), using: &$0)
        }
    }

    @Test func pooling() {
        let poolings: [Pooling] = [
            .max(PoolingWindow(size: 2)), .max(PoolingWindow(height: 3, width: 2, stride: 1, padding: 1)),
            .average(PoolingWindow(size: 3, stride: 2, padding: 1)),
            .average(PoolingWindow(size: 3, stride: 2, padding: 1), countsPadding: false),
            .adaptiveAverage(height: 1, width: 1), .adaptiveAverage(height: 2, width: 4),
        ]
        // Numbers apart from each other: within a step of two equals a maximum has no gradient.
        func apart(_ shape: Shape) -> Tensor {
            var generator = SeededGenerator(seed: 8)
            let order = (0..<shape.count).shuffled(using: &generator)
            return Tensor(order.map { Float($0) * 0.125 - 4 }, shape: shape)
        }
        for pooling in poolings {
            check("Pool, \(pooling)", [apart([2, 3, 5, 6])]) { _ in
                Pool(pooling)
            } _: {
                [$0($1[0], in: $2)]
            }
            check("Pool of a line, \(pooling)", [apart([2, 3, 7])]) { _ in
                Pool(pooling)
            } _: {
                [$0($1[0], in: $2)]
            }
        }
    }

    /// By hand: windows of 2 side by side, and padding that counts or does not.
    @Test func pooledNumbers() {
        let image = Tensor([1, 5, 2, 0, 3, -1, 4, 4, 7], shape: [1, 1, 3, 3])
        #expect(Pool(.max(PoolingWindow(size: 2)))(image) == Tensor([5], shape: [1, 1, 1, 1]))
        #expect(Pool(.max(PoolingWindow(size: 2, stride: 1)))(image) == Tensor([5, 5, 4, 7], shape: [1, 1, 2, 2]))
        let padded = PoolingWindow(size: 2, padding: 1)
        #expect(Pool(.average(padded))(image) == Tensor([0.25, 1.75, 1, 3.25], shape: [1, 1, 2, 2]))
        #expect(
            Pool(.average(padded, countsPadding: false))(image) == Tensor([1, 3.5, 2, 3.25], shape: [1, 1, 2, 2]))
        let line = Tensor([1, 5, 2, 0], shape: [1, 1, 4])
        #expect(Pool(.max(PoolingWindow(size: 2)))(line) == Tensor([5, 2], shape: [1, 1, 2]))
        #expect(Pool(.adaptiveAverage(height: 3, width: 1))(line) == Tensor([2], shape: [1, 1, 1]))
    }

    @Test(arguments: [2, 5]) func graphConvolution(outputs: Int) throws {
        let edges = Tensor([0, 1, 0, 1, 1, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 0], shape: [4, 4])
        let adjacency = try SparseMatrix.normalizedAdjacency(edges)
        check("GraphConvolution", [.normal([4, 3], seed: 1)]) {
            GraphConvolution(inputSize: 3, outputSize: outputs, using: &$0)
        } _: {
            [$0($1[0], adjacency: adjacency, in: $2)]
        }
    }

    @Test func multiHeadAttention() {
        let input = Tensor.normal([2, 5, 8], seed: 3)
        let memory = Tensor.normal([2, 4, 8], seed: 4)
        let masks: [AttentionMask] = [.none, .causal(), .padding(lengths: [3, 5]), .slidingWindow(size: 2)]
        for mask in masks {
            for groups in [4, 2, 1] {
                check("MultiHeadAttention, \(groups) groups, \(mask)", [input]) {
                    MultiHeadAttention(embeddingSize: 8, heads: 4, keyValueHeads: groups, using: &$0)
                } _: {
                    [$0($1[0], mask: mask, in: $2)]
                }
            }
        }
        check("MultiHeadAttention of a memory", [input, memory, .normal([4, 5, 4], seed: 5)]) {
            MultiHeadAttention(embeddingSize: 8, heads: 4, bias: false, using: &$0)
        } _: {
            [$0($1[0], memory: $1[1], mask: .padding(lengths: [4, 2]), bias: $1[2], in: $2)]
        }
        check("MultiHeadAttention with weights", [input, memory, .normal([2, 4, 8], seed: 6)]) {
            MultiHeadAttention(embeddingSize: 8, heads: 4, keyValueHeads: 2, using: &$0)
        } _: {
            let (output, weights) = $0.withWeights(
                $1[0], keys: $1[1], values: $1[2], mask: .padding(lengths: [4, 2]), in: $2)
            return [output, weights]
        }
    }

    @Test func earlierAttention() {
        let queries = Tensor.normal([2, 3, 5], seed: 1)
        let keys = Tensor.normal([2, 4, 6], seed: 2)
        let values = Tensor.normal([2, 4, 3], seed: 3)
        check("AdditiveAttention", [queries, keys, values]) {
            AdditiveAttention(querySize: 5, keySize: 6, attentionSize: 7, using: &$0)
        } _: {
            let (output, weights) = $0($1[0], keys: $1[1], values: $1[2], lengths: [4, 2], in: $2)
            return [output, weights]
        }
        check("MultiplicativeAttention, general", [queries, keys, values]) {
            MultiplicativeAttention(querySize: 5, keySize: 6, using: &$0)
        } _: {
            let (output, weights) = $0($1[0], keys: $1[1], values: $1[2], lengths: [4, 2], in: $2)
            return [output, weights]
        }
        check("MultiplicativeAttention, dot", [queries, .normal([2, 4, 5], seed: 2), values]) { _ in
            MultiplicativeAttention()
        } _: {
            let (output, weights) = $0($1[0], keys: $1[1], values: $1[2], in: $2)
            return [output, weights]
        }
        checkLayer("SelfAttention", [2, 4, 5]) { _ in SelfAttention(mask: .causal()) }
    }

    @Test(arguments: [false, true], [Activation.gelu, .silu])
    func transformers(normFirst: Bool, activation: Activation) {
        let settings = TransformerSettings(
            embeddingSize: 6, heads: 2, feedForwardSize: 9, dropout: 0.3, activation: activation, normFirst: normFirst)
        let input = Tensor.normal([2, 3, 6], seed: 3)
        let memory = Tensor.normal([2, 4, 6], seed: 4)
        check("TransformerEncoderLayer", [input]) {
            TransformerEncoderLayer(settings, using: &$0)
        } _: {
            [$0($1[0], mask: .padding(lengths: [3, 2]), in: $2)]
        }
        check("TransformerDecoderLayer", [input, memory]) {
            TransformerDecoderLayer(settings, using: &$0)
        } _: {
            [$0($1[0], memory: $1[1], memoryMask: .padding(lengths: [2, 4]), in: $2)]
        }
        check("Transformer", [memory, input]) {
            Transformer(settings, encoderLayers: 1, decoderLayers: 2, using: &$0)
        } _: {
            [$0(source: $1[0], target: $1[1], sourceMask: .padding(lengths: [4, 1]), in: $2)]
        }
    }
}
