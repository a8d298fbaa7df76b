import ArgumentParser
import Foundation
import Heed

/// An operation that reads and writes each number of a matrix once.
enum PointwiseOperation: String, Sendable, CaseIterable, ExpressibleByArgument {
    case softmax
    case logSoftmax = "log_softmax"
    case layerNorm = "layer_norm"
    case rmsNorm = "rms_norm"
    case relu
    case sigmoid
    case tanh
    case silu
    case gelu
    case geluTanh = "gelu_tanh"
    case exponential = "exp"
    case logarithm = "log"
    case softplus
    /// The loss and the gradient of the logits in one pass; every row's target is its middle class.
    case crossEntropy = "cross_entropy"

    /// The pass that is measured.
    enum Direction: String, Sendable, CaseIterable, ExpressibleByArgument {
        case forward, backward

        /// The bytes per number of the matrix: forward reads x and writes y; backward reads the saved number and the
        /// gradient of the output, and writes a gradient.
        var bytes: Double { self == .forward ? 8 : 12 }
    }

    private var activation: Activation? {
        switch self {
        case .softmax, .logSoftmax, .layerNorm, .rmsNorm, .crossEntropy: nil
        case .relu: .relu
        case .sigmoid: .sigmoid
        case .tanh: .tanh
        case .silu: .silu
        case .gelu: .gelu
        case .geluTanh: .geluTanh
        case .exponential: .exponential
        case .logarithm: .logarithm
        case .softplus: .softplus
        }
    }

    /// Whether it takes exponentials of distances from a row's largest number.
    var takesScores: Bool {
        switch self {
        case .softmax, .logSoftmax, .crossEntropy: true
        default: false
        }
    }

    /// Returns the input of the operation: normal numbers, above 0 for the logarithm.
    func input(_ normal: Tensor) -> Tensor { self == .logarithm ? normal.magnitude() : normal }

    typealias Run = (_ output: inout Tensor) throws(TensorError) -> Void

    /// The operation, ready to be run on `input` again and again.
    func prepared(_ input: Tensor, _ direction: Direction, outputGradient: @autoclosure () -> Tensor) -> Run {
        if let activation {
            let call = ActivationCall(
                activation, input, outputGradient: direction == .backward ? outputGradient() : nil)
            return { (output: inout Tensor) throws(TensorError) in try call.run(into: &output) }
        }
        switch self {
        case .crossEntropy:
            let targets = [Int64](repeating: Int64(input.shape[1] / 2), count: input.shape[0])
            return { (output: inout Tensor) throws(TensorError) in
                _ = try Heed.crossEntropy(input, classes: targets, gradient: &output)
            }
        case .softmax, .logSoftmax:
            let logarithm = self == .logSoftmax
            if direction == .backward {
                let output = logarithm ? Heed.logSoftmax(input) : Heed.softmax(input)
                let call = SoftmaxGradientCall(output: output, outputGradient: outputGradient(), logarithm: logarithm)
                return { (output: inout Tensor) throws(TensorError) in try call.run(into: &output) }
            }
            let call = SoftmaxCall(input, logarithm: logarithm)
            return { (output: inout Tensor) throws(TensorError) in try call.run(into: &output) }
        default:
            return preparedNorm(input, direction == .backward ? outputGradient() : nil)
        }
    }

    private func preparedNorm(_ input: Tensor, _ outputGradient: Tensor?) -> Run {
        let norm = Norm(kind: self == .layerNorm ? .layer : .rms, epsilon: 1e-5)
        let weight = Tensor.ones([input.shape[-1]])
        let bias = self == .layerNorm ? Tensor.zeros([input.shape[-1]]) : nil
        guard let outputGradient, let statistics = norm.result(input).statistics else {
            return { (output: inout Tensor) throws(TensorError) in
                try norm.run(input, weight: weight, bias: bias, into: &output)
            }
        }
        // All gradients; the tensor of the last run gives its memory back to the pool, from where this one's comes.
        return { (output: inout Tensor) throws(TensorError) in
            output = Tensor.zeros([0])
            let gradients = norm.gradients(
                sum: input, weight: weight, statistics: statistics, outputGradient: outputGradient,
                wanted: bias == nil ? [.input, .weight] : .all)
            if let gradient = gradients.input { output = gradient }
        }
    }

    /// One row in float64.
    func reference(_ row: [Double]) -> [Double] {
        switch self {
        case .softmax, .logSoftmax:
            let largest = row.max() ?? 0
            let sum = row.map { exp($0 - largest) }.reduce(0, +)
            return row.map { self == .softmax ? exp($0 - largest) / sum : $0 - largest - log(sum) }
        case .crossEntropy:
            var gradient = PointwiseOperation.softmax.reference(row)
            gradient[row.count / 2] -= 1
            return gradient
        case .layerNorm, .rmsNorm:
            let count = Double(row.count)
            let mean = self == .layerNorm ? row.reduce(0, +) / count : 0
            let variance = row.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / count
            return row.map { ($0 - mean) / (variance + 1e-5).squareRoot() }
        case .relu: return row.map { max($0, 0) }
        case .sigmoid: return row.map { 1 / (1 + exp(-$0)) }
        case .tanh: return row.map { Foundation.tanh($0) }
        case .silu: return row.map { $0 / (1 + exp(-$0)) }
        case .gelu: return row.map { 0.5 * $0 * erfc(-$0 * 0.5.squareRoot()) }
        case .geluTanh:
            return row.map { $0 / (1 + exp(-2 * (2 / Double.pi).squareRoot() * ($0 + 0.044715 * $0 * $0 * $0))) }
        case .exponential: return row.map { exp($0) }
        case .logarithm: return row.map { log($0) }
        case .softplus: return row.map { $0 > 0 ? $0 + log1p(exp(-$0)) : log1p(exp($0)) }
        }
    }
}
