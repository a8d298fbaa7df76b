import HeedTestSupport
import Testing

@testable import HeedTensor

@Suite("Storage")
struct StorageTests {
    @Test func writingCopiesSharedMemory() {
        let original = Tensor.counting([2, 2])
        var copy = original
        #expect(copy.sharesStorage(with: original))
        copy[0, 1] = 9
        #expect(original.elements == [0, 1, 2, 3] && copy.elements == [0, 9, 2, 3])
        #expect(!copy.sharesStorage(with: original))
    }

    @Test func writingThroughAViewLeavesTheOriginal() {
        let original = Tensor.counting([2, 2])
        var view = original.transposed()
        view.withUnsafeMutableElements { $0[1] = 7 }
        #expect(original.elements == [0, 1, 2, 3] && view.elements == [0, 7, 1, 3])
    }

    @Test func writingABufferCopiesSharedMemory() {
        let original = Tensor.counting([2, 2])
        var copy = original
        copy.withUnsafeMutableElements { $0[0] = 5 }
        var row = original[1..<2]
        row.withUnsafeMutableElements { $0[0] = 6 }
        #expect(original.elements == [0, 1, 2, 3] && copy.elements == [5, 1, 2, 3] && row.elements == [6, 3])
    }

    @Test func writingAloneWritesInPlace() {
        var tensor = Tensor.counting([4])
        let before = tensor.withUnsafeElements { UInt(bitPattern: $0.baseAddress) }
        tensor[2] = 5
        tensor.withUnsafeMutableElements { $0[3] = 6 }
        #expect(tensor.withUnsafeElements { UInt(bitPattern: $0.baseAddress) } == before)
        #expect(tensor.elements == [0, 1, 5, 6])
    }

    @Test func writingToABroadcastWritesOneElement() {
        var tensor = Tensor([1], shape: [1]).broadcast(to: [3])
        tensor[1] = 2
        #expect(tensor.elements == [1, 2, 1])
    }

    @Test func storageIsAligned() {
        for count in [0, 1, 5, 100, 12_345, 1 << 20] {
            let tensor = Tensor.zeros([count])
            #expect(tensor.withUnsafeElements { UInt(bitPattern: $0.baseAddress) } % 64 == 0)
        }
    }

    @Test func sizeClassesHoldWhatTheyAreChosenForAndWasteLittle() throws {
        for byteCount in Array(0...5000) + (13...52).flatMap({ [(1 << $0) - 1, 1 << $0, (1 << $0) + 1] }) {
            let sizeClass = try #require(SizeClass(fitting: byteCount))
            #expect(sizeClass.byteCount >= byteCount && sizeClass.byteCount % 64 == 0)
            #expect(sizeClass.byteCount - byteCount <= max(64, sizeClass.byteCount / 8))
            #expect(SizeClass(fitting: sizeClass.byteCount) == sizeClass)
            #expect(SizeClass(within: sizeClass.byteCount + 63) == sizeClass)
            if sizeClass.index > 0 { #expect(SizeClass(index: sizeClass.index - 1).byteCount < max(byteCount, 1)) }
        }
        #expect(SizeClass(fitting: .max) == nil)
    }

    @Test func initialisersErrorsPassThrough() {
        struct Stop: Error, Equatable {}
        #expect(throws: Stop()) { try Tensor(shape: [3]) { _ throws(Stop) in throw Stop() } }
    }

    // The pool serves the whole process, so what it counts is looked at in a process of its own.

    @Test func blocksAreUsedAgain() async {
        await #expect(processExitsWith: .success) {
            func make() { _ = Tensor.zeros([1000]) }
            make()
            let before = TensorPool.statistics
            for _ in 0..<100 { make() }
            let after = TensorPool.statistics
            #expect(after.createdBlocks == before.createdBlocks, "\(before) \(after)")
            #expect(after.reusedBlocks == before.reusedBlocks + 100)
            #expect(after.usedBytes == before.usedBytes && after.idleBytes == before.idleBytes)
        }
    }

    @Test func thePoolKeepsToItsLimitAndTrims() async {
        await #expect(processExitsWith: .success) {
            TensorPool.idleByteLimit = 1 << 20
            var tensors = (0..<100).map { _ in Tensor.zeros([10_000]) }
            #expect(tensors.count == 100)
            #expect(TensorPool.statistics.usedBytes >= 4_000_000)
            tensors = []
            #expect(TensorPool.statistics.idleBytes <= 1 << 20 && TensorPool.statistics.usedBytes == 0)
            #expect(TensorPool.statistics.peakUsedBytes >= 4_000_000)
            TensorPool.trim()
            #expect(TensorPool.statistics.idleBytes == 0)
            tensors = [Tensor.zeros([1 << 20])]
            tensors = []
            #expect(TensorPool.statistics.idleBytes == 0, "a block above the limit is not kept")
        }
    }
}
