import HeedAutograd
import HeedNN
import HeedTensor
import HeedTestSupport
import Testing

struct Network: Module {
    var layers: [Linear]
    var output: Linear?
    var scale: Parameter

    init(using generator: inout RandomGenerator) {
        layers = [
            Linear(inputSize: 3, outputSize: 4, using: &generator),
            Linear(inputSize: 4, outputSize: 4, bias: false, using: &generator),
        ]
        output = Linear(inputSize: 4, outputSize: 1, using: &generator)
        scale = Parameter(Tensor(2))
    }

    mutating func visitParameters(_ visit: ParameterVisitor) {
        visit("layers", &layers)
        visit("output", &output)
        visit("scale", &scale)
    }

    func callAsFunction(_ input: Variable, in context: Context) -> Variable {
        var value = input
        for layer in layers { value = layer(value, in: context) }
        if let output { value = output(value, in: context) }
        return value * context.variable(scale)
    }
}

@Suite struct ModuleTests {
    @Test func namesAndOrder() {
        var generator = RandomGenerator(seed: 1)
        let network = Network(using: &generator)
        let names = [
            "layers.0.weight", "layers.0.bias", "layers.1.weight", "output.weight", "output.bias", "scale",
        ]
        #expect(network.parameters.map(\.name) == names)
        #expect(network.trainableNames == names)
        #expect(network.weights.keys.sorted() == names.sorted())
        #expect(network.parameterCount == 12 + 4 + 16 + 4 + 1 + 1)
    }

    @Test func gradientsAreInOrderAndThoseOfATensorFunction() {
        var generator = RandomGenerator(seed: 2)
        let network = Network(using: &generator)
        let input = Tensor.normal([5, 3], seed: 3)
        let (loss, gradients) = valueAndGradient(of: network) { context in
            network(Variable(input), in: context).squared().sum()
        }
        let tensors = network.parameters.map(\.parameter.value)
        let expected = valueAndGradient(
            of: { (p: [Variable]) in
                let hidden = linear(
                    linear(Variable(input), weight: p[0], bias: p[1]), weight: p[2])
                return (linear(hidden, weight: p[3], bias: p[4]) * p[5]).squared().sum()
            }, at: tensors)
        #expect(loss == expected.value)
        #expect(gradients.count == 6)
        for (gradient, reference) in zip(gradients, expected.gradients) { #expect(haveSameBits(gradient, reference)) }
    }

    @Test func aFrozenParameterIsAConstant() {
        var generator = RandomGenerator(seed: 2)
        var network = Network(using: &generator)
        network.setTrainable(false) { $0.hasPrefix("layers") }
        #expect(network.trainableNames == ["output.weight", "output.bias", "scale"])
        let tape = Tape()
        let (_, gradients) = valueAndGradient(of: network, on: tape) { context in
            let loss = network(Variable(Tensor.normal([5, 3], seed: 3)), in: context).sum()
            // The first two layers are constants and leave no record.
            #expect(tape.operationNames == ["linear", "*", "sum"])
            return loss
        }
        #expect(gradients.map(\.shape) == [[1, 4], [1], []])
        #expect(network.frozen().trainableNames.isEmpty)
    }

    /// A weight that is used twice has one leaf, and the sum of both gradients.
    @Test func aTiedWeightCollectsOneGradient() {
        var generator = RandomGenerator(seed: 4)
        let layer = Linear(inputSize: 3, outputSize: 3, bias: false, using: &generator)
        let input = Tensor.normal([2, 3], seed: 5)
        let (_, gradients) = valueAndGradient(of: layer) { context in
            layer(layer(Variable(input), in: context), in: context).sum()
        }
        let expected = gradient(
            of: { (weight: Variable) in linear(linear(Variable(input), weight: weight), weight: weight).sum() },
            at: layer.weight.value)
        #expect(gradients == [expected])
    }

    /// A changed copy in the same pass is another model, although its parameters have the same identities; whether it
    /// is frozen, as it must be unless its values are detached, is its own.
    @Test func aChangedCopyIsAnotherModel() {
        var generator = RandomGenerator(seed: 4)
        let layer = Linear(inputSize: 3, outputSize: 2, bias: false, using: &generator)
        var other = layer
        other.weight.value *= 2
        let input = Tensor.normal([2, 3], seed: 5)
        let (loss, gradients) = valueAndGradient(of: layer) { context in
            (other(Variable(input), in: context).detached() + layer(Variable(input), in: context)).sum()
        }
        let frozen = other.frozen()
        let again = valueAndGradient(of: layer) { context in
            (frozen(Variable(input), in: context) + layer(Variable(input), in: context)).sum()
        }
        #expect(again.loss == loss && again.gradients == gradients)
        #expect(abs(loss.scalar - 3 * layer(input).sum().scalar) < 1e-5)
        #expect(gradients == [gradient(of: { linear(Variable(input), weight: $0).sum() }, at: layer.weight.value)])
    }

    @Test func aParameterThatTheLossDoesNotDependOnHasZeros() {
        var generator = RandomGenerator(seed: 2)
        let network = Network(using: &generator)
        let (_, gradients) = valueAndGradient(of: network) { context in context.variable(network.scale) * 3 }
        #expect(gradients[5] == Tensor(3))
        #expect(gradients[0] == .zeros([4, 3]))
    }

    @Test func aThrownErrorComesThroughAndLeavesTheTapeEmpty() {
        struct Stop: Error, Equatable {}
        var generator = RandomGenerator(seed: 2)
        let network = Network(using: &generator)
        let tape = Tape()
        #expect(throws: Stop()) {
            try valueAndGradient(of: network, on: tape) { (context) throws(Stop) in
                _ = network(Variable(Tensor.ones([1, 3])), in: context)
                throw Stop()
            }
        }
        #expect(tape.operationCount == 0)
    }

    /// After a step only the model holds its parameters: an optimiser writes to them in place, and memory does not
    /// grow.
    @Test func parametersAreWrittenInPlace() {
        var generator = RandomGenerator(seed: 2)
        var network = Network(using: &generator)
        func addresses() -> [UInt] {
            network.parameters.map { $0.parameter.value.withUnsafeElements { UInt(bitPattern: $0.baseAddress) } }
        }
        let before = addresses()
        let input = Variable(Tensor.normal([5, 3], seed: 3))
        for step in 0..<3 {
            let (_, gradients) = valueAndGradient(of: network, step: step) { network(input, in: $0).squared().mean() }
            network.withTrainableTensors { tensors in
                for index in tensors.indices { tensors[index].formSum(scale: 1, gradients[index], scale: -0.01) }
            }
            #expect(addresses() == before)
        }
        // One by one too.
        network.forEachParameter { _, parameter in parameter.value *= 0.5 }
        #expect(addresses() == before)
    }

    @Test func aCopyIsASnapshot() {
        var generator = RandomGenerator(seed: 2)
        var network = Network(using: &generator)
        let snapshot = network
        let input = Tensor.normal([5, 3], seed: 3)
        func output(_ network: Network) -> Tensor { network(Variable(input), in: Context()).value }
        let before = output(network)
        network.forEachParameter { _, parameter in parameter.value *= 2 }
        #expect(output(snapshot) == before)
        #expect(output(network) != before)
    }

    @Test func oneSeedAndStepDrawTheSameInEveryPass() {
        let first = Context(training: true, seed: 7, step: 3)
        let second = Context(training: true, seed: 7, step: 3)
        let draws = (0..<100).map { _ in first.drawSeed() }
        #expect(draws == (0..<100).map { _ in second.drawSeed() })
        let others = [Context(seed: 7, step: 4), Context(seed: 8, step: 3)].map { context in
            (0..<100).map { _ in context.drawSeed() }
        }
        #expect(Set(draws + others.flatMap { $0 }).count == 300)
    }

    #if os(Linux) || os(macOS)
    @Test func layersThatAreCopiesOfOneStopTheProgram() async {
        await #expect(processExitsWith: .failure) {
            var generator = RandomGenerator(seed: 2)
            let twins = Sequential(
                Array(repeating: Linear(inputSize: 2, outputSize: 2, using: &generator), count: 2))
            _ = valueAndGradient(of: twins) { twins(Variable(Tensor.ones([1, 2])), in: $0).sum() }
        }
    }
    #endif
}
