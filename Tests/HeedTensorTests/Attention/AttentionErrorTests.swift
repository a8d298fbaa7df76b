import HeedTensor
import HeedTestSupport
import Testing

@Suite("Attention refuses")
struct AttentionErrorTests {
    struct Wrong: Sendable, CustomStringConvertible {
        let description: String
        var queries: Shape = [2, 4, 5, 8]
        var keys: Shape = [2, 2, 7, 8]
        var values: Shape = [2, 2, 7, 3]
        var mask = AttentionMask.none
        var scale: Float? = nil
        var kind = TensorError.Kind.badShape
    }

    static let wrongs = [
        Wrong(description: "rank 1", queries: [8], keys: [8], values: [8]),
        Wrong(description: "rank 5", queries: [1, 2, 4, 5, 8], keys: [1, 2, 4, 5, 8], values: [1, 2, 4, 5, 8]),
        Wrong(description: "ranks of keys differ", keys: [2, 7, 8]),
        Wrong(description: "ranks of values differ", values: [2, 7, 3]),
        Wrong(description: "batch differs", keys: [3, 2, 7, 8]),
        Wrong(description: "head dimensions differ", keys: [2, 2, 7, 9]),
        Wrong(description: "lengths of keys and values differ", values: [2, 2, 6, 3]),
        Wrong(description: "heads of keys and values differ", values: [2, 4, 7, 3]),
        Wrong(description: "heads do not divide", keys: [2, 3, 7, 8], values: [2, 3, 7, 3]),
        Wrong(description: "no key heads", keys: [2, 0, 7, 8], values: [2, 0, 7, 3]),
        Wrong(description: "too few lengths", mask: .padding(lengths: [3])),
        Wrong(description: "negative length", mask: .padding(lengths: [3, -1]), kind: .badArgument),
        Wrong(description: "length above the keys", mask: .padding(lengths: [8, 1]), kind: .badArgument),
        Wrong(description: "boolean mask does not broadcast", mask: .boolean(.zeros([5, 6]))),
        Wrong(description: "boolean mask is larger", mask: .boolean(.zeros([3, 2, 4, 5, 7]))),
        Wrong(description: "additive mask does not broadcast", mask: .all([.none, .additive(.zeros([3, 5, 7]))])),
        Wrong(description: "scale is NaN", scale: .nan, kind: .badArgument),
        Wrong(description: "scale is infinite", scale: .infinity, kind: .badArgument),
    ]

    @Test(arguments: wrongs) func theCheckedFormThrows(_ wrong: Wrong) throws {
        let error = try #require(throws: TensorError.self) {
            try attention(
                validating: Tensor.zeros(wrong.queries), keys: .zeros(wrong.keys), values: .zeros(wrong.values),
                mask: wrong.mask,
                scale: wrong.scale)
        }
        #expect(error.kind == wrong.kind && error.operation == "attention" && !error.description.contains("\n"))
    }

    @Test func theMessageNamesTheShapes() throws {
        let error = try #require(throws: TensorError.self) {
            try attention(
                validating: Tensor.zeros([2, 4, 5, 8]), keys: .zeros([2, 2, 7, 9]), values: .zeros([2, 2, 7, 3]))
        }
        for shape in ["[2, 4, 5, 8]", "[2, 2, 7, 9]", "[2, 2, 7, 3]"] { #expect(error.description.contains(shape)) }
    }

    @Test func tiledHoldsNoWeights() throws {
        let call = try AttentionCall(queries: Tensor.zeros([4, 2]), keys: .zeros([4, 2]), values: .zeros([4, 2]))
        var output = Tensor.filled([4, 2], with: 5)
        var logSumExp = Tensor.filled([4], with: 5)
        var weights: Tensor? = Tensor.filled([4, 4], with: 5)
        let error = #expect(throws: TensorError.self) {
            try call.run(.tiled, into: &output, logSumExp: &logSumExp, weights: &weights)
        }
        #expect(error?.kind == .notSupported && output == .filled([4, 2], with: 5), "nothing was touched")
        #expect(throws: TensorError.self) { try call.run(.tiled, into: &logSumExp) }
    }

    @Test func thePlainFormStopsTheProgramAndSaysWhy() async throws {
        let result = try #require(
            await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
                _ = attention(
                    queries: Tensor.zeros([2, 4, 5, 8]), keys: .zeros([2, 2, 7, 9]), values: .zeros([2, 2, 7, 3]))
            })
        let text = String(decoding: result.standardErrorContent, as: UTF8.self)
        #expect(text.contains("attention") && text.contains("[2, 2, 7, 9]"))
    }

    @Test func tensorsStopOverWrongShapes() async {
        await #expect(processExitsWith: .failure) { _ = Tensor([1, 2, 3], shape: [2, 2]) }
        await #expect(processExitsWith: .failure) { _ = Shape([2, -1]) }
        await #expect(processExitsWith: .failure) { _ = Tensor.zeros([2])[2] }
        await #expect(processExitsWith: .failure) { _ = Tensor.zeros([2, 3]).reshaped([4]) }
        await #expect(processExitsWith: .failure) { _ = Tensor.zeros([2, 3]).slice(axis: 1, range: 2..<4) }
        await #expect(processExitsWith: .failure) { _ = Tensor.zeros([2, 3]).permuted([0, 0]) }
        await #expect(processExitsWith: .failure) { _ = Tensor.zeros([2, 3]).broadcast(to: [2, 4]) }
        await #expect(processExitsWith: .failure) { _ = matmul(Tensor.zeros([2, 3]), .zeros([4, 2])) }
        await #expect(processExitsWith: .failure) { _ = softmax(.zeros([2, 3]), axis: 2) }
    }
}
