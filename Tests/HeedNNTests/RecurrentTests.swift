import HeedAutograd
import HeedNN
import HeedTensor
import HeedTestSupport
import Testing

/// A cell of one's own: `h = tanh(W [x; h])`, made of operations.
private struct PlainCell: RecurrentCell {
    var parameters: RNNCell

    mutating func visitParameters(_ visit: ParameterVisitor) { visit(&parameters) }

    func initialState(batch: Int) -> [Variable] { parameters.initialState(batch: batch) }

    func callAsFunction(
        _ input: Variable, state: [Variable], in context: Context
    ) -> (output: Variable, state: [Variable]) {
        let weights = parameters.parameters
        let sum =
            linear(input, weight: context.variable(weights.inputWeight), bias: context.variable(weights.inputBias))
            + linear(
                state[0], weight: context.variable(weights.hiddenWeight), bias: context.variable(weights.hiddenBias))
        let hidden = tanh(sum)
        return (hidden, [hidden])
    }
}

@Suite struct RecurrentTests {
    private static let input = Tensor.normal([3, 5, 4], seed: 8)

    private func checkGradients(_ name: String, _ make: (inout RandomGenerator) -> some RecurrentModule) {
        var generator = RandomGenerator(seed: 5)
        let model = make(&generator)
        let states = model.layers.parameters.count
        let hidden = Tensor.normal([states, 3, model.layers.stateSize], seed: 9)
        let isLSTM = model.layers.kind == .lstm
        let cells = isLSTM ? [Tensor.normal([states, 3, 3], seed: 10) * 0.5] : []
        LayerCheck(name: name, model: model, inputs: [Self.input, hidden] + cells) {
            let state = RecurrentState(hidden: $1[1], cell: isLSTM ? $1[2] : nil)
            let result = $0($1[0], lengths: [5, 2, 0], state: state, in: $2)
            return [result.output, result.state.hidden] + (result.state.cell.map { [$0] } ?? [])
        }.check()
    }

    @Test func gradients() {
        checkGradients("RNN") { RNN(inputSize: 4, hiddenSize: 3, layers: 2, using: &$0) }
        checkGradients("RNN, sigmoid") {
            RNN(inputSize: 4, hiddenSize: 3, bias: false, activation: .sigmoid, using: &$0)
        }
        checkGradients("LSTM") { LSTM(inputSize: 4, hiddenSize: 3, layers: 2, bidirectional: true, using: &$0) }
        checkGradients("LSTM, projected") {
            LSTM(inputSize: 4, hiddenSize: 3, projectionSize: 2, layers: 2, bidirectional: true, using: &$0)
        }
        checkGradients("GRU") { GRU(inputSize: 4, hiddenSize: 3, bidirectional: true, using: &$0) }
        checkGradients("GRU, reset before") {
            GRU(inputSize: 4, hiddenSize: 3, layers: 2, resetAfter: false, using: &$0)
        }
    }

    /// Parameters, outputs and states of a projected LSTM have PyTorch's names and shapes.
    @Test func projectedShapes() {
        var generator = RandomGenerator(seed: 5)
        let model = LSTM(
            inputSize: 4, hiddenSize: 6, projectionSize: 2, layers: 2, bidirectional: true, using: &generator)
        let shapes = model.weights.mapValues(\.shape.dimensions)
        #expect(shapes["weight_ih_l0"] == [24, 4] && shapes["weight_ih_l1_reverse"] == [24, 4])
        #expect(shapes["weight_hh_l0"] == [24, 2] && shapes["bias_hh_l1"] == [24])
        #expect(shapes["weight_hr_l0"] == [2, 6] && shapes["weight_hr_l1_reverse"] == [2, 6] && shapes.count == 20)
        let result = model(Self.input)
        #expect(result.output.shape == [3, 5, 4] && result.state.hidden.shape == [4, 3, 2])
        #expect(result.state.cell?.shape == [4, 3, 6])
    }

    @Test(arguments: [0, 3, 4]) func aProjectionIsToFewerUnits(_ size: Int) async {
        await #expect(processExitsWith: .failure) { [size] in
            var generator = RandomGenerator(seed: 5)
            _ = LSTM(inputSize: 4, hiddenSize: 3, projectionSize: size, using: &generator)
        }
    }

    /// A cell that runs step by step has the bits of the fused layer, lengths and directions too.
    @Test(arguments: [false, true]) func cellsStepAsLayersDo(isReversed: Bool) {
        for (hidden, projection) in [(3, nil), (5, 3)] { checkCells(isReversed, hidden, projection) }
    }

    private func checkCells(_ isReversed: Bool, _ hiddenSize: Int, _ projectionSize: Int?) {
        var generator = RandomGenerator(seed: 5)
        let model = LSTM(
            inputSize: 4, hiddenSize: hiddenSize, projectionSize: projectionSize, bidirectional: true, using: &generator
        )
        var cell = LSTMCell(
            inputSize: 4, hiddenSize: hiddenSize, projectionSize: projectionSize, using: &generator)
        cell.parameters = model.layers.parameters[isReversed ? 1 : 0]
        let lengths = [5, 2, 0]
        let fused = model(Self.input, lengths: lengths)
        let (output, state) = Recurrent(cell, reversed: isReversed)(
            Variable(Self.input), lengths: lengths, in: Context())
        let columns = isReversed ? 3..<6 : 0..<3
        #expect(haveSameBits(output.value, fused.output.value.slice(axis: 2, range: columns)))
        let number = isReversed ? 1 : 0
        #expect(haveSameBits(state[0].value, fused.state.hidden.value.selecting(axis: 0, index: number)))
        #expect(
            (fused.state.cell?.value.selecting(axis: 0, index: number)).map { haveSameBits(state[1].value, $0) } == true
        )
    }

    @Test func aCellOfOnesOwnHasTheGradientsOfTheFusedOne() {
        var generator = RandomGenerator(seed: 5)
        let fused = RNN(inputSize: 4, hiddenSize: 3, using: &generator)
        var cell = RNNCell(inputSize: 4, hiddenSize: 3, using: &generator)
        cell.parameters = fused.layers.parameters[0]
        // NaN behind the ends reaches nothing.
        var input = Self.input
        for step in 2..<5 { input[1, step, 0] = .nan }
        for own in [false, true] {
            let outputGradient = Variable(Tensor.normal([3, 5, 3], seed: 10))
            let expected = valueAndGradient(of: fused) { context in
                (fused(Variable(input), lengths: [5, 2, 1], in: context).output * outputGradient).sum()
            }
            let found: (loss: Tensor, gradients: [Tensor])
            if own {
                let loop = Recurrent(PlainCell(parameters: cell))
                found = valueAndGradient(of: loop) { context in
                    (loop(Variable(input), lengths: [5, 2, 1], in: context).output * outputGradient).sum()
                }
            } else {
                let loop = Recurrent(cell)
                found = valueAndGradient(of: loop) { context in
                    (loop(Variable(input), lengths: [5, 2, 1], in: context).output * outputGradient).sum()
                }
            }
            #expect(abs(found.loss.scalar - expected.loss.scalar) < 1e-5)
            for (gradient, reference) in zip(found.gradients, expected.gradients) {
                #expect(normwiseError(gradient.elements, reference.elements.map(Double.init)) < 2e-6)
            }
        }
    }

    @Test func stretchesThatCarryTheStateHaveTheBitsOfTheWhole() {
        var generator = RandomGenerator(seed: 5)
        let model = GRU(inputSize: 4, hiddenSize: 3, layers: 2, using: &generator)
        let whole = model(Self.input)
        let first = model(Self.input.slice(axis: 1, range: 0..<2))
        let second = model(Self.input.slice(axis: 1, range: 2..<5), state: first.state.detached())
        #expect(
            haveSameBits(
                concatenate([first.output.value, second.output.value], axis: 1), whole.output.value.contiguous()))
        #expect(haveSameBits(second.state.hidden.value, whole.state.hidden.value))
    }

    @Test func aSequenceAloneHasItsBitsInTheBatch() {
        var generator = RandomGenerator(seed: 5)
        let model = LSTM(inputSize: 4, hiddenSize: 3, layers: 2, bidirectional: true, using: &generator)
        let lengths = [5, 2, 4]
        let together = model(Self.input, lengths: lengths).output.value
        for (number, length) in lengths.enumerated() {
            let alone = model(entry(number, of: Self.input).slice(axis: 1, range: 0..<length)).output.value
            let part = entry(number, of: together).slice(axis: 1, range: 0..<length)
            #expect(haveSameBits(alone.contiguous(), part.contiguous()))
        }
    }

    @Test func namesArePyTorchs() {
        var generator = RandomGenerator(seed: 5)
        let model = LSTM(inputSize: 4, hiddenSize: 3, layers: 2, bidirectional: true, using: &generator)
        let kinds = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"]
        let expected = ["_l0", "_l0_reverse", "_l1", "_l1_reverse"].flatMap { end in kinds.map { $0 + end } }
        #expect(model.parameters.map(\.name) == expected)
        #expect(model.weights["weight_ih_l1"]?.shape == [12, 6])
        #expect(model.parameters.allSatisfy { $0.parameter.value.elements.allSatisfy { abs($0) <= 0.57736 } })
    }

    /// The graph is walked without recursion.
    @Test func aLoopOfManyStepsTrains() {
        var generator = RandomGenerator(seed: 5)
        let loop = Recurrent(RNNCell(inputSize: 1, hiddenSize: 2, using: &generator))
        let input = Variable(Tensor.normal([1, 20_000, 1], seed: 3))
        let (loss, gradients) = valueAndGradient(of: loop) { loop(input, in: $0).output.mean() }
        #expect(loss.scalar.isFinite)
        #expect(gradients.allSatisfy { $0.elements.allSatisfy(\.isFinite) })
    }

    @Test func dropoutIsBetweenLayersInTrainingAlone() {
        var generator = RandomGenerator(seed: 5)
        let model = GRU(inputSize: 4, hiddenSize: 8, layers: 2, dropout: 0.5, using: &generator)
        let plain = model(Self.input).output.value
        func trained(_ step: Int) -> Tensor {
            model(Variable(Self.input), in: Context(training: true, seed: 1, step: step)).output.value
        }
        #expect(trained(0) == trained(0))
        #expect(trained(0) != trained(1))
        #expect(trained(0) != plain)
        let single = GRU(inputSize: 4, hiddenSize: 8, dropout: 0.5, using: &generator)
        let output = single(Variable(Self.input), in: Context(training: true)).output.value
        #expect(output == single(Self.input).output.value)
    }

    /// Gates are in the order i f g o: those of the input close as far as those of forgetting open.
    @Test func rememberingSetsTwoGates() {
        var generator = RandomGenerator(seed: 1)
        let before = LSTM(inputSize: 2, hiddenSize: 3, layers: 2, bidirectional: true, using: &generator).layers
        var after = before
        after.remember(longest: 100, using: &generator)
        for (old, new) in zip(before.parameters, after.parameters) {
            let (was, isNow) = (old.inputBias?.value.elements ?? [], new.inputBias?.value.elements ?? [])
            let (hiddenWas, hiddenIs) = (old.hiddenBias?.value.elements ?? [], new.hiddenBias?.value.elements ?? [])
            #expect(was.count == 12 && hiddenWas.count == 12)
            for unit in 0..<3 {
                #expect(isNow[unit] == -isNow[3 + unit] && (0..<4.61).contains(isNow[3 + unit]))
            }
            #expect(isNow[6...] == was[6...] && hiddenIs[6...] == hiddenWas[6...])
            #expect(hiddenIs[..<6].allSatisfy { $0 == 0 })
            #expect(Set(isNow[3..<6]).count == 3)
        }
    }
}
