import Heed

/// How a conformance case of one operation is replayed.
///
/// To teach `verify` another operation, write its replay in a file of its own and list it in ``all``.
struct CaseOperation: Sendable {
    /// Computes the answers that it can, by their names in the file. It first checks everything that comes from the
    /// file: a wrong shape throws and never stops the program.
    let replay: @Sendable (ConformanceCase) throws(CaseError) -> [String: Tensor]

    /// The strict measurements of one computed answer; nil if no strict bound is promised for this answer.
    let strict: (@Sendable (ConformanceCase, Answer) throws(CaseError) -> [Measurement]?)?

    /// A computed answer and the expected one.
    struct Answer {
        let name: String
        let shape: Shape
        let computed: [Float]
        let reference: [Double]

        var rowLength: Int { shape.rank == 0 ? 1 : shape[-1] }
        var comparison: TensorComparison {
            TensorComparison(computed: computed, reference: reference, rowLength: rowLength)
        }
    }

    /// All operations that are replayed, by the name in the metadata.
    static let all: [String: CaseOperation] = [
        "attention": .attention,
        "softmax": .softmax,
        "log_softmax": .logSoftmax,
        "layer_norm": .layerNorm,
        "rms_norm": .rmsNorm,
        "gelu": .gelu,
        "relu": .activation(.relu),
        "sigmoid": .activation(.sigmoid),
        "silu": .activation(.silu),
        "tanh": .activation(.tanh),
        "embedding": .embedding,
        "sinusoidal_position": .sinusoidalPosition,
        "rotary_position": .rotaryPosition,
        "matmul": .matmul,
        "linear": .linear,
        "multi_head_attention": .multiHeadAttention,
        "transformer_encoder_layer": .transformerEncoderLayer,
        "transformer_decoder_layer": .transformerDecoderLayer,
        "transformer": .transformer,
        "additive_attention": .additiveAttention,
        "general_attention": .generalAttention,
        "dot_attention": .dotAttention,
        "cross_entropy": .crossEntropy,
        "distillation_loss": .distillationLoss,
        "conv2d": .conv2d,
        "graph_convolution": .graphConvolution,
        "sgd": .sgd,
        "adam": .adam,
        "adamw": .adamW,
        "clip_gradient_norm": .clipGradientNorm,
        "rnn": .rnn,
        "lstm": .lstm,
        "gru": .gru,
    ]

    /// The distance from 1 to the next float, the unit of bounds.
    static let epsilon = Double(Float.ulpOfOne)
}
