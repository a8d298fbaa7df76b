import Heed

/// The matrices of a benchmark: standard normal numbers, the same in every run and in every process.
struct GemmOperands {
    let call: MatrixProductCall
    private let problem: GemmProblem
    // The numbers that the call reads, rounded where its type is narrower.
    private let left: Tensor
    private let right: Tensor

    init(_ problem: GemmProblem) throws(CommandFailure) {
        self.problem = problem
        var generator = RandomGenerator.benchmark
        let left = Tensor.normal([problem.m, problem.k], using: &generator)
        let right = Tensor.normal([problem.k, problem.n], using: &generator)
        do {
            switch problem.elementType {
            case .float32:
                (self.left, self.right) = (left, right)
                call = try MatrixProductCall(left, right)
            case .bfloat16:
                let (left, right) = (left.bfloat16(), right.bfloat16())
                (self.left, self.right) = (left.float32(), right.float32())
                call = try MatrixProductCall(left, right)
            }
        } catch {
            throw .workFailed(error.description)
        }
    }

    /// How many terms of float64 sums are worth the wait.
    private static let affordableTerms = 4_000_000

    /// `max |x - r| / max |r|` over entries spread evenly over the output, `r` in float64.
    func error(of output: Tensor) -> Double {
        let count = problem.m * problem.n
        let checked = min(count, max(Self.affordableTerms / problem.k, 16))
        return left.withUnsafeElements { left in
            right.withUnsafeElements { right in
                output.withUnsafeElements { output in
                    var (largestDifference, largest) = (0.0, 0.0)
                    for number in 0..<checked {
                        let index = checked > 1 ? Int(Double(number) * Double(count - 1) / Double(checked - 1)) : 0
                        let (row, column) = (index / problem.n, index % problem.n)
                        var sum = 0.0
                        for term in 0..<problem.k {
                            sum += Double(left[row * problem.k + term]) * Double(right[term * problem.n + column])
                        }
                        largestDifference = max(largestDifference, TensorComparison.difference(output[index], sum))
                        largest = max(largest, abs(sum))
                    }
                    return largestDifference == 0 ? 0 : largestDifference / largest
                }
            }
        }
    }
}
