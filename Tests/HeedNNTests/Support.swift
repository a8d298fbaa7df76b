import HeedAutograd
import HeedNN
import HeedTensor
import HeedTestSupport
import Testing

/// Holds the gradients of a model's parameters and inputs against central differences in float64 of the objective
/// `sum(output * outputGradient)`, with random gradients of the outputs.
struct LayerCheck<Model: Module> {
    let name: String
    var model: Model
    let inputs: [Tensor]
    /// The share of the largest gradient that an error may have.
    var tolerance = 3e-3
    var step: Float = 0x1p-6
    let run: (Model, [Variable], Context) -> [Variable]

    private func outputs(_ model: Model, _ inputs: [Tensor]) -> [Tensor] {
        run(model, inputs.map { Variable($0) }, Context()).map(\.value)
    }

    private func objective(_ model: Model, _ inputs: [Tensor], _ outputGradients: [Tensor]) -> Double {
        var sum = 0.0
        for (output, outputGradient) in zip(outputs(model, inputs), outputGradients) {
            for (value, factor) in zip(output.elements, outputGradient.elements) {
                sum += Double(value) * Double(factor)
            }
        }
        return sum
    }

    func check() {
        let values = outputs(model, inputs)
        let outputGradients = values.enumerated().map { Tensor.normal($1.shape, seed: 900 + UInt64($0)) }
        let tape = Tape()
        let context = Context(tape: tape, training: false)
        let leaves = inputs.map { tape.leaf($0) }
        let recorded = run(model, leaves, context)
        // The same bits with a tape and without.
        for (value, variable) in zip(values, recorded) {
            #expect(haveSameBits(value, variable.value), "\(name): recording changes the output")
        }
        let parameters = model.parameters
        let gradients = tape.gradients(
            of: zip(recorded, outputGradients).map { (variable: $0, gradient: $1) },
            withRespectTo: leaves + parameters.map { context.variable($0.parameter) })
        for (number, input) in inputs.enumerated() {
            compare("input \(number)", gradients[number], input) { moved in
                var inputs = inputs
                inputs[number] = moved
                return objective(model, inputs, outputGradients)
            }
        }
        for (number, parameter) in parameters.enumerated() {
            compare(parameter.name, gradients[inputs.count + number], parameter.parameter.value) { moved in
                var model = model
                model.forEachParameter { name, other in if name == parameter.name { other.value = moved } }
                return objective(model, inputs, outputGradients)
            }
        }
    }

    private func compare(_ what: String, _ gradient: Tensor, _ tensor: Tensor, _ objective: (Tensor) -> Double) {
        #expect(gradient.shape == tensor.shape, "\(name): \(what)")
        // A few places of a large tensor stand for all.
        let places = Array(stride(from: 0, to: tensor.count, by: Swift.max(1, tensor.count / 12)))
        let expected = places.map { place in
            func at(_ step: Float) -> Double {
                var moved = tensor
                moved.withUnsafeMutableElements { $0[place] += step }
                return objective(moved)
            }
            let near = at(step) - at(-step)
            let far = at(2 * step) - at(-2 * step)
            return (8 * near - far) / (12 * Double(step))
        }
        let found = gradient.elements
        let scale = Swift.max(expected.map(abs).max() ?? 0, 0.1)
        for (place, value) in zip(places, expected) {
            #expect(
                abs(Double(found[place]) - value) <= tolerance * scale,
                "\(name): \(what), element \(place): \(found[place]), differences give \(value)")
        }
    }
}

/// `[batch, ...]` cut to one entry.
func entry(_ number: Int, of tensor: Tensor) -> Tensor { tensor.slice(axis: 0, range: number..<number + 1) }
