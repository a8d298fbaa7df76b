// The source of random numbers for whoever names none. It hands out generators, not numbers: a lock is held to count
// one more, and what is drawn then needs none.

extension RandomGenerator {
    private struct Source {
        var seed: UInt64 = 0
        var generators: UInt64 = 0
    }

    private static let source = ProcessMutex(Source(), guarding: .work)

    /// Streams from here on are those of the default source, so that they meet no stream that a program counts from 0.
    private static let firstDefaultStream: UInt64 = 1 << 63

    /// The next generator of the process's default source, which layers draw their weights from where none is given.
    ///
    /// The `n`-th generator, from 0, has the seed of ``seedDefault(_:)`` and the stream `2^63 + n`: its numbers are
    /// independent of those of the others. The seed is 0 unless another is given, so that a program that makes the same
    /// layers in the same order has the same weights each time it runs.
    ///
    /// ```swift
    /// let layer = Linear(inputSize: 4, outputSize: 2)     // the first generator
    /// let other = Linear(inputSize: 4, outputSize: 2)     // the second: other weights
    /// ```
    ///
    /// Any number of tasks and threads may ask at once. Which of them then comes first is not the same in each run: for
    /// weights that are, make layers one after the other, or give each task a generator of its own,
    /// `RandomGenerator(seed:stream:)`. A child of `fork()` goes on where its parent was.
    public init() {
        let (seed, number) = Self.source.withLock { source in
            defer { source.generators &+= 1 }
            return (source.seed, source.generators)
        }
        self.init(seed: seed, stream: Self.firstDefaultStream | number)
    }

    /// Lets the default source begin anew with this seed: the generators that ``init()`` gives from here on are the
    /// same each time that this is called.
    ///
    /// ```swift
    /// RandomGenerator.seedDefault(7)                      // at the beginning of a program: another run of it
    /// RandomGenerator.seedDefault(.random(in: 0...(.max)))  // other weights in each run
    /// ```
    public static func seedDefault(_ seed: UInt64) {
        source.withLock { $0 = Source(seed: seed) }
    }
}
