import HeedTensor

/// How rows are normalised.
public enum Normalization: Sendable, Hashable {
    /// Rows of mean 0 and variance 1; see ``layerNorm(_:weight:bias:epsilon:)``.
    case layer
    /// Rows of mean square 1; see ``rmsNorm(_:weight:epsilon:)``.
    case rootMeanSquare

    fileprivate func norm(_ epsilon: Double) -> Norm { Norm(kind: self == .layer ? .layer : .rms, epsilon: epsilon) }
}

/// Normalises rows along the last axis:   `y = (x - mean) / sqrt(variance + epsilon) * weight + bias`.
///
/// - Parameters:
///   - input: `[..., n]`.
///   - kind: ``Normalization/layer``, or ``Normalization/rootMeanSquare``, whose mean is 0 and whose variance is the
///     mean square.
///   - weight: `[n]`, or nil for ones.
///   - bias: `[n]`, or nil for zeros.
public func normalized(
    _ input: Variable, _ kind: Normalization = .layer, weight: Variable? = nil, bias: Variable? = nil,
    epsilon: Double = 1e-5
) -> Variable {
    normalized(input, residual: nil, kind, weight: weight, bias: bias, epsilon: epsilon)[0]
}

/// Normalises the sum of an input and a residual, in one pass.
///
/// - Returns: The normalised sum, and the sum itself, which the next residual connection takes.
public func normalized(
    adding residual: Variable, to input: Variable, _ kind: Normalization = .layer, weight: Variable? = nil,
    bias: Variable? = nil, epsilon: Double = 1e-5
) -> (output: Variable, sum: Variable) {
    let results = normalized(input, residual: residual, kind, weight: weight, bias: bias, epsilon: epsilon)
    return (results[0], results[1])
}

private func normalized(
    _ input: Variable, residual: Variable?, _ kind: Normalization, weight: Variable?, bias: Variable?, epsilon: Double
) -> [Variable] {
    var inputs = [input]
    if let weight { inputs.append(weight) }
    if let bias { inputs.append(bias) }
    if let residual { inputs.append(residual) }
    let isRecorded = inputs.contains { $0.tape?.isRecording == true }
    let norm = kind.norm(epsilon)
    let result = norm.result(
        input.value, residual: residual?.value, weight: weight?.value, bias: bias?.value, keepingStatistics: isRecorded)
    guard isRecorded, let statistics = result.statistics else {
        return residual == nil ? [Variable(result.output)] : [Variable(result.output), Variable(result.sum)]
    }
    return Variable.recorded(residual == nil ? [result.output] : [result.output, result.sum], from: inputs) {
        NormalizationOperation(
            norm, sum: result.sum, weight: weight?.value, statistics: statistics,
            hasBias: bias != nil, hasResidual: residual != nil)
    }
}

/// The operation of ``Norm``. The gradients of the input and of the residual are the same.
private final class NormalizationOperation: RecordedOperation {
    let norm: Norm
    let sum: Tensor
    let weight: Tensor?
    let statistics: Tensor
    let weightInput: Int?
    let biasInput: Int?
    let residualInput: Int?

    init(
        _ norm: Norm, sum: Tensor, weight: Tensor?, statistics: Tensor, hasBias: Bool,
        hasResidual: Bool
    ) {
        (self.norm, self.sum, self.weight, self.statistics) = (norm, sum, weight, statistics)
        var next = 1
        func number(_ isThere: Bool) -> Int? {
            guard isThere else { return nil }
            defer { next += 1 }
            return next
        }
        weightInput = number(weight != nil)
        biasInput = number(hasBias)
        residualInput = number(hasResidual)
        super.init("normalized", outputCount: hasResidual ? 2 : 1)
    }

    override func backward(_ pass: BackwardPass) {
        let sumGradient = residualInput == nil ? nil : pass.takeGradient(ofOutput: 1)
        guard let gradient = pass.takeGradient(ofOutput: 0) else {
            if let sumGradient { giveSum(sumGradient, pass) }
            return
        }
        var wanted: Norm.Wanted = []
        if pass.needs(0) || residualInput.map(pass.needs) == true { wanted.insert(.input) }
        if weightInput.map(pass.needs) == true { wanted.insert(.weight) }
        if biasInput.map(pass.needs) == true { wanted.insert(.bias) }
        let gradients = norm.gradients(
            sum: sum, weight: weight, statistics: statistics, outputGradient: gradient, sumGradient: sumGradient,
            wanted: wanted)
        if let input = gradients.input { giveSum(input, pass) }
        if let weightInput, let weight = gradients.weight { pass.add(weight, toInput: weightInput) }
        if let biasInput, let bias = gradients.bias { pass.add(bias, toInput: biasInput) }
    }

    private func giveSum(_ gradient: Tensor, _ pass: BackwardPass) {
        pass.add(gradient, toInput: 0)
        if let residualInput { pass.add(gradient, toInput: residualInput) }
    }
}
