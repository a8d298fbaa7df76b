import ArgumentParser
import Foundation
import Heed

/// An operation along the rows of a matrix that reads and writes each number once.
enum PointwiseOperation: String, Sendable, CaseIterable, ExpressibleByArgument {
    case softmax
    case logSoftmax = "log_softmax"

    /// The operation, ready to be run on `input` again and again.
    func prepared(_ input: Tensor) -> (_ output: inout Tensor) throws(TensorError) -> Void {
        let call = SoftmaxCall(input, logarithm: self == .logSoftmax)
        return { (output: inout Tensor) throws(TensorError) in try call.run(into: &output) }
    }

    /// One row in float64.
    func reference(_ row: [Double]) -> [Double] {
        let largest = row.max() ?? 0
        let sum = row.map { exp($0 - largest) }.reduce(0, +)
        switch self {
        case .softmax: return row.map { exp($0 - largest) / sum }
        case .logSoftmax: return row.map { $0 - largest - log(sum) }
        }
    }
}
