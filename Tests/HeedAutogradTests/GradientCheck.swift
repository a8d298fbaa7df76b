import HeedAutograd
import HeedTensor
import HeedTestSupport
import Testing

/// A function held against finite differences.
struct GradientCase: Sendable, CustomStringConvertible {
    let description: String
    let inputs: [Tensor]
    /// The step of the differences: small where derivatives change quickly.
    var step: Float
    let function: @Sendable ([Variable]) -> [Variable]

    init(
        _ description: String, _ inputs: [Tensor], step: Float = 0x1p-4,
        _ function: @escaping @Sendable ([Variable]) -> Variable
    ) {
        self.init(description, inputs, step: step) { [function($0)] }
    }

    init(
        _ description: String, _ inputs: [Tensor], step: Float = 0x1p-4,
        outputs function: @escaping @Sendable ([Variable]) -> [Variable]
    ) {
        (self.description, self.inputs, self.step, self.function) = (description, inputs, step, function)
    }

    /// Random gradients of the outputs, of their shapes: the first axis is the fastest in memory, and there are gaps.
    private func outputGradients(_ outputs: [Variable]) -> [Tensor] {
        outputs.enumerated().map { number, output in
            let sizes = output.shape.dimensions
            guard let first = sizes.first else { return Tensor(0.7 + Float(number)) }
            let spread = Tensor.normal(Shape((sizes.dropFirst() + [first * 2]).reversed()), seed: 1000 + UInt64(number))
            return spread.permuted(Array((0..<sizes.count).reversed()))
                .slice(axis: -1, range: 0..<first * 2)
                .permuted([sizes.count - 1] + Array(0..<sizes.count - 1)).slice(axis: 0, range: first..<2 * first)
        }
    }

    /// `sum(output * outputGradient)` in float64.
    private func objective(_ inputs: [Tensor], _ outputGradients: [Tensor]) -> Double {
        var sum = 0.0
        for (output, outputGradient) in zip(function(inputs.map { Variable($0) }), outputGradients) {
            for (value, factor) in zip(output.value.elements, outputGradient.elements) {
                sum += Double(value) * Double(factor)
            }
        }
        return sum
    }

    private func gradients(of tracked: Set<Int>, _ outputGradients: [Tensor]) -> [Int: Tensor] {
        let tape = Tape()
        let variables = inputs.enumerated().map { tracked.contains($0) ? tape.leaf($1) : Variable($1) }
        let outputs = function(variables)
        let order = tracked.sorted()
        let gradients = tape.gradients(
            of: Array(zip(outputs, outputGradients)).map { (variable: $0, gradient: $1) },
            withRespectTo: order.map { variables[$0] })
        return Dictionary(uniqueKeysWithValues: zip(order, gradients))
    }

    /// Of every subset of the inputs the gradients have the same bits; those of all agree with differences of order 4.
    func check(tolerance: Double = 2e-4) {
        let outputGradients = outputGradients(function(inputs.map { Variable($0) }))
        let all = gradients(of: Set(inputs.indices), outputGradients)
        for bits in 1..<(1 << inputs.count) - 1 {
            let subset = Set(inputs.indices.filter { bits >> $0 & 1 == 1 })
            for (input, gradient) in gradients(of: subset, outputGradients) {
                #expect(all[input].map { haveSameBits(gradient, $0) } == true, "\(self): input \(input) of \(subset)")
            }
        }
        for (number, input) in inputs.enumerated() {
            guard let gradient = all[number] else { continue }
            #expect(gradient.shape == input.shape, "\(self)")
            let got = gradient.elements.map(Double.init)
            let expected = (0..<input.count).map { difference(number, $0, outputGradients) }
            let largest = expected.map(abs).max() ?? 0
            for (position, pair) in zip(got, expected).enumerated() {
                let error = abs(pair.0 - pair.1)
                #expect(
                    error <= tolerance * max(largest, 0.1),
                    "\(self): input \(number), element \(position): \(pair.0), differences give \(pair.1)")
            }
        }
    }

    private func difference(_ number: Int, _ position: Int, _ outputGradients: [Tensor]) -> Double {
        func at(_ step: Float) -> Double {
            var moved = inputs
            moved[number].withUnsafeMutableElements { $0[position] += step }
            return objective(moved, outputGradients)
        }
        let near = at(step) - at(-step)
        let far = at(2 * step) - at(-2 * step)
        return (8 * near - far) / (12 * Double(step))
    }
}

extension StridedTensor where Scalar == Float {
    /// Numbers from 0.5 to 2, apart from each other and from where functions have kinks.
    static func positive(_ shape: Shape, seed: UInt64) -> Tensor {
        var generator = SeededGenerator(seed: seed)
        let order = (0..<shape.count).shuffled(using: &generator)
        return Tensor(order.map { 0.5 + 1.5 * (Float($0) + 0.5) / Float(shape.count) }, shape: shape)
    }

    /// A view of normal numbers whose memory lies the other way round.
    static func spreadNormal(_ shape: Shape, seed: UInt64) -> Tensor {
        let sizes = shape.dimensions
        return normal(Shape(sizes.reversed()), seed: seed).permuted(Array((0..<sizes.count).reversed()))
    }
}
