import HeedAutograd
import HeedNN
import HeedTensor
import Testing

// The model of the README, as it stands there.

private struct Classifier: Module {
    var words: Embedding, reader: LSTM, output: Linear

    mutating func visitParameters(_ visit: ParameterVisitor) {
        visit("words", &words)
        visit("reader", &reader)
        visit("output", &output)
    }

    func callAsFunction(_ tokens: IndexTensor, _ context: Context) -> Variable {
        output(reader(words(tokens, context), context).output.mean(axis: 1), context)
    }
}

@Suite("The README's model")
struct ReadmeTests {
    @Test func learns() {
        var generator = RandomGenerator(seed: 1)
        var model = Classifier(
            words: Embedding(count: 10, size: 8, using: &generator),
            reader: LSTM(inputSize: 8, hiddenSize: 12, using: &generator),
            output: Linear(inputs: 12, outputs: 2, using: &generator))
        // Does a sequence hold more large tokens than small ones?
        let sequences = (0..<32).map { _ in (0..<7).map { _ in Int32(generator.below(10)) } }
        let tokens = IndexTensor(sequences.flatMap(\.self), shape: [32, 7])
        let labels = IndexTensor(sequences.map { $0.count { $0 >= 5 } > 3 ? 1 : 0 }, shape: [32])
        var losses: [Float] = []
        for _ in 0..<60 {
            let (loss, gradients) = valueAndGradient(of: model) { context in
                crossEntropy(model(tokens, context), targets: labels)
            }
            losses.append(loss.scalar)
            model.withTrainableTensors { tensors in
                for index in tensors.indices { tensors[index] -= gradients[index] * 1 }
            }
        }
        #expect(losses[59] < 0.5 * losses[0])
    }
}
