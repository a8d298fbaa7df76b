import Testing

@testable import HeedTensor

/// The pool serves the whole process, so what it counts is looked at in processes of their own.
@Suite("The pool behind tensors")
struct PoolTests {
    /// Blocks of fixed pseudo-random sizes, some of which live long.
    private struct Step {
        var random = RandomGenerator(seed: 3)
        var blocks: [TensorStorage] = []

        mutating func run(_ count: Int, to largest: Int) -> Int {
            var written = 0
            for index in 0..<count {
                if random.below(5) < 2, !blocks.isEmpty { blocks.remove(at: random.below(blocks.count)) }
                let bytes = 1 + random.below(index % 7 == 0 ? largest : largest / 50)
                guard let block = TensorStorage(byteCount: bytes) else { return -1 }
                // Each block holds its own number at both ends until it is let go of.
                block.bytes.storeBytes(of: UInt8(index % 251), as: UInt8.self)
                (block.bytes + (bytes - 1)).storeBytes(of: UInt8(index % 251), as: UInt8.self)
                written += 1
                blocks.append(block)
            }
            return written
        }

        var areWhole: Bool {
            blocks.allSatisfy { $0.bytes.load(as: UInt8.self) == ($0.bytes + ($0.byteCount - 1)).load(as: UInt8.self) }
        }

        var overlap: Bool {
            let stretches = blocks.map { (UInt(bitPattern: $0.bytes), UInt($0.byteCount)) }.sorted { $0.0 < $1.0 }
            return zip(stretches, stretches.dropFirst()).contains { $0.0 + $0.1 > $1.0 }
        }
    }

    @Test func blocksNeverOverlapAndComeBack() async {
        await #expect(processExitsWith: .success) {
            var step = Step()
            for round in 0..<20 {
                #expect(step.run(400, to: 6 << 20) == 400)
                #expect(step.areWhole && !step.overlap, "round \(round)")
                #expect(step.blocks.allSatisfy { UInt(bitPattern: $0.bytes) % 64 == 0 })
                let statistics = TensorPool.statistics
                #expect(statistics.usedBytes >= step.blocks.reduce(0) { $0 + $1.byteCount })
                if round % 4 == 3 { step.blocks.removeAll() }
            }
            step.blocks.removeAll()
            #expect(TensorPool.statistics.usedBytes == 0)
            TensorPool.trim()
            #expect(TensorPool.statistics.idleBytes == 0)
        }
    }

    // A step of any sizes, repeated, asks the system for nothing more after a few rounds.
    @Test func stepsThatRepeatAreServedFromThePool() async {
        await #expect(processExitsWith: .success) {
            let weights = (0..<20).compactMap { TensorStorage(byteCount: 100_000 * ($0 + 1)) }
            func round() {
                var step = Step()
                _ = step.run(500, to: 4 << 20)
            }
            for _ in 0..<10 { round() }
            let before = TensorPool.statistics
            for _ in 0..<20 { round() }
            let after = TensorPool.statistics
            #expect(after.createdBlocks == before.createdBlocks)
            #expect(after.usedBytes == before.usedBytes && after.idleBytes == before.idleBytes)
            #expect(after.idleBytes + after.usedBytes < after.peakUsedBytes / 2 * 3, "\(after)")
            withExtendedLifetime(weights) {}
        }
    }

    // A server's requests have different lengths, some longer than any before: what is kept is what the longest needs.
    @Test func requestsOfManyLengthsKeepWhatOneNeeds() async {
        await #expect(processExitsWith: .success) {
            func request(_ length: Int) {
                var hidden = Tensor.zeros([length, 1024])
                hidden.withUnsafeMutableElements { $0[0] = 1 }
                let sum = hidden + hidden
                #expect(sum.elements.first == 2)
            }
            for length in stride(from: 200, through: 6000, by: 200) { request(length) }
            let growing = TensorPool.statistics
            #expect(growing.idleBytes <= growing.peakUsedBytes / 8 * 9, "\(growing)")
            var random = RandomGenerator(seed: 5)
            for _ in 0..<40 { request(1 + random.below(6000)) }
            let mixed = TensorPool.statistics
            #expect(mixed.createdBlocks == growing.createdBlocks && mixed.idleBytes == growing.idleBytes, "\(mixed)")
        }
    }

    @Test func theLimitIsAShareOfWhatTheControlGroupAllows() async {
        await #expect(processExitsWith: .success) {
            let memory = HeedRuntime.machine.memoryBytes
            #expect(memory > 0 && TensorPool.idleByteLimit == memory / 2)
        }
    }

    // Small blocks that live hold their segments; the pages between them go all the same.
    @Test func whatIsIdleBetweenBlocksInUseKeepsToTheLimit() async {
        await #expect(processExitsWith: .success) {
            TensorPool.idleByteLimit = 1 << 20
            var blocks = (0..<200).compactMap { _ in TensorStorage(byteCount: 100_000) }
            #expect(blocks.count == 200)
            blocks = blocks.enumerated().filter { $0.offset % 10 == 0 }.map(\.element)
            let statistics = TensorPool.statistics
            #expect(statistics.idleBytes <= 1 << 20, "\(statistics)")
            // What was cleared serves again.
            let again = (0..<150).compactMap { _ in TensorStorage(byteCount: 100_000) }
            for block in again { block.bytes.storeBytes(of: 1, as: UInt8.self) }
            #expect(TensorPool.statistics.createdBlocks == statistics.createdBlocks)
            withExtendedLifetime((blocks, again)) {}
        }
    }
}
