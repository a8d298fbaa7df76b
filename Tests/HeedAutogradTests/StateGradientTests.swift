import HeedAutograd
import HeedTensor
import Testing

@Suite("Gradients of hidden states")
struct StateGradientTests {
    private static func weights(_ kind: RecurrentKind, input: Int, hidden: Int, on tape: Tape) -> RecurrentVariables {
        let rows = kind.gates * hidden
        func leaf(_ shape: Shape, _ seed: UInt64) -> Variable { tape.leaf(Tensor.normal(shape, seed: seed) * 0.4) }
        return RecurrentVariables(
            inputWeight: leaf([rows, input], 1), hiddenWeight: leaf([rows, hidden], 2), inputBias: leaf([rows], 3),
            hiddenBias: leaf([rows], 4))
    }

    // h_t = a h_(t-1) + x_t, all of it positive: dL/dh_t = a^(T - 1 - t), which vanishes below a = 1 and explodes
    // above.
    @Test(arguments: [Float(0.5), 1, 1.5]) func vanishAndExplodeAsTheWeightSays(_ scale: Float) {
        let (time, hidden) = (24, 5)
        let tape = Tape()
        tape.keepsStateGradients = true
        let recurrentWeight = tape.leaf(Tensor.identity(hidden) * scale)
        let result = recurrent(
            .rnn(.relu), Variable(Tensor.ones([2, time, hidden])),
            RecurrentVariables(inputWeight: Variable(Tensor.identity(hidden)), hiddenWeight: recurrentWeight))
        let other = tape.leaf(Tensor(1))
        let gradients = tape.gradients(of: result.hidden.sum() * other, withRespectTo: [other, recurrentWeight])
        #expect(gradients.count == 2 && tape.stateGradients.count == 1)
        let states = tape.stateGradients[0]
        #expect(states.operation == "rnn(relu)" && states.weight == 1 && states.gradient.shape == [2, time, hidden])
        for (step, norm) in states.norms.enumerated() {
            var expected = Double(2 * hidden).squareRoot()
            for _ in step..<time - 1 { expected *= Double(scale) }
            #expect(abs(norm - expected) <= 1e-5 * expected, "step \(step)")
        }
        // So small that their squares are no floats.
        let tiny = StateGradientTests.scaled(states, by: 1e-30)
        #expect(tiny.norms.allSatisfy { $0 > 0 })
        _ = tape.leaf(Tensor(0))
        #expect(tape.stateGradients.isEmpty, "they are of the computation before")
    }

    private static func scaled(_ states: StateGradient, by factor: Float) -> StateGradient {
        let tape = Tape()
        tape.keepsStateGradients = true
        let weight = tape.leaf(Tensor.identity(states.gradient.shape[2]))
        let result = recurrent(
            .rnn(.relu), Variable(Tensor.ones(states.gradient.shape)),
            RecurrentVariables(inputWeight: weight, hiddenWeight: weight))
        _ = tape.gradients(of: result.output.sum() * factor, withRespectTo: [weight])
        return tape.stateGradients[0]
    }

    // One call over the sequence, and a call a step with the states as variables of their own.
    @Test(arguments: RecurrentKind.allCases) func areThoseOfStepsTakenOneByOne(_ kind: RecurrentKind) {
        let (batch, time, input, hidden) = (3, 7, 4, 9)
        let x = Tensor.normal([batch, time, input], seed: 9)
        let outputGradient = Tensor.normal([batch, time, hidden], seed: 10)

        let fused = Tape()
        fused.keepsStateGradients = true
        let whole = Self.weights(kind, input: input, hidden: hidden, on: fused)
        let output = recurrent(kind, Variable(x), whole)
        _ = fused.gradients(
            of: (output.output * Variable(outputGradient)).sum() + output.hidden.squared().sum(),
            withRespectTo: [whole.inputWeight, whole.hiddenWeight])
        let found = fused.stateGradients[0].gradient

        let tape = Tape()
        tape.keepsStateGradients = true
        let weights = Self.weights(kind, input: input, hidden: hidden, on: tape)
        var (state, cell): (Variable?, Variable?) = (nil, nil)
        var loss = Variable(0)
        for step in 0..<time {
            let result = recurrent(
                kind, Variable(x.slice(axis: 1, range: step..<step + 1)), weights, hidden: state, cell: cell)
            state = result.hidden.named("h\(step)")
            cell = result.cell
            loss = loss + (result.hidden * Variable(outputGradient.selecting(axis: 1, index: step))).sum()
        }
        loss = loss + (state ?? loss).squared().sum()
        _ = tape.gradients(of: loss, withRespectTo: [weights.hiddenWeight])
        #expect(tape.stateGradients.count == time && tape.stateGradients.allSatisfy { $0.weight == 0 })
        for step in 0..<time {
            let named = tape.gradient(named: "h\(step)")?.elements ?? []
            let ofCall = tape.stateGradients[step].gradient.elements
            let ofWhole = found.selecting(axis: 1, index: step).elements
            #expect(named.count == batch * hidden && ofCall.count == named.count)
            for (index, expected) in named.enumerated() {
                #expect(abs(ofWhole[index] - expected) <= 2e-6 * (1 + abs(expected)), "step \(step)")
                #expect(abs(ofCall[index] - expected) <= 2e-6 * (1 + abs(expected)), "step \(step), alone")
            }
        }
    }

    @Test func nothingIsKeptUnlessAskedFor() {
        let tape = Tape()
        let weights = Self.weights(.lstm, input: 2, hidden: 3, on: tape)
        let output = recurrent(.lstm, Variable(Tensor.ones([1, 4, 2])), weights)
        _ = tape.gradients(of: output.output.sum(), withRespectTo: [weights.hiddenWeight])
        #expect(tape.stateGradients.isEmpty)
    }

    // sqrt(0) is finite, its gradient is not.
    @Test(arguments: [false, true]) func theFirstGradientThatIsNotFiniteIsFound(_ isRetained: Bool) {
        let tape = Tape()
        tape.looksForNonFinite = true
        let before = tape.leaf(Tensor(2))
        let weight = tape.leaf(Tensor(0))
        let root = (before * weight).squareRoot()
        let loss = root * tape.leaf(Tensor(3)) + 1
        #expect(tape.firstNonFinite == nil)
        _ = tape.gradients(of: loss, withRespectTo: [before, weight], retainingRecord: isRetained)
        let first = tape.firstNonFinite
        #expect(first?.operation == "squareRoot" && first?.isGradient == true && first?.shape == [])
    }
}
