import HeedTensor

/// Computes the mean cross-entropy of a linear layer's logits with classes:
/// `mean of -log softmax(x W^T + b)[target]`.
///
/// It has the bits of ``crossEntropy(_:targets:ignoring:classWeights:labelSmoothing:reduction:)`` of
/// ``linear(_:weight:bias:activation:)``, but the logits are turned into their gradient in place: a large vocabulary
/// needs one matrix `[rows, classes]` and not two.
///
/// - Parameters:
///   - input: `[..., in]`.
///   - weight: `[classes, in]`.
///   - bias: `[classes]`, or nil.
///   - targets: `[...]`, each from 0 to `classes - 1`, or the ignored one.
///   - ignored: Rows of this target have no loss and no gradient, whatever their logits are.
///   - labelSmoothing: The part of each target that is spread over all classes, from 0 to 1.
public func linearCrossEntropy(
    _ input: Variable, weight: Variable, bias: Variable? = nil, targets: IndexTensor, ignoring ignored: Int? = nil,
    labelSmoothing: Float = 0
) -> Variable {
    let inputs = [input, weight] + (bias.map { [$0] } ?? [])
    guard inputs.contains(where: { $0.tape?.isRecording == true }) else {
        return crossEntropy(
            linear(input, weight: weight, bias: bias), targets: targets, ignoring: ignored,
            labelSmoothing: labelSmoothing)
    }
    require(
        targets.shape == Shape(Array(input.shape.dimensions.dropLast())),
        "linearCrossEntropy: targets \(targets.shape) for an input \(input.shape)")
    var logits = linear(input.value, weight: weight.value, bias: bias?.value)
    let loss = trapping { () throws(TensorError) in
        try crossEntropyInPlace(
            &logits, classes: targets.elements.map { Int64($0) }, labelSmoothing: labelSmoothing,
            ignoredClass: ignored.map { Int64($0) })
    }
    return Variable.recorded(loss, from: inputs) { LinearCrossEntropy(input, weight, logitsGradient: logits) }
}

/// `dz`, which was computed with the loss, times the gradient of the loss, which mostly is 1; then
/// ``BackwardPass/addLinear(_:_:hasBias:)``.
private final class LinearCrossEntropy: RecordedOperation {
    let operands: LinearOperands
    var logitsGradient: Tensor?

    init(_ input: Variable, _ weight: Variable, logitsGradient: Tensor) {
        operands = LinearOperands(input, weight)
        self.logitsGradient = logitsGradient
        super.init("linearCrossEntropy")
    }

    override func backward(_ pass: BackwardPass) {
        let arrived = pass.takeGradient().scalar
        var gradient: Tensor?
        if pass.isRetained {
            gradient = logitsGradient
        } else {
            swap(&gradient, &logitsGradient)
        }
        if arrived != 1 { gradient? *= arrived }
        if let gradient { pass.addLinear(gradient, operands, hasBias: inputs.count > 2) }
    }
}
