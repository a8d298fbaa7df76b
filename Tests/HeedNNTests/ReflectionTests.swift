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
        let settings = TransformerSettings(width: 8, heads: 2, feedForward: 12)
        return [
            Linear(inputs: 3, outputs: 2, using: &generator),
            Embedding(count: 5, size: 3, paddingIndex: 0, using: &generator),
            LayerNorm(size: 3),
            RMSNorm(size: 3),
            Dropout(0.5),
            Activation.relu,
            SinusoidalPosition(),
            RotaryPosition(),
            LearnedPosition(count: 5, size: 3, using: &generator),
            Sequential(Linear(inputs: 3, outputs: 2, using: &generator), Activation.relu, LayerNorm(size: 2)),
            RNN(inputSize: 3, hiddenSize: 2, layers: 2, isBidirectional: true, using: &generator),
            RNN(inputSize: 3, hiddenSize: 2, using: &generator).layers,
            LSTM(inputSize: 3, hiddenSize: 2, bias: false, using: &generator),
            GRU(inputSize: 3, hiddenSize: 2, using: &generator),
            RNNCell(inputSize: 3, hiddenSize: 2, using: &generator),
            LSTMCell(inputSize: 3, hiddenSize: 2, using: &generator),
            GRUCell(inputSize: 3, hiddenSize: 2, using: &generator),
            Recurrent(GRUCell(inputSize: 3, hiddenSize: 2, using: &generator)),
            Conv1D(inputs: 3, outputs: 2, kernel: 3, using: &generator),
            Conv2D(inputs: 3, outputs: 2, kernel: (3, 3), using: &generator),
            Pool(.adaptiveAverage(height: 1, width: 1)),
            GraphConvolution(inputs: 3, outputs: 2, using: &generator),
            AdditiveAttention(querySize: 3, keySize: 2, size: 4, using: &generator),
            MultiplicativeAttention(querySize: 3, keySize: 2, using: &generator),
            MultiplicativeAttention(),
            SelfAttention(),
            MultiHeadAttention(width: 8, heads: 4, keyValueHeads: 2, using: &generator),
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
