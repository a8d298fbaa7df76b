import HeedTensor
import HeedTrain
import Testing

@Suite("Batches")
struct BatchTests {
    static let tokens = (0..<103).map { Int32($0) }

    @Test func targetsFollowTheirInputs() throws {
        for order in [TokenWindows.Order.random(seed: 4), .sequential] {
            let windows = try TokenWindows(tokenCount: 103, length: 7, batch: 3, order: order)
            for step in 0..<40 {
                let batch = windows.batch(at: step, of: Self.tokens)
                #expect(batch.inputs.shape == [3, 7] && batch.targets.shape == [3, 7])
                #expect(zip(batch.inputs.elements, batch.targets.elements).allSatisfy { $0 + 1 == $1 })
            }
        }
    }

    @Test func randomWindowsReachEveryPlaceAndComeBack() throws {
        let windows = try TokenWindows(tokenCount: 103, length: 7, batch: 3, order: .random(seed: 4))
        #expect(Set((0..<2000).flatMap { windows.starts(at: $0) }) == Set(0..<96))
        #expect(windows.starts(at: 17) == windows.starts(at: 17))
        #expect(windows.starts(at: 17) != windows.starts(at: 18))
        let other = try TokenWindows(tokenCount: 103, length: 7, batch: 3, order: .random(seed: 5))
        #expect(windows.starts(at: 17) != other.starts(at: 17))
    }

    @Test func sequentialWindowsGoOnWhereTheLastEnded() throws {
        let windows = try TokenWindows(tokenCount: 103, length: 7, batch: 3, order: .sequential)
        #expect(windows.batchesPerEpoch == 4)
        #expect(
            (0..<5).map { windows.starts(at: $0) } == [
                [0, 34, 68], [7, 41, 75], [14, 48, 82], [21, 55, 89], [0, 34, 68],
            ])
        #expect((0..<5).map { windows.batch(at: $0, of: Self.tokens).beginsAnew } == [true, false, false, false, true])
    }

    @Test func theShortestDataThatWillDo() throws {
        _ = try TokenWindows(tokenCount: 8, length: 7, batch: 3, order: .random(seed: 1))
        #expect(throws: TrainingError.self) {
            try TokenWindows(tokenCount: 7, length: 7, batch: 3, order: .random(seed: 1))
        }
        #expect(throws: TrainingError.self) {
            try TokenWindows(tokenCount: 23, length: 7, batch: 3, order: .sequential)
        }
        _ = try TokenWindows(tokenCount: 24, length: 7, batch: 3, order: .sequential)
        #expect(throws: TrainingError.self) { try TokenWindows(tokenCount: 0, length: 1, batch: 1, order: .sequential) }
        #expect(throws: TrainingError.self) { try TokenWindows(tokenCount: 9, length: 0, batch: 1, order: .sequential) }
    }

    @Test(arguments: [LengthBatches.Size.sequences(8), .tokens(100), .tokens(1), .sequences(1000), .sequences(.max)])
    func everySequenceComesOnceAnEpoch(_ size: LengthBatches.Size) throws {
        var generator = RandomGenerator(seed: 2)
        let lengths = (0..<500).map { _ in generator.below(40) }
        let batches = try LengthBatches(lengths: lengths, size: size, seed: 3)
        let epoch = batches.batches(inEpoch: 0)
        #expect(epoch.flatMap(\.self).sorted() == Array(0..<500))
        #expect(epoch == batches.batches(inEpoch: 0))
        #expect(epoch != batches.batches(inEpoch: 1))
        for batch in epoch {
            switch size {
            case .sequences(let count): #expect(batch.count <= count)
            case .tokens(let count):
                #expect(batch.count == 1 || batch.count * (batch.map { lengths[$0] }.max() ?? 0) <= count)
            }
        }
    }

    @Test func littleIsPadded() throws {
        var generator = RandomGenerator(seed: 2)
        let lengths = (0..<2000).map { _ in 1 + generator.below(60) }
        let batches = try LengthBatches(lengths: lengths, size: .sequences(16), seed: 3).batches(inEpoch: 0)
        let padded = batches.reduce(0) { $0 + $1.count * ($1.map { lengths[$0] }.max() ?? 0) }
        #expect(Double(padded) < 1.05 * Double(lengths.reduce(0, +)))
    }

    @Test func whatCannotBeBatchedIsRefused() {
        #expect(throws: TrainingError.self) { try LengthBatches(lengths: [], size: .sequences(1), seed: 0) }
        #expect(throws: TrainingError.self) { try LengthBatches(lengths: [1, -1], size: .sequences(1), seed: 0) }
        #expect(throws: TrainingError.self) { try LengthBatches(lengths: [1], size: .tokens(0), seed: 0) }
    }

    @Test func paddingAndPacking() {
        let batch = PaddedBatch([[1, 2, 3], [], [4]], padding: 9)
        #expect(batch.tokens.shape == [3, 3])
        #expect(batch.tokens.elements == [1, 2, 3, 9, 9, 9, 4, 9, 9])
        #expect(batch.lengths == [3, 0, 1])
        #expect(PaddedBatch([], padding: 0).tokens.shape == [0, 0])
        #expect(packed([[1, 2], [], [3]], separator: 0) == [1, 2, 0, 0, 3, 0])
    }
}

@Suite("The order of batches by length")
struct LengthBatchOrderTests {
    /// Epoch behind epoch, whichever step is asked for first; epochs of token-sized batches differ in their numbers.
    @Test(arguments: [LengthBatches.Size.sequences(7), .tokens(40)])
    func stepsFollowTheEpochs(_ size: LengthBatches.Size) throws {
        var generator = RandomGenerator(seed: 5)
        let lengths = (0..<300).map { _ in 1 + generator.below(20) }
        let batches = try LengthBatches(lengths: lengths, size: size, seed: 3)
        let all = (0..<6).flatMap { batches.batches(inEpoch: $0) }
        let order = LengthBatchOrder(batches)
        #expect(all.indices.map { order.places(at: $0) } == all)
        let other = LengthBatchOrder(batches)
        for step in [all.count - 1, 0, all.count / 2, 3, all.count - 2] { #expect(other.places(at: step) == all[step]) }
    }
}
