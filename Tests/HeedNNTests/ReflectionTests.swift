import HeedNN
import HeedTensor
import HeedTestSupport
import Testing

/// No parameter of any module is forgotten: what reflection finds is what the module lists. And no module is: each that
/// the sources declare has an example here.
@Suite struct ReflectionTests {
    /// One example of each module, and of some more with other settings.
    private let modules: [any Module] = {
        var generator = RandomGenerator(seed: 1)
        let settings = TransformerSettings(embeddingSize: 8, heads: 2, feedForwardSize: 12)
        return [
            Linear(inputSize: 3, outputSize: 2, using: &generator),
            Embedding(vocabularySize: 5, embeddingSize: 3, paddingIndex: 0, using: &generator),
            LayerNorm(inputSize: 3),
            RMSNorm(inputSize: 3),
            Dropout(0.5),
            Activation.relu,
            SinusoidalPosition(),
            RotaryPosition(),
            LearnedPosition(contextLength: 5, embeddingSize: 3, using: &generator),
            Sequential(
                Linear(inputSize: 3, outputSize: 2, using: &generator), Activation.relu, LayerNorm(inputSize: 2)),
            RNN(inputSize: 3, hiddenSize: 2, layers: 2, bidirectional: true, using: &generator),
            RNN(inputSize: 3, hiddenSize: 2, using: &generator).layers,
            LSTM(inputSize: 3, hiddenSize: 2, bias: false, using: &generator),
            GRU(inputSize: 3, hiddenSize: 2, using: &generator),
            RNNCell(inputSize: 3, hiddenSize: 2, using: &generator),
            LSTMCell(inputSize: 3, hiddenSize: 2, using: &generator),
            GRUCell(inputSize: 3, hiddenSize: 2, using: &generator),
            Recurrent(GRUCell(inputSize: 3, hiddenSize: 2, using: &generator)),
            Conv1D(inputChannels: 3, outputChannels: 2, kernelSize: 3, using: &generator),
            Conv2D(inputChannels: 3, outputChannels: 2, kernelSize: (3, 3), using: &generator),
            Pool(.adaptiveAverage(height: 1, width: 1)),
            GraphConvolution(inputSize: 3, outputSize: 2, using: &generator),
            ConditionalRandomField(tags: 3, using: &generator),
            AdditiveAttention(querySize: 3, keySize: 2, attentionSize: 4, using: &generator),
            MultiplicativeAttention(querySize: 3, keySize: 2, using: &generator),
            MultiplicativeAttention(),
            SelfAttention(),
            MultiHeadAttention(embeddingSize: 8, heads: 4, keyValueHeads: 2, using: &generator),
            FeedForward(settings, using: &generator),
            TransformerEncoderLayer(settings, using: &generator),
            TransformerDecoderLayer(settings, using: &generator),
            TransformerEncoder(settings, layers: 2, finalNorm: true, using: &generator),
            TransformerDecoder(settings, layers: 2, finalNorm: true, using: &generator),
            Transformer(settings, encoderLayers: 1, decoderLayers: 2, using: &generator),
        ]
    }()

    @Test func everyModuleListsItsParameters() {
        for module in modules {
            let fault = faultInParameters(of: module)
            #expect(fault == nil)
        }
    }

    @Test func everyModuleHasAnExample() throws {
        let declared = try namesOfModules(below: "Sources/HeedNN")
        let forgotten = declared.subtracting(modules.map(nameOfType))
        #expect(declared.count > 25)
        #expect(forgotten.isEmpty, "add an example of each to `modules`")
    }
}
