import HeedTensor
import Testing

@Suite("Random numbers one by one")
struct RandomGeneratorTests {
    @Test func beginsAnywhereWithTheSameNumbers() {
        var whole = RandomGenerator(seed: 3, stream: 9)
        let numbers = (0..<300).map { _ in whole.next() }
        #expect(Set(numbers).count == 300)
        for start in [0, 1, 31, 32, 33, 199] {
            var part = RandomGenerator(seed: 3, stream: 9, position: UInt64(2 * start))
            #expect((start..<300).map { _ in part.next() } == Array(numbers[start...]))
            #expect(part == whole)
        }
        var odd = RandomGenerator(seed: 3, stream: 9, position: 1)
        #expect(odd.next() == numbers[0] >> 32 | numbers[1] << 32)
    }

    @Test func seedsAndStreamsDiffer() {
        func first(_ seed: UInt64, _ stream: UInt64) -> UInt64 {
            var generator = RandomGenerator(seed: seed, stream: stream)
            return generator.next()
        }
        #expect(Set([first(0, 0), first(1, 0), first(0, 1), first(1 << 32, 0), first(0, 1 << 32)]).count == 5)
    }

    @Test func everyNumberBelowABoundIsAsLikely() {
        var generator = RandomGenerator(seed: 1)
        var counts = [Int](repeating: 0, count: 7)
        for _ in 0..<70_000 { counts[generator.below(7)] += 1 }
        #expect(counts.allSatisfy { abs($0 - 10_000) < 500 })
        #expect(generator.below(1) == 0)
        #expect((0..<100).allSatisfy { _ in generator.below(.max) >= 0 })
        #expect((0..<1000).allSatisfy { _ in (0..<1).contains(generator.uniform()) })
    }

    @Test func permutationsHoldEveryIndexOnce() {
        var generator = RandomGenerator(seed: 5)
        #expect(generator.permutation(of: 0).isEmpty)
        #expect(generator.permutation(of: 1) == [0])
        let order = generator.permutation(of: 1000)
        #expect(order.sorted() == Array(0..<1000))
        #expect(order != Array(0..<1000))
        var places = [Int](repeating: 0, count: 6)
        for _ in 0..<6000 {
            let order = generator.permutation(of: 3)
            places[order[0] * 2 + (order[1] > order[2] ? 1 : 0)] += 1
        }
        #expect(places.allSatisfy { abs($0 - 1000) < 150 })
    }

    // In a process of its own: the default source is everybody's.
    @Test func theDefaultSourceIsThatOfItsSeed() async {
        await #expect(processExitsWith: .success) {
            func stream(_ number: UInt64, seed: UInt64) -> RandomGenerator {
                RandomGenerator(seed: seed, stream: (1 << 63) + number)
            }
            #expect(RandomGenerator() == stream(0, seed: 0) && RandomGenerator() == stream(1, seed: 0))
            for _ in 0..<2 {
                RandomGenerator.seedDefault(7)
                #expect(RandomGenerator() == stream(0, seed: 7) && RandomGenerator() == stream(1, seed: 7))
                var generator = stream(2, seed: 7)
                #expect(Tensor.normal([3, 5]) == Tensor.normal([3, 5], using: &generator))
                generator = stream(3, seed: 7)
                #expect(Tensor.uniform([70], in: -1..<1) == Tensor.uniform([70], in: -1..<1, using: &generator))
            }
            RandomGenerator.seedDefault(9)
            let streams = await withTaskGroup(of: [UInt64].self) { group in
                for _ in 0..<8 { group.addTask { (0..<1000).map { _ in RandomGenerator().stream } } }
                return await group.reduce(into: Set<UInt64>()) { $0.formUnion($1) }
            }
            #expect(streams == Set((0..<8000).map { stream($0, seed: 9).stream }))
        }
    }

    @Test func nothingLiesBelowZero() async {
        await #expect(processExitsWith: .failure) {
            var generator = RandomGenerator(seed: 1)
            _ = generator.below(0)
        }
    }
}
