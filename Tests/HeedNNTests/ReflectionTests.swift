import HeedNN
import HeedTensor
import HeedTestSupport
import Testing

/// No parameter of any module is forgotten: what reflection finds is what the module lists.
@Suite struct ReflectionTests {
    private func check(_ module: some Module) {
        let fault = faultInParameters(of: module)
        #expect(fault == nil)
    }

    @Test func everyModuleListsItsParameters() {
        var generator = RandomGenerator(seed: 1)
        let settings = TransformerSettings(width: 8, heads: 2, feedForward: 12)
        check(Linear(inputs: 3, outputs: 2, using: &generator))
        check(Embedding(count: 5, size: 3, paddingIndex: 0, using: &generator))
        check(LayerNorm(size: 3))
        check(RMSNorm(size: 3))
        check(Dropout(0.5))
        check(Activation.relu)
        check(SinusoidalPosition())
        check(RotaryPosition())
        check(LearnedPosition(count: 5, size: 3, using: &generator))
        check(Sequential(Linear(inputs: 3, outputs: 2, using: &generator), Activation.relu, LayerNorm(size: 2)))
        check(RNN(inputSize: 3, hiddenSize: 2, layers: 2, isBidirectional: true, using: &generator))
        check(LSTM(inputSize: 3, hiddenSize: 2, bias: false, using: &generator))
        check(GRU(inputSize: 3, hiddenSize: 2, using: &generator))
        check(RNNCell(inputSize: 3, hiddenSize: 2, using: &generator))
        check(LSTMCell(inputSize: 3, hiddenSize: 2, using: &generator))
        check(GRUCell(inputSize: 3, hiddenSize: 2, using: &generator))
        check(Recurrent(GRUCell(inputSize: 3, hiddenSize: 2, using: &generator)))
        check(Conv1D(inputs: 3, outputs: 2, kernel: 3, using: &generator))
        check(Conv2D(inputs: 3, outputs: 2, kernel: (3, 3), using: &generator))
        check(Pool(.adaptiveAverage(height: 1, width: 1)))
        check(GraphConvolution(inputs: 3, outputs: 2, using: &generator))
        check(AdditiveAttention(querySize: 3, keySize: 2, size: 4, using: &generator))
        check(MultiplicativeAttention(querySize: 3, keySize: 2, using: &generator))
        check(MultiplicativeAttention())
        check(SelfAttention())
        check(MultiHeadAttention(width: 8, heads: 4, keyValueHeads: 2, using: &generator))
        check(FeedForward(settings, using: &generator))
        check(TransformerEncoderLayer(settings, using: &generator))
        check(TransformerDecoderLayer(settings, using: &generator))
        check(TransformerEncoder(settings, layers: 2, finalNorm: true, using: &generator))
        check(TransformerDecoder(settings, layers: 2, finalNorm: true, using: &generator))
        check(Transformer(settings, encoderLayers: 1, decoderLayers: 2, using: &generator))
    }
}
