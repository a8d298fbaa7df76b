import HeedAutograd
import HeedTensor
import HeedTestSupport
import Testing

@Suite("Gradients of losses and of fused layers")
struct LossGradientTests {
    @Test(arguments: LossReduction.allCases) func losses(reduction: LossReduction) {
        let logits = Tensor.spreadNormal([2, 3, 4], seed: 1)
        let targets = IndexTensor([3, 0, 9, 1, 2, 2], shape: [2, 3])
        let weights = Tensor.positive([4], seed: 2)
        GradientCase("crossEntropy \(reduction)", [logits]) {
            crossEntropy(
                $0[0], targets: targets, ignoring: 9, classWeights: weights, labelSmoothing: 0.1, reduction: reduction)
        }.check()
        let probabilities = softmax(Tensor.normal([2, 3, 4], seed: 3))
        GradientCase("crossEntropy of probabilities", [logits]) {
            crossEntropy($0[0], probabilities: probabilities, reduction: reduction)
        }.check()
        GradientCase("distillation", [logits, .normal([2, 3, 4], seed: 4)]) {
            distillation(student: $0[0], teacher: $0[1], temperature: 2, reduction: reduction)
        }.check()
        GradientCase("squaredError", [logits]) { squaredError($0[0], targets: probabilities, reduction: reduction) }
            .check()
        GradientCase("binaryCrossEntropy", [logits]) {
            binaryCrossEntropy($0[0], targets: probabilities, positiveWeight: 1.5, reduction: reduction)
        }.check()
        GradientCase("negativeSampling", [.spreadNormal([4, 3], seed: 5), .normal([5, 3], seed: 6)]) {
            negativeSampling(
                centerTable: $0[0], contextTable: $0[1], centers: IndexTensor([0, 3, 0], shape: [3]),
                contexts: IndexTensor([4, 4, 1], shape: [3]),
                negatives: IndexTensor([0, 1, 2, 2, 3, 0], shape: [3, 2]),
                reduction: reduction)
        }.check()
    }

    @Test(arguments: SequenceLossReduction.allCases) func conditionalRandomField(reduction: SequenceLossReduction) {
        let tags = IndexTensor([3, 0, 1, 2, 2, 9], shape: [2, 3])
        let operands: [Tensor] = [
            .normal([2, 3, 4], seed: 1), .normal([4, 4], seed: 2), .normal([4], seed: 3), .normal([4], seed: 4),
        ]
        GradientCase("conditionalRandomFieldLoss \(reduction)", operands) {
            conditionalRandomFieldLoss(
                $0[0], tags: tags, transitions: $0[1], start: $0[2], end: $0[3], lengths: [3, 2], reduction: reduction)
        }.check()
        GradientCase("conditionalRandomFieldLoss without ends", Array(operands.prefix(2))) {
            conditionalRandomFieldLoss(
                $0[0], tags: tags, transitions: $0[1], lengths: [3, 2], reduction: reduction)
        }.check()
    }

    @Test func aRetainedLossOfSequencesGivesItsGradientTwice() {
        for reduction in [SequenceLossReduction.mean, .none] {
            let tape = Tape()
            let leaves = [tape.leaf(Tensor.normal([2, 3, 4], seed: 7)), tape.leaf(Tensor.normal([4, 4], seed: 8))]
            let tags = IndexTensor([1, 2, 3, 0, 0, 0], shape: [2, 3])
            let loss = conditionalRandomFieldLoss(
                leaves[0], tags: tags, transitions: leaves[1], reduction: reduction
            ).sum()
            let first = tape.gradients(of: loss * 2, withRespectTo: leaves, retainingRecord: true)
            let second = tape.gradients(of: loss, withRespectTo: leaves)
            for (first, second) in zip(first, second) { #expect(haveSameBits(first, second * 2)) }
        }
    }

    @Test func aRetainedLossGivesItsGradientTwice() {
        let tape = Tape()
        let x = tape.leaf(Tensor.normal([3, 4], seed: 7))
        let loss = crossEntropy(x, targets: IndexTensor([1, 2, 3], shape: [3]))
        let first = tape.gradients(of: loss * 2, withRespectTo: [x], retainingRecord: true)[0]
        let second = tape.gradients(of: loss, withRespectTo: [x])[0]
        #expect(haveSameBits(first, second * 2))
    }

    /// One operation has the bits of the two that it is made of, in values and gradients.
    @Test(arguments: [true, false]) func linearCrossEntropyHasTheBitsOfItsParts(hasBias: Bool) {
        let targets = IndexTensor([3, 0, 9, 1, 2, 2], shape: [2, 3])
        let operands =
            [Tensor.normal([2, 3, 5], seed: 1), .normal([4, 5], seed: 2)] + (hasBias ? [.normal([4], seed: 3)] : [])
        @Sendable func parts(_ x: [Variable]) -> Variable {
            crossEntropy(
                linear(x[0], weight: x[1], bias: hasBias ? x[2] : nil), targets: targets, ignoring: 9,
                labelSmoothing: 0.1)
        }
        @Sendable func whole(_ x: [Variable]) -> Variable {
            linearCrossEntropy(
                x[0], weight: x[1], bias: hasBias ? x[2] : nil, targets: targets, ignoring: 9, labelSmoothing: 0.1)
        }
        for factor: Float in [1, 3] {
            let expected = valueAndGradient(of: { parts($0) * factor }, at: operands)
            let found = valueAndGradient(of: { whole($0) * factor }, at: operands)
            #expect(haveSameBits(found.value, expected.value))
            for (found, expected) in zip(found.gradients, expected.gradients) { #expect(haveSameBits(found, expected)) }
        }
        #expect(haveSameBits(whole(operands.map { Variable($0) }).value, parts(operands.map { Variable($0) }).value))
        GradientCase("linearCrossEntropy", operands) { whole($0) }.check()

        let tape = Tape()
        let leaves = operands.map { tape.leaf($0) }
        let loss = whole(leaves)
        let first = tape.gradients(of: loss * 2, withRespectTo: leaves, retainingRecord: true)
        let second = tape.gradients(of: loss, withRespectTo: leaves)
        for (first, second) in zip(first, second) { #expect(haveSameBits(first, second * 2)) }
    }

    /// A table that is read in several places collects one gradient, whichever comes first.
    @Test func tablesCollectTheirGradients() {
        let first = IndexTensor([1, 3, 1], shape: [3])
        let second = IndexTensor([3, 0], shape: [2])
        GradientCase("embedding", [.normal([4, 3], seed: 1)]) { x in
            let rows = concatenate([embedding(first, table: x[0]), embedding(second, table: x[0])])
            return [rows, linear(rows, weight: x[0])]
        }.check(tolerance: 1e-3)
    }

    @Test func scoredAttentions() {
        let queries = Tensor.normal([2, 2, 3], seed: 8)
        let keys = Tensor.spreadNormal([2, 4, 3], seed: 9)
        let values = Tensor.normal([4, 2, 2], seed: 10).transposed(0, 1)
        GradientCase("dot", [queries, keys, values], step: 0x1p-5) {
            let (output, weights) = scoredAttention(
                queries: $0[0], keys: $0[1], values: $0[2], lengths: [4, 2], score: .dot)
            return [output, weights]
        }.check(tolerance: 1e-3)
        GradientCase("general", [queries, keys, values, .normal([3, 3], seed: 11)], step: 0x1p-5) {
            scoredAttention(queries: $0[0], keys: $0[1], values: $0[2], score: .general(weight: $0[3])).output
        }.check(tolerance: 1e-3)
        let weights = [Tensor.normal([2, 3], seed: 12), .normal([2, 3], seed: 13), .normal([2], seed: 14)]
        GradientCase("additive", [queries, keys, values] + weights, step: 0x1p-5) {
            let score = AttentionScoreVariables.additive(queryWeight: $0[3], keyWeight: $0[4], scoreWeight: $0[5])
            let (output, weights) = scoredAttention(
                queries: $0[0], keys: $0[1], values: $0[2], lengths: [3, 0], score: score)
            return [output, weights]
        }.check(tolerance: 1e-3)
    }

    @Test func attentionWithDroppedWeights() {
        let inputs = [
            Tensor.normal([1, 2, 3, 4], seed: 15), .normal([1, 2, 4, 4], seed: 16), .normal([1, 2, 4, 3], seed: 17),
        ]
        GradientCase("attention, dropout", inputs) {
            attention(queries: $0[0], keys: $0[1], values: $0[2], dropout: AttentionDropout(probability: 0.4, seed: 3))
        }.check()
        GradientCase("attention, bias and additive mask", inputs + [.normal([3, 1], seed: 18)]) {
            attention(
                queries: $0[0], keys: $0[1], values: $0[2], mask: .additive(.normal([2, 1, 4], seed: 19)), bias: $0[3])
        }.check()
    }

    @Test func convolutions() {
        let image = Tensor.spreadNormal([2, 4, 5, 4], seed: 20)
        var geometry = ConvolutionGeometry(groups: 2)
        (geometry.stride, geometry.dilation, geometry.padding) = ((2, 1), (1, 2), (1, 1, 0, 1))
        GradientCase("conv2d", [image, .normal([2, 2, 3, 2], seed: 21), .normal([2], seed: 22)]) { [geometry] in
            conv2d($0[0], weight: $0[1], bias: $0[2], geometry: geometry)
        }.check()
        let line = ConvolutionGeometry(padding: 1, dilation: 2)
        GradientCase("conv1d", [.spreadNormal([2, 3, 5], seed: 23), .normal([2, 3, 2], seed: 24)]) {
            conv1d($0[0], weight: $0[1], geometry: line)
        }.check()
    }

    @Test func sparseProducts() throws {
        let matrix = try SparseMatrix(
            rowCount: 3, columnCount: 3, offsets: [0, 2, 2, 4], columns: [2, 0, 1, 1], values: [1, 2, 3, -1])
        GradientCase("sparse", [.spreadNormal([3, 2], seed: 25)]) { matrix.multiplied(by: $0[0]) }.check()
        let transpose = matrix.transposed()
        GradientCase("sparse, transpose given", [.spreadNormal([3, 2], seed: 25)]) {
            matrix.multiplied(by: $0[0], transpose: transpose)
        }.check()
    }

    @Test func wrongShapesStopTheProgram() async {
        await #expect(processExitsWith: .failure) {
            _ = crossEntropy(Variable(.zeros([2, 3])), targets: IndexTensor([0], shape: [1]))
        }
        await #expect(processExitsWith: .failure) {
            _ = crossEntropy(Variable(.zeros([1, 3])), targets: IndexTensor([3], shape: [1]))
        }
        await #expect(processExitsWith: .failure) {
            _ = conv2d(Variable(.zeros([1, 2, 3, 3])), weight: Variable(.zeros([1, 3, 1, 1])))
        }
        await #expect(processExitsWith: .failure) {
            _ = conv2d(Variable(.zeros([1, 2, 3, 3])), weight: Variable(.zeros([1, 2, 4, 1])))
        }
    }
}
