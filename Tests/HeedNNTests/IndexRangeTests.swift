import HeedAutograd
import HeedNN
import HeedTensor
import HeedTestSupport
import Testing

/// Whoever gives an index that is out of range is told which, where it stands, and what the range is.
@Suite("Indices out of range")
struct IndexRangeTests {
    private static let ids = IndexTensor([1, 7, 0, 2], shape: [2, 2])

    @Test func fromOutsideTheyThrow() throws {
        let table = Tensor.zeros([5, 2])
        let error = #expect(throws: TensorError.self) { try embedding(table, validating: Self.ids) }
        #expect(error?.kind == .indexOutOfRange(value: 7, position: [0, 1], range: 0..<5))
        #expect(
            error?.description == "embedding: id 7 at [0, 1] is not from 0 to 4: table [5, 2], indices [2, 2]",
            "\(String(describing: error))")
        var generator = RandomGenerator(seed: 1)
        let layer = Embedding(vocabularySize: 5, embeddingSize: 2, using: &generator)
        let refused = #expect(throws: TensorError.self) { try layer(validating: Self.ids) }
        #expect(refused?.kind == error?.kind)
        let good = IndexTensor([1, 4], shape: [2])
        #expect(try layer(validating: good) == layer(good))
        // A view has its own places.
        let view = #expect(throws: TensorError.self) { try embedding(table, validating: Self.ids.transposed()) }
        #expect(view?.kind == .indexOutOfRange(value: 7, position: [1, 0], range: 0..<5))
        let none = #expect(throws: TensorError.self) { try embedding(Tensor.zeros([0, 2]), validating: good) }
        #expect(none?.kind == .indexOutOfRange(value: 1, position: [0], range: 0..<0))
    }

    @Test func areCheckedOnceForAModel() {
        #expect(throws: Never.self) { try Self.ids.check(within: 0..<8) }
        #expect(throws: Never.self) { try Self.ids.check(within: 0..<3, ignoring: 7) }
        #expect(throws: Never.self) { try IndexTensor([], shape: [0]).check(within: 0..<0) }
        let error = #expect(throws: TensorError.self) { try Self.ids.check(within: 1..<8, as: "token") }
        #expect(error?.kind == .indexOutOfRange(value: 0, position: [1, 0], range: 1..<8))
        #expect(error?.description.contains("token 0 at [1, 0] is out of range: those allowed are from 1 to 7") == true)
        let negative = #expect(throws: TensorError.self) {
            try IndexTensor([-1], shape: []).check(within: 0..<0)
        }
        #expect(negative?.kind == .indexOutOfRange(value: -1, position: [], range: 0..<0))
    }

    @Test func targetsHaveTheirPlace() {
        let logits = Tensor.zeros([2, 3, 4])
        for (target, position) in [(Int32(4), [1, 2]), (-1, [0, 0])] {
            var targets = [Int32](repeating: 0, count: 6)
            targets[position[0] * 3 + position[1]] = target
            let error = #expect(throws: TensorError.self) {
                try crossEntropy(logits, targets: .classes(IndexTensor(targets, shape: [2, 3])))
            }
            #expect(error?.kind == .indexOutOfRange(value: Int(target), position: position, range: 0..<4))
            #expect(error?.reason.hasPrefix("target \(target) at \(position) is not from 0 to 3") == true)
        }
        let table = Tensor.zeros([4, 2])
        let pairs = IndexTensor([0, 1], shape: [2])
        for (centers, negatives, expected) in [
            ([0, 9], [0, 1, 2, 3], TensorError.Kind.indexOutOfRange(value: 9, position: [1], range: 0..<4)),
            ([0, 1], [0, 1, 4, 3], .indexOutOfRange(value: 4, position: [1, 0], range: 0..<4)),
        ] as [([Int32], [Int32], TensorError.Kind)] {
            let error = #expect(throws: TensorError.self) {
                try NegativeSampling(
                    centerTable: table, contextTable: table, centers: IndexTensor(centers, shape: [2]), contexts: pairs,
                    negatives: IndexTensor(negatives, shape: [2, 2]), reduction: .mean
                ).loss()
            }
            #expect(error?.kind == expected)
        }
    }

    @Test func sparseColumnsHaveTheirPlace() {
        let error = #expect(throws: TensorError.self) {
            try SparseMatrix(rowCount: 2, columnCount: 2, offsets: [0, 1, 2], columns: [0, 2], values: [1, 1])
        }
        #expect(error?.kind == .indexOutOfRange(value: 2, position: [1], range: 0..<2))
    }

    #if os(Linux) || os(macOS)
    private static func expect(_ words: String, in result: ExitTest.Result?) throws {
        let text = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
        #expect(text.contains(words), "\(text)")
    }

    @Test func inTheProgramTheyStopIt() async throws {
        try Self.expect(
            "embedding: id 7 at [0, 1] is not from 0 to 4",
            in: await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
                _ = embedding(Self.ids, table: Variable(.zeros([5, 2])))
            })
        try Self.expect(
            "target 3 at [1] is not from 0 to 1",
            in: await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
                _ = crossEntropy(Variable(.zeros([2, 2])), targets: IndexTensor([0, 3], shape: [2]))
            })
        try Self.expect(
            "target 3 at [1] is not from 0 to 1",
            in: await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
                let tape = Tape()
                _ = linearCrossEntropy(
                    Variable(.zeros([2, 3])), weight: tape.leaf(.zeros([2, 3])),
                    targets: IndexTensor([0, 3], shape: [2]))
            })
        try Self.expect(
            "selecting: index 7 at [0, 1] is not from 0 to 2",
            in: await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
                _ = Tensor.zeros([4, 3, 2]).selecting(axis: 1, indices: Self.ids)
            })
        try Self.expect(
            "gathering: index 7 at [0, 1] is not from 0 to 2",
            in: await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
                _ = Tensor.zeros([3, 2]).gathering(axis: 0, indices: Self.ids)
            })
        try Self.expect(
            "addElements: index 7 at [0, 1] is not from 0 to 2",
            in: await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
                var target = Tensor.zeros([3, 2])
                target.addElements(axis: 0, indices: Self.ids, .zeros([2, 2]))
            })
        try Self.expect(
            "oneHot: index 7 at [0, 1] is not from 0 to 6",
            in: await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
                _ = Self.ids.oneHot(classes: 7)
            })
    }
    #endif
}
