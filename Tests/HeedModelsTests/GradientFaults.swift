import HeedAutograd
import HeedNN
import HeedTensor

/// What is wrong with the gradients of a model's loss, nil if nothing is: each must be finite, not zero, and that of
/// differences along a random direction.
///
/// - Parameters:
///   - untrained: Rows of parameters that are read but have no gradient by intent, such as those of padding.
///   - loss: The loss, which draws no random numbers.
func faultInGradients<Model: Module>(
    of model: Model, untrained: [String: Int] = [:], _ loss: (Model, Context) -> Variable
) -> String? {
    let (value, gradients) = valueAndGradient(of: model) { loss(model, $0) }
    guard value.scalar.isFinite, value.scalar == loss(model, Context()).scalar else {
        return "the loss is \(value.scalar) with a tape and \(loss(model, Context()).scalar) without"
    }
    for (name, gradient) in zip(model.trainableNames, gradients) {
        let elements = gradient.elements
        guard elements.allSatisfy(\.isFinite), elements.contains(where: { $0 != 0 }) else {
            return "\(name) has no gradient, or one that is not finite"
        }
        var direction = Tensor.normal(gradient.shape, seed: 7)
        if let row = untrained[name] {
            let width = direction.shape[1]
            direction.withUnsafeMutableElements { for column in 0..<width { $0[row * width + column] = 0 } }
            guard gradient.slice(axis: 0, range: row..<row + 1).elements.allSatisfy({ $0 == 0 }) else {
                return "row \(row) of \(name) has a gradient"
            }
        }
        let length = (direction * direction).sum().scalar.squareRoot()
        func moved(_ step: Float) -> Double {
            var copy = model
            copy.forEachParameter { other, parameter in
                if other == name { parameter.value = parameter.value + direction * (step / length) }
            }
            return Double(loss(copy, Context()).scalar)
        }
        let step: Float = 0x1p-5
        let difference =
            (8 * (moved(step) - moved(-step)) - (moved(2 * step) - moved(-2 * step))) / (12 * Double(step))
        let derivative = Double((gradient * direction).sum().scalar / length)
        guard abs(derivative - difference) <= 3e-4 + 0.02 * abs(difference) else {
            return "\(name): \(derivative), differences give \(difference)"
        }
    }
    return nil
}
