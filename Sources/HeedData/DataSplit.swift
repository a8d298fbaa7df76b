import HeedTensor

/// Examples to train on, and others of the same kind that the model must not have seen.
public struct DataSplit<Example: Sendable>: Sendable {
    /// The examples to train on.
    public let training: [Example]
    /// The examples to judge by; none of them is in ``training``.
    public let heldOut: [Example]

    /// Makes a split.
    public init(training: [Example], heldOut: [Example]) {
        self.training = training
        self.heldOut = heldOut
    }
}

extension DataSplit: Equatable where Example: Equatable {}

/// Draws examples that are all different.
struct DistinctDraws {
    private var seen: Set<String> = []

    /// This many draws without a new example mean that there are not enough of them.
    private static let mostRepeats = 10_000

    /// Returns `count` examples whose keys differ from each other and from all that were drawn before.
    mutating func next<Example>(
        _ count: Int, of kind: String, key: (Example) -> String, draw: () -> Example
    ) -> [Example] {
        var examples: [Example] = []
        examples.reserveCapacity(count)
        var repeats = 0
        while examples.count < count {
            let example = draw()
            if seen.insert(key(example)).inserted {
                examples.append(example)
                repeats = 0
            } else {
                repeats += 1
                require(repeats < Self.mostRepeats, "\(kind): there are not \(count) different examples")
            }
        }
        return examples
    }
}

extension RandomGenerator {
    /// Returns one of the elements, each as likely as the others.
    mutating func element<Element>(of elements: [Element]) -> Element { elements[below(elements.count)] }

    /// Returns whether something of that probability happens.
    mutating func happens(_ probability: Double) -> Bool { uniform() < probability }
}
