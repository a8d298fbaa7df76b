import HeedAutograd
import HeedTensor
import HeedTestSupport
import Testing

@Suite("Gradients of layers")
struct LayerGradientTests {
    @Test(arguments: Activation.allCases) func activations(activation: Activation) {
        // Away from 0, where relu has a kink and the logarithm ends.
        let x =
            Tensor.positive([3, 4], seed: 1)
            * (activation == .logarithm ? Tensor(1) : Tensor([1, -1, 1, -1], shape: [4]))
        let view = x.transposed()
        GradientCase("\(activation)", [view], step: 0x1p-6) { $0[0].applying(activation) }.check(tolerance: 1e-3)
    }

    @Test(arguments: [Normalization.layer, .rootMeanSquare]) func normalizations(kind: Normalization) {
        let x = Tensor.spreadNormal([2, 2, 5], seed: 2)
        let weight = Tensor.positive([5], seed: 3)
        let bias = Tensor.normal([5], seed: 4)
        GradientCase("normalized", [x], step: 0x1p-6) { normalized($0[0], kind) }.check(tolerance: 1e-3)
        GradientCase("normalized, weight", [x, weight], step: 0x1p-6) { normalized($0[0], kind, weight: $0[1]) }
            .check(tolerance: 1e-3)
        GradientCase("normalized, bias", [x, bias], step: 0x1p-6) { normalized($0[0], kind, bias: $0[1]) }
            .check(tolerance: 1e-3)
        GradientCase("normalized, residual", [x, weight, bias, .normal([2, 2, 5], seed: 5)], step: 0x1p-6) {
            let (output, sum) = normalized(adding: $0[3], to: $0[0], kind, weight: $0[1], bias: $0[2])
            return [output, sum]
        }.check(tolerance: 1e-3)
        GradientCase("sum alone", [x, .normal([2, 2, 5], seed: 5)]) { normalized(adding: $0[1], to: $0[0], kind).sum }
            .check()
        GradientCase("output alone", [x, .normal([2, 2, 5], seed: 5)], step: 0x1p-6) {
            normalized(adding: $0[1], to: $0[0], kind).output
        }.check(tolerance: 1e-3)
        #expect(normalized(Variable(.zeros([0, 5])), kind, weight: Variable(weight)).shape == [0, 5])
    }

    @Test func embeddings() {
        let table = Tensor.spreadNormal([4, 3], seed: 6)
        let ids = IndexTensor([3, 0, 3, 1, 1, 1], shape: [2, 3])
        GradientCase("embedding", [table]) { embedding(ids, table: $0[0]) }.check()
        GradientCase("embedding used twice", [table]) {
            embedding(ids, table: $0[0]) + embedding(ids, table: $0[0]) * 2
        }
        .check()
        let padded = valueAndGradient(of: { embedding(ids, table: $0, padding: 3).sum() }, at: table)
        #expect(padded.gradient.sum(axis: 1).elements == [3, 9, 0, 0])
    }

    @Test func positions() {
        let x = Tensor.spreadNormal([2, 3, 4, 6], seed: 7)
        GradientCase("sinusoidal", [x]) { addingSinusoidalPositions($0[0], firstPosition: 3) }.check()
        for pairs in [RotaryPairs.halves, .interleaved] {
            GradientCase("rotary", [x.transposed(1, 2)]) { rotatingPositions($0[0], firstPosition: 2, pairs: pairs) }
                .check()
            GradientCase("rotary, some columns", [x[0..<1].removingAxis(0)]) {
                rotatingPositions($0[0], rotaryColumns: 4, pairs: pairs)
            }.check()
        }
    }

    @Test func dropouts() {
        let x = Tensor.normal([5, 7], seed: 8)
        GradientCase("dropout", [x]) { dropout($0[0], probability: 0.4, seed: 5, stream: 3, offset: 64) }.check()
        let dropped = dropout(Variable(Tensor.ones([10_000])), probability: 0.25, seed: 1)
        #expect(abs(dropped.value.mean().scalar - 1) < 0.03 && Set(dropped.value.elements) == [0, Float(1 / 0.75)])
        #expect(dropout(Variable(x), probability: 0, seed: 1).value == x)
    }

    @Test func wrongShapesStopTheProgram() async {
        await #expect(processExitsWith: .failure) {
            _ = normalized(Variable(.zeros([2, 3])), weight: Variable(.zeros([2])))
        }
        await #expect(processExitsWith: .failure) {
            _ = embedding(IndexTensor([4], shape: [1]), table: Variable(.zeros([4, 2])))
        }
        await #expect(processExitsWith: .failure) { _ = dropout(Tensor.zeros([2]), probability: 1.5, seed: 0) }
        await #expect(processExitsWith: .failure) { _ = rotatingPositions(Variable(.zeros([2, 3])), rotaryColumns: 3) }
    }
}
