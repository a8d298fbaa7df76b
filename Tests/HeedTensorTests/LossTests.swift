import HeedTensor
import HeedTestSupport
import Testing

@Suite("Losses") struct LossTests {
    @Test func crossEntropyIsTheLogarithmOfTheSoftmax() throws {
        let logits = Tensor([1, 2, 3, -1, 0, 4], shape: [2, 3])
        let logarithms = logSoftmax(logits).elements
        let loss = try crossEntropy(logits, targets: .classes([2, 0]), reduction: .none)
        #expect(loss.loss.shape == [2])
        #expect(abs(loss.loss[0] + logarithms[2]) < 1e-6 && abs(loss.loss[1] + logarithms[3]) < 1e-6)
        let probabilities = softmax(logits).elements
        let gradient = try #require(loss.gradients[0]).elements
        for index in 0..<6 {
            let expected = probabilities[index] - (index == 2 || index == 3 ? 1 : 0)
            #expect(abs(gradient[index] - expected) < 1e-6)
        }
    }

    @Test func classesAndOneHotProbabilitiesAgree() throws {
        let logits = Tensor([0.5, -2, 3, 1, 1, 1, -4, 2, 0], shape: [3, 3])
        let oneHot = Tensor([0, 0, 1, 1, 0, 0, 0, 1, 0], shape: [3, 3])
        let hard = try crossEntropy(logits, targets: .classes(IndexTensor([2, 0, 1], shape: [3])), labelSmoothing: 0.2)
        let soft = try crossEntropy(logits, targets: .probabilities(oneHot), labelSmoothing: 0.2)
        #expect(abs(hard.loss.scalar - soft.loss.scalar) < 1e-6)
        let pairs = zip(try #require(hard.gradients[0]).elements, try #require(soft.gradients[0]).elements)
        for (first, second) in pairs { #expect(abs(first - second) < 1e-6) }
    }

    @Test func everythingIgnoredIsZero() throws {
        let loss = try crossEntropy(
            Tensor([.nan, 1, 2, 3], shape: [2, 2]), targets: .classes([-100, -100]), ignoredClass: -100)
        #expect(loss.loss.scalar == 0)
        #expect(try #require(loss.gradients[0]).elements == [0, 0, 0, 0])
    }

    @Test func targetsThatAreNoClassesAreRefused() {
        let logits = Tensor.zeros([2, 3])
        #expect(throws: TensorError.self) { try crossEntropy(logits, targets: .classes([0, 3])) }
        #expect(throws: TensorError.self) { try crossEntropy(logits, targets: .classes([0])) }
        #expect(throws: TensorError.self) { try crossEntropy(logits, targets: .probabilities(Tensor.zeros([3, 2]))) }
        #expect(throws: TensorError.self) {
            try crossEntropy(logits, targets: .classes([0, 1]), lossGradient: Tensor.zeros([2]))
        }
        #expect(throws: TensorError.self) {
            try distillationLoss(student: logits, teacher: logits, temperature: 0)
        }
    }

    @Test func distillingFromOneselfCostsNothing() throws {
        let logits = Tensor([0.5, -2, 3, 1, 1, 1], shape: [2, 3])
        let loss = try distillationLoss(student: logits, teacher: logits, temperature: 2, wanted: (true, true))
        #expect(abs(loss.loss.scalar) < 1e-6)
        for gradient in loss.gradients { #expect(try #require(gradient).elements.allSatisfy { abs($0) < 1e-6 }) }
    }

    @Test func squaredErrorAndBinaryCrossEntropy() throws {
        let squared = try squaredError(Tensor([1, 2], shape: [2]), targets: Tensor([0, 4], shape: [2]))
        #expect(squared.loss.scalar == 2.5)
        #expect(try #require(squared.gradients[0]).elements == [1, -2])
        let binary = try binaryCrossEntropy(
            logits: Tensor([0, 0], shape: [2]), targets: Tensor([0, 1], shape: [2]), reduction: .sum)
        #expect(abs(binary.loss.scalar - 1.3862944) < 1e-6)
        #expect(try #require(binary.gradients[0]).elements == [0.5, -0.5])
    }

    @Test func negativeSamplingTouchesTheRowsOfItsPairs() throws {
        func sampling(_ center: Tensor, _ context: Tensor, lastNegative: Int32 = 0) throws -> NegativeSampling {
            try NegativeSampling(
                centerTable: center, contextTable: context, centers: IndexTensor([3, 1, 3], shape: [3]),
                contexts: IndexTensor([5, 0, 5], shape: [3]),
                negatives: IndexTensor([2, 2, lastNegative], shape: [3, 1]), reduction: .sum)
        }
        let plain = try sampling(.filled([5, 2], with: 0), .filled([6, 2], with: 1))
        let result = try plain.lossAndTouchedRows()
        // Six logarithms of sigmoid(0).
        #expect(abs(result.loss.scalar - 6 * 0.6931472) < 1e-5)
        #expect(result.centers.rows == [1, 3])
        #expect(result.contexts.rows == [0, 2, 5])
        // A pair's -1/2 of its context and +1/2 of its negative, which are equal here.
        #expect(result.centers.gradients.elements == [0, 0, 0, 0])
        #expect(throws: TensorError.self) {
            try sampling(.zeros([5, 2]), .zeros([6, 2]), lastNegative: 6).lossAndTouchedRows()
        }
        #expect(throws: TensorError.self) { try sampling(.zeros([5, 2]), .zeros([6, 3])) }
        #expect(throws: TensorError.self) { try plain.lossAndTouchedRows(lossGradient: .ones([3])) }

        // The gradients of whole tables are those rows among zeros, added to what is there.
        let other = try sampling(.normal([5, 2], seed: 1), .normal([6, 2], seed: 2))
        let touched = try other.lossAndTouchedRows(lossGradient: Tensor(0.5))
        #expect(haveSameBits(touched.loss, try other.loss()))
        var (centers, contexts) = (Tensor.zeros([5, 2]), Tensor.zeros([6, 2]))
        try other.addCenterGradient(to: &centers, lossGradient: Tensor(0.5))
        try other.addContextGradient(to: &contexts, lossGradient: Tensor(0.5))
        for (whole, part) in [(centers, touched.centers), (contexts, touched.contexts)] {
            for row in 0..<whole.shape[0] {
                let own = whole.slice(axis: 0, range: row..<row + 1).elements
                let place = part.rows.firstIndex(of: Int64(row))
                #expect(own == place.map { part.gradients.slice(axis: 0, range: $0..<$0 + 1).elements } ?? [0, 0])
            }
        }
        #expect(touched.centers.gradients.elements.allSatisfy { $0 != 0 })
        let before = centers
        try other.addCenterGradient(to: &centers, lossGradient: Tensor(0.5))
        #expect(centers.elements == before.elements.map { 2 * $0 })
        #expect(throws: TensorError.self) { try other.addContextGradient(to: &centers) }
    }
}
