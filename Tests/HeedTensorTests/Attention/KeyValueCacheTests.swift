import HeedTestSupport
import Testing

@testable import HeedTensor

@Suite("A cache of keys and values")
struct KeyValueCacheTests {
    private func tensor(_ shape: Shape, _ random: inout SeededGenerator) -> Tensor {
        Tensor((0..<shape.count).map { _ in random.normal() }, shape: shape)
    }

    /// Appended in pieces of any size, asked with one query or many: the bits of attention over tensors.
    @Test(arguments: [1, 3, 17, 700, 1024])
    func bitsOfTensors(_ piece: Int) {
        var random = SeededGenerator(seed: UInt64(piece))
        let total = 1500
        let keys = tensor([2, 2, total, 24], &random), values = tensor([2, 2, total, 40], &random)
        var cache = KeyValueCache(batch: 2, keyValueHeads: 2, headDimension: 24, valueDimension: 40)
        var first = 0
        while first < total {
            let end = min(first + piece, total)
            cache.append(
                keys: keys.slice(axis: 2, range: first..<end), values: values.slice(axis: 2, range: first..<end))
            first = end
        }
        #expect(cache.length == total)
        let masks: [AttentionMask] = [
            .causal(), .none, .slidingWindow(size: 100),
            .all([.slidingWindow(size: 1300), .padding(lengths: [900, 0])]),
        ]
        for queryLength in [1, 8, 9, 70] {
            let queries = tensor([2, 4, queryLength, 24], &random)
            for mask in masks {
                let expected = attention(queries: queries, keys: keys, values: values, mask: mask)
                #expect(attention(queries: queries, cache: cache, mask: mask).elements == expected.elements)
            }
        }
    }

    /// The answer for a token does not depend on whether it came with its prompt or after it.
    @Test func promptAtOnceAndStepByStep() {
        var random = SeededGenerator(seed: 5)
        let length = 90
        let queries = tensor([1, 4, length, 16], &random)
        let keys = tensor([1, 2, length, 16], &random), values = tensor([1, 2, length, 16], &random)
        let whole = attention(queries: queries, keys: keys, values: values, mask: .causal())
        var cache = KeyValueCache(keyValueHeads: 2, headDimension: 16)
        for token in 0..<length {
            let range = token..<token + 1
            cache.append(keys: keys.slice(axis: 2, range: range), values: values.slice(axis: 2, range: range))
            let step = attention(queries: queries.slice(axis: 2, range: range), cache: cache)
            #expect(step.elements == whole.slice(axis: 2, range: range).elements)
        }
    }

    @Test func bfloat16() {
        var random = SeededGenerator(seed: 6)
        let queries = tensor([1, 2, 5, 33], &random)
        let keys = tensor([1, 2, 1100, 33], &random), values = tensor([1, 2, 1100, 20], &random)
        var cache = KeyValueCache(keyValueHeads: 2, headDimension: 33, valueDimension: 20, element: .bfloat16)
        cache.append(keys: keys, values: values)
        let expected = attention(
            queries: queries.bfloat16(), keys: keys.bfloat16(), values: values.bfloat16(), mask: .causal())
        #expect(attention(queries: queries, cache: cache).elements == expected.elements)
    }

    /// A copy shares chunks until one of the two is written; what the other holds then stays.
    @Test func copiesAreIndependent() {
        var random = SeededGenerator(seed: 7)
        let keys = tensor([1, 1, 1030, 8], &random), values = tensor([1, 1, 1030, 8], &random)
        let queries = tensor([1, 1, 1, 8], &random)
        func append(_ range: Range<Int>, to cache: inout KeyValueCache) {
            cache.append(keys: keys.slice(axis: 2, range: range), values: values.slice(axis: 2, range: range))
        }
        var one = KeyValueCache(keyValueHeads: 1, headDimension: 8)
        append(0..<1020, to: &one)
        let before = attention(queries: queries, cache: one)
        var other = one
        append(1020..<1030, to: &other)
        append(5..<9, to: &one)
        #expect(other.length == 1030 && one.length == 1024)
        let expected = attention(queries: queries, keys: keys, values: values)
        #expect(attention(queries: queries, cache: other).elements == expected.elements)
        one.truncate(to: 1020)
        #expect(attention(queries: queries, cache: one).elements == before.elements)
        other.truncate(to: 0)
        #expect(attention(queries: queries, cache: other).elements == [Float](repeating: 0, count: 8))
        append(0..<1020, to: &other)
        #expect(attention(queries: queries, cache: other).elements == before.elements)
    }

    /// The chunks that are full stay where they are.
    @Test func growingCopiesNothing() {
        var random = SeededGenerator(seed: 8)
        let keys = tensor([1, 2, 300, 16], &random)
        var cache = KeyValueCache(keyValueHeads: 2, headDimension: 16)
        var addresses: [[UInt]] = []
        for _ in 0..<12 {
            cache.append(keys: keys, values: keys)
            addresses.append(cache.chunkAddresses)
        }
        #expect(addresses.last?.count == 8)
        for earlier in addresses { #expect(Array(cache.chunkAddresses.prefix(earlier.count)) == earlier) }
    }

    @Test func refusals() {
        var random = SeededGenerator(seed: 9)
        var cache = KeyValueCache(keyValueHeads: 2, headDimension: 16)
        let keys = tensor([1, 2, 3, 16], &random)
        let wrong: [(Tensor, Tensor)] = [
            (tensor([1, 1, 3, 16], &random), keys), (keys, tensor([1, 2, 4, 16], &random)),
            (tensor([2, 3, 16], &random), keys), (tensor([1, 2, 3, 15], &random), keys),
        ]
        for (keys, values) in wrong {
            #expect(throws: TensorError.self) { try cache.append(validating: keys, values: values) }
            #expect(cache.length == 0)
        }
        cache.append(keys: keys, values: keys)
        for shape: Shape in [[1, 3, 1, 16], [1, 2, 1, 15], [2, 2, 1, 16], [2, 1, 16]] {
            let queries = tensor(shape, &random)
            #expect(throws: TensorError.self) { try attention(validating: queries, cache: cache) }
        }
        let queries = tensor([1, 2, 1, 16], &random)
        #expect(throws: TensorError.self) {
            try attention(validating: queries, cache: cache, mask: .slidingWindow(size: 0))
        }
    }

    /// Windows at the ends of what an integer holds, and two that do not meet.
    @Test func windowsJoined() {
        var random = SeededGenerator(seed: 10)
        let queries = tensor([1, 1, 6, 4], &random), keys = tensor([1, 1, 6, 4], &random)
        func result(_ mask: AttentionMask) -> [Float] {
            attention(queries: queries, keys: keys, values: keys, mask: mask).elements
        }
        #expect(result(.slidingWindow(size: .max)) == result(.causal()))
        #expect(result(.slidingWindow(size: 3, offset: .min)) == [Float](repeating: 0, count: 24))
        #expect(
            result(.all([.slidingWindow(size: 4), .causal(offset: -1)])) == result(.slidingWindow(size: 3, offset: -1)))
        #expect(
            result(.all([.slidingWindow(size: 2), .slidingWindow(size: 2, offset: -3)]))
                == [Float](repeating: 0, count: 24))
    }
}
