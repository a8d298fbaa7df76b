import HeedAutograd
import HeedTensor

/// Decoder layers one after the other, and a norm after them on request.
///
/// Input and output `[B, N, embeddingSize]`, memory `[B, Nk, embeddingSize]`. Parameters, as in PyTorch's
/// `nn.TransformerDecoder`: `layers.0` ... (``TransformerDecoderLayer``) and `norm` (``LayerNorm``).
public struct TransformerDecoder: Module {
    /// The layers, from first to last.
    public var layers: [TransformerDecoderLayer]
    /// The norm after the last layer.
    public var norm: LayerNorm?

    /// Makes a decoder with random weights.
    public init(
        _ settings: TransformerSettings, layers count: Int, finalNorm: Bool, using generator: inout RandomGenerator
    ) {
        layers = (0..<count).map { _ in TransformerDecoderLayer(settings, using: &generator) }
        norm =
            finalNorm
            ? LayerNorm(inputSize: settings.embeddingSize, bias: settings.bias, epsilon: settings.epsilon) : nil
    }

    /// Makes it with weights from the default source of random numbers, ``RandomGenerator/init()``.
    public init(_ settings: TransformerSettings, layers count: Int, finalNorm: Bool) {
        var generator = RandomGenerator()
        self.init(settings, layers: count, finalNorm: finalNorm, using: &generator)
    }

    public mutating func visitParameters(_ visit: ParameterVisitor) {
        visit("layers", &layers)
        visit("norm", &norm)
    }

    /// Returns the decoder's output; masks as in ``TransformerDecoderLayer``.
    public func callAsFunction(
        _ input: Variable, memory: Variable, mask: AttentionMask = .causal(offset: 0),
        memoryMask: AttentionMask = .none,
        in context: Context
    ) -> Variable {
        var value = input
        for layer in layers { value = layer(value, memory: memory, mask: mask, memoryMask: memoryMask, in: context) }
        return norm.map { $0(value, in: context) } ?? value
    }

    /// Returns the decoder's output in inference.
    public func callAsFunction(
        _ input: Tensor, memory: Tensor, mask: AttentionMask = .causal(offset: 0), memoryMask: AttentionMask = .none
    ) -> Tensor {
        self(Variable(input), memory: Variable(memory), mask: mask, memoryMask: memoryMask, in: Context()).value
    }

    /// Makes empty caches, one per layer, for decoding with this memory `[B, Nk, embeddingSize]`.
    public func makeCaches(memory: Tensor) -> [TransformerDecoderLayer.Cache] {
        layers.map { $0.makeCache(memory: memory) }
    }

    /// Returns the output for the next tokens, `[B, n, embeddingSize]`, with the same bits as in the whole sequence.
    public func callAsFunction(
        _ input: Tensor, caches: inout [TransformerDecoderLayer.Cache], memoryMask: AttentionMask = .none
    ) -> Tensor {
        require(
            caches.count == layers.count,
            "TransformerDecoder: \(caches.count) caches are not one for each of \(layers.count) layers")
        var value = input
        for (index, layer) in layers.enumerated() {
            value = layer(value, cache: &caches[index], memoryMask: memoryMask)
        }
        return norm.map { $0(value) } ?? value
    }
}
