import HeedAutograd
import HeedTensor
import HeedTestSupport
import Testing

@Suite("Tape")
struct TapeTests {
    @Test func aValueUsedTwiceCollectsBothGradients() {
        let (value, gradient) = valueAndGradient(of: { ($0 * $0 + $0).sum() }, at: Tensor([1, 2], shape: [2]))
        #expect(value.scalar == 8 && gradient.elements == [3, 5])
    }

    @Test func aDiamondJoins() {
        let x = Tensor.normal([3], seed: 1)
        GradientCase("diamond", [x]) { inputs in
            let a = inputs[0] * 2
            let b = a.squared()
            let c = a + 1
            return b * c + a
        }.check()
    }

    @Test func gradientsOfAnySubsetAndOfValuesInBetween() {
        let tape = Tape()
        let x = tape.leaf(Tensor(3))
        let y = tape.leaf(Tensor(4))
        let unused = tape.leaf(Tensor.ones([2]))
        let between = x * y
        let gradients = tape.gradients(of: between * between, withRespectTo: [between, y, unused])
        #expect(gradients.map(\.elements) == [[24], [72], [0, 0]])
    }

    @Test func constantsAreNotRecorded() {
        let tape = Tape()
        let x = tape.leaf(Tensor(3))
        let constant = Variable(2) * Variable(5)
        #expect(tape.operationCount == 0 && constant.tape == nil)
        let product = x * constant.detached()
        let hidden = tape.withoutGradient { x * x * x }
        #expect(tape.operationCount == 1 && hidden.tape == nil && hidden.scalar == 27)
        #expect(tape.operationNames == ["*"])
        let detached = product.detached() * x
        #expect(tape.gradients(of: detached, withRespectTo: [x])[0].scalar == 30)
        #expect(tape.operationCount == 0)
        let other = tape.leaf(Tensor(1))
        let outputs = [(variable: Variable(1), gradient: Tensor(1)), (variable: other * 2, gradient: Tensor(1))]
        #expect(tape.gradients(of: outputs, withRespectTo: [other])[0].scalar == 2)
    }

    @Test func aRetainedRecordGivesMoreGradients() {
        let tape = Tape()
        let x = tape.leaf(Tensor(3))
        let square = x * x
        let cube = square * x
        let first = tape.gradients(of: cube, withRespectTo: [x], retainingRecord: true)[0]
        let second = tape.gradients(of: square, withRespectTo: [x], retainingRecord: true)[0]
        let again = tape.gradients(of: cube, withRespectTo: [x])[0]
        #expect(first.scalar == 27 && second.scalar == 6 && again.scalar == 27)
    }

    @Test func severalOutputsAddUp() {
        let tape = Tape()
        let x = tape.leaf(Tensor([1, 2], shape: [2]))
        let gradients = tape.gradients(
            of: [(x * 2, Tensor([1, 1], shape: [2])), (x * x, Tensor([1, 0], shape: [2])), (x, Tensor.ones([2]))],
            withRespectTo: [x])
        #expect(gradients[0].elements == [5, 3])
    }

    @Test func valuesAndGradientsAreLookedAtByName() {
        let tape = Tape()
        let x = tape.leaf(Tensor([1, 2], shape: [2])).named("input")
        let scores = (x * 3).named("scores")
        let loss = (scores * scores).sum()
        let gradient = tape.gradients(of: loss, withRespectTo: [x])[0]
        #expect(
            tape.value(named: "scores")?.elements == [3, 6] && tape.gradient(named: "scores")?.elements == [6, 12])
        #expect(tape.gradient(named: "input") == gradient && tape.value(named: "nothing") == nil)
        _ = tape.leaf(Tensor(1))
        #expect(tape.value(named: "scores") == nil, "a new computation begins without names")
    }

    @Test func whatIsNotFiniteIsFound() {
        let tape = Tape()
        tape.looksForNonFinite = true
        let x = tape.leaf(Tensor([0, 1], shape: [2]))
        let quotient = (Variable(1) / x).named("quotient")
        let sum = quotient.sum()
        #expect(sum.scalar == .infinity)
        let found = tape.firstNonFinite
        #expect(found?.operation == "/" && found?.name == "quotient" && found?.shape == [2])
        tape.reset()
        _ = tape.leaf(Tensor(1))
        #expect(tape.firstNonFinite == nil)
    }

    /// A recurrence of so many steps that a recursive walk, or a chain of objects that free each other, would overflow
    /// the stack.
    @Test func aLongGraphOverflowsNoStack() async {
        await #expect(processExitsWith: .success) {
            let steps = 20_000
            let inputs = Tensor.normal([steps, 2, 3], seed: 1)
            let tape = Tape()
            let weight = tape.leaf(Tensor.normal([3, 3], seed: 2) * 0.2)
            let sequence = tape.leaf(inputs)
            var state = Variable(Tensor.zeros([2, 3]))
            for step in 0..<steps {
                state = matmul(state, weight) + sequence.selecting(axis: 0, index: step)
            }
            let gradients = tape.gradients(of: state.sum(), withRespectTo: [weight, sequence])
            #expect(gradients[1].slice(axis: 0, range: steps - 1..<steps).elements == Array(repeating: 1, count: 6))
            let areFinite = gradients[0].elements.allSatisfy(\.isFinite)
            #expect(areFinite)
            // Forgotten, not walked.
            let forgotten = Tape()
            var value = forgotten.leaf(Tensor(1))
            for _ in 0..<200_000 { value = value + 1 }
            #expect(forgotten.operationCount == 200_000)
        }
    }

    private static func step(_ tape: Tape, _ weights: [Tensor], _ input: Tensor) -> [Tensor] {
        let leaves = weights.map { tape.leaf($0) }
        var value = Variable(input)
        for weight in leaves { value = softmax(linear(value, weight: weight), scale: 2) + value }
        return tape.gradients(of: value.squared().mean(), withRespectTo: leaves)
    }

    // The pool serves the whole process, so what it counts is looked at in a process of its own.

    @Test func stepsRunInTheSameMemory() async {
        await #expect(processExitsWith: .success) {
            let weights = (0..<6).map { Tensor.normal([64, 64], seed: $0) }
            let input = Tensor.normal([32, 64], seed: 9)
            let tape = Tape()
            for _ in 0..<3 { _ = Self.step(tape, weights, input) }
            let before = TensorPool.statistics
            for _ in 0..<50 { _ = Self.step(tape, weights, input) }
            let after = TensorPool.statistics
            #expect(
                after.createdBlocks == before.createdBlocks && after.usedBytes == before.usedBytes, "\(before) \(after)"
            )
        }
    }

    @Test func savedMemoryIsFreedAsThePassConsumesIt() async {
        await #expect(processExitsWith: .success) {
            // Each record saves one tensor of a megabyte; the way back needs two more at a time.
            let tape = Tape()
            let x = tape.leaf(Tensor.ones([1 << 18]))
            var value = x
            for _ in 0..<20 { value = value.squared() }
            let loss = value.sum()
            value = Variable(0)
            TensorPool.resetPeak()
            let held = TensorPool.statistics.usedBytes
            #expect(held > 20 << 20)
            let gradients = tape.gradients(of: loss, withRespectTo: [x])
            let statistics = TensorPool.statistics
            #expect(statistics.peakUsedBytes <= held + 3 << 20, "\(statistics), held \(held)")
            #expect(statistics.usedBytes < 6 << 20 && gradients[0].count == 1 << 18)
        }
    }

    @Test func mistakesStopTheProgram() async {
        await #expect(processExitsWith: .failure) {
            let tape = Tape()
            let x = tape.leaf(.ones([2]))
            _ = tape.gradients(of: x * x, withRespectTo: [x])
        }
        await #expect(processExitsWith: .failure) { _ = valueAndGradient(of: { _ in Variable(1) }, at: Tensor(2)) }
        await #expect(processExitsWith: .failure) { _ = Tape().leaf(Tensor(1)) * Tape().leaf(Tensor(1)) }
        await #expect(processExitsWith: .failure) {
            let tape = Tape()
            let x = tape.leaf(Tensor(1))
            _ = tape.gradients(of: x * x, withRespectTo: [x])
            _ = x * x
        }
        await #expect(processExitsWith: .failure) {
            let tape = Tape()
            _ = tape.gradients(of: tape.leaf(Tensor(1)), outputGradient: .ones([2]), withRespectTo: [])
        }
        await #expect(processExitsWith: .failure) {
            let tape = Tape()
            let x = tape.leaf(Tensor(1))
            _ = tape.gradients(of: x * 2, withRespectTo: [Variable(1)])
        }
    }

    @Test func operationsOfOnesOwn() {
        final class Doubling: RecordedOperation {
            override func backward(_ pass: BackwardPass) { pass.add(pass.takeGradient() * 2, toInput: 0) }
        }
        let result = valueAndGradient(
            of: { x in
                Variable.recorded(x.value * 2, from: [x]) { Doubling("doubling") }.sum()
            }, at: Tensor.ones([3]))
        #expect(result.gradient.elements == [2, 2, 2])
    }
}
