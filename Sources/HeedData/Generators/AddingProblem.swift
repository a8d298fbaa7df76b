import HeedTensor

/// The adding problem (Hochreiter and Schmidhuber, "Long short-term memory", 1997): a long sequence of numbers, two of
/// which are marked; the answer is their sum.
///
/// At each step there are a number, even over [0, 1), and a marker: 1 at one step of the first half and at one of the
/// second, 0 elsewhere. Nothing between the marked steps matters, so the task shows how far back a network's gradients
/// reach. Who always answers 1, the mean, has the mean squared error 1/6.
public struct AddingProblem: Sendable {
    /// How many steps a sequence has.
    public let length: Int

    /// The mean squared error of the best constant answer: the variance of a sum of two even numbers.
    public static let constantError = 1.0 / 6

    /// Makes a problem.
    ///
    /// - Precondition: The length is at least 2.
    public init(length: Int) {
        require(length >= 2, "AddingProblem: length \(length), and two steps are marked")
        self.length = length
    }

    /// Sequences with their answers.
    public struct Batch: Sendable, Equatable {
        /// The number and the marker of each step: `[count, length, 2]`.
        public let inputs: [Float]
        /// The sum of the marked numbers: `[count]`.
        public let targets: [Float]
    }

    /// Draws sequences; the generator's position afterwards continues with others.
    public func batch(_ count: Int, using generator: inout RandomGenerator) -> Batch {
        require(count >= 0, "AddingProblem.batch: \(count) sequences")
        var inputs: [Float] = []
        var targets: [Float] = []
        inputs.reserveCapacity(count * length * 2)
        for _ in 0..<count {
            // Of 24 bits, so that a Float holds each number exactly, and none is rounded to 1.
            let numbers = (0..<length).map { _ in Float(generator.next() >> 40) * 0x1p-24 }
            let half = length / 2
            let marked = (generator.below(half), half + generator.below(length - half))
            for (step, number) in numbers.enumerated() {
                inputs.append(number)
                inputs.append(step == marked.0 || step == marked.1 ? 1 : 0)
            }
            targets.append(numbers[marked.0] + numbers[marked.1])
        }
        return Batch(inputs: inputs, targets: targets)
    }
}
