// The default source of random numbers. It returns generators, not numbers: the lock is held only to count one more
// generator, and drawing numbers then needs no lock.

extension RandomGenerator {
    private struct Source {
        var seed: UInt64 = 0
        var generators: UInt64 = 0
    }

    private static let source = ProcessMutex(Source(), guarding: .work)

    /// The first stream of the default source. It is far from the streams that a program counts from 0.
    private static let firstDefaultStream: UInt64 = 1 << 63

    /// Makes the next generator of the process's default source. Layers draw their weights from it if no generator is
    /// given.
    ///
    /// The `n`-th generator, from 0, has the seed of ``seedDefault(_:)`` and the stream `2^63 + n`: its numbers are
    /// independent of those of the other generators. The seed is 0 unless another is given, so that a program that
    /// makes the same layers in the same order has the same weights each time it runs.
    ///
    /// ```swift
    /// let layer = Linear(inputSize: 4, outputSize: 2)     // the first generator
    /// let other = Linear(inputSize: 4, outputSize: 2)     // the second: other weights
    /// ```
    ///
    /// Any number of tasks and threads may ask at once. Their order may then differ from run to run. To get the same
    /// weights in each run, make layers one after the other, or give each task its own generator,
    /// `RandomGenerator(seed:stream:)`. A child of `fork()` continues where its parent was.
    public init() {
        let (seed, number) = Self.source.withLock { source in
            defer { source.generators &+= 1 }
            return (source.seed, source.generators)
        }
        self.init(seed: seed, stream: Self.firstDefaultStream | number)
    }

    /// Makes the default source begin again with this seed: after each such call, ``init()`` gives the same generators.
    ///
    /// ```swift
    /// RandomGenerator.seedDefault(7)                      // at the beginning of a program: another run of it
    /// RandomGenerator.seedDefault(.random(in: 0...(.max)))  // other weights in each run
    /// ```
    public static func seedDefault(_ seed: UInt64) {
        source.withLock { $0 = Source(seed: seed) }
    }
}
