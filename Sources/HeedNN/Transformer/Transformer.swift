import HeedAutograd
import HeedTensor

/// An encoder and a decoder (Vaswani et al., "Attention is all you need", 2017), without embeddings and output layer.
///
/// Source `[B, Ns, embeddingSize]`, target and output `[B, Nt, embeddingSize]`. Parameters, as in PyTorch's
/// `nn.Transformer`: `encoder` (``TransformerEncoder``) and `decoder` (``TransformerDecoder``), each with a norm after
/// its last layer.
public struct Transformer: Module {
    /// The encoder, which reads the source.
    public var encoder: TransformerEncoder
    /// The decoder, which writes the target.
    public var decoder: TransformerDecoder

    /// Makes a Transformer with random weights; by default 6 layers each, as in the paper.
    public init(
        _ settings: TransformerSettings, encoderLayers: Int = 6, decoderLayers: Int = 6, finalNorms: Bool = true,
        using generator: inout RandomGenerator
    ) {
        encoder = TransformerEncoder(settings, layers: encoderLayers, finalNorm: finalNorms, using: &generator)
        decoder = TransformerDecoder(settings, layers: decoderLayers, finalNorm: finalNorms, using: &generator)
    }

    /// Makes it with weights from the default source of random numbers, ``RandomGenerator/init()``.
    public init(
        _ settings: TransformerSettings, encoderLayers: Int = 6, decoderLayers: Int = 6, finalNorms: Bool = true
    ) {
        var generator = RandomGenerator()
        self.init(
            settings, encoderLayers: encoderLayers, decoderLayers: decoderLayers, finalNorms: finalNorms,
            using: &generator)
    }

    public mutating func visitParameters(_ visit: ParameterVisitor) {
        visit("encoder", &encoder)
        visit("decoder", &decoder)
    }

    /// Returns the decoder's output.
    ///
    /// - Parameters:
    ///   - source: `[B, Ns, embeddingSize]`.
    ///   - target: `[B, Nt, embeddingSize]`. A token attends the tokens up to itself.
    ///   - sourceMask: Which tokens of the source are attended, by the encoder and by the decoder.
    ///   - targetMask: Which of the decoder's own tokens a token attends, in addition to the causal mask.
    public func callAsFunction(
        source: Variable, target: Variable, sourceMask: AttentionMask = .none, targetMask: AttentionMask = .none,
        in context: Context
    ) -> Variable {
        let memory = encoder(source, mask: sourceMask, in: context)
        return decoder(
            target, memory: memory, mask: .all([.causal(offset: 0), targetMask]), memoryMask: sourceMask, in: context)
    }

    /// Returns the decoder's output in inference.
    public func callAsFunction(
        source: Tensor, target: Tensor, sourceMask: AttentionMask = .none, targetMask: AttentionMask = .none
    ) -> Tensor {
        self(
            source: Variable(source), target: Variable(target), sourceMask: sourceMask, targetMask: targetMask,
            in: Context()
        ).value
    }
}
