import HeedTensor
import HeedTestSupport
import Testing

@Suite("Dropout")
struct DropoutTests {
    @Test(arguments: [0.1, 0.25, 0.5, 0.9] as [Float]) func keepsAndScalesItsShare(probability: Float) {
        let count = 200_000
        let result = dropout(Tensor.ones([400, 500]), probability: probability, seed: 11).elements
        let kept = result.filter { $0 != 0 }
        let expected = Double(count) * (1 - Double(probability))
        let standardDeviation = (expected * Double(probability)).squareRoot()
        #expect(abs(Double(kept.count) - expected) < 5 * standardDeviation)
        let factor = Float(1 / (1 - Double(probability)))
        #expect(kept.allSatisfy { $0 == factor })
    }

    @Test func whatIsKeptIsScaledAndNothingElse() {
        let input = Tensor.normal([7, 31], seed: 1)
        let mask = dropout(Tensor.ones([7, 31]), probability: 0.3, seed: 5)
        let result = dropout(input, probability: 0.3, seed: 5)
        #expect(result.shape == [7, 31])
        for (value, (element, factor)) in zip(result.elements, zip(input.elements, mask.elements)) {
            #expect(value == (factor == 0 ? 0 : element * factor))
        }
    }

    @Test func masksAreNamedBySeedStreamAndOffset() {
        let input = Tensor.ones([1000])
        let first = dropout(input, probability: 0.5, seed: 3, stream: 4)
        #expect(haveSameBits(first, dropout(input, probability: 0.5, seed: 3, stream: 4)))
        #expect(first != dropout(input, probability: 0.5, seed: 4, stream: 4))
        #expect(first != dropout(input, probability: 0.5, seed: 3, stream: 5))
        for start in [1, 13, 64, 999] {
            let part = input.slice(axis: 0, range: start..<1000)
            let expected = first.slice(axis: 0, range: start..<1000).contiguous()
            #expect(
                haveSameBits(
                    dropout(part, probability: 0.5, seed: 3, stream: 4, offset: UInt64(start)), expected))
        }
    }

    @Test func theGradientHasTheMaskOfTheForwardPass() {
        let (input, outputGradient) = (Tensor.normal([50, 40], seed: 2), Tensor.normal([50, 40], seed: 3))
        let output = dropout(input, probability: 0.4, seed: 9, offset: 17).elements
        let gradient = dropout(outputGradient, probability: 0.4, seed: 9, offset: 17).elements
        let factor = Float(1 / (1 - Double(Float(0.4))))
        for (place, element) in outputGradient.elements.enumerated() {
            #expect(gradient[place] == (output[place] == 0 ? 0 : element * factor))
        }
    }

    @Test func whatIsDroppedHasNoEffect() {
        let kept = dropout(Tensor.ones([300]), probability: 0.5, seed: 6).elements
        let result = dropout(Tensor.filled([300], with: .nan), probability: 0.5, seed: 6).elements
        for place in 0..<300 { #expect(kept[place] == 0 ? result[place] == 0 : result[place].isNaN) }
    }

    @Test func nothingAndEverythingIsDropped() {
        let input = Tensor.normal([5, 8], seed: 4)
        #expect(haveSameBits(dropout(input, probability: 0, seed: 1), input))
        #expect(haveSameBits(dropout(Tensor.filled([9], with: .nan), probability: 1, seed: 1), Tensor.zeros([9])))
        #expect(dropout(Tensor.zeros([0, 3]), probability: 0.5, seed: 1).shape == [0, 3])
        let view = input.transposed()
        #expect(
            haveSameBits(
                dropout(view, probability: 0.5, seed: 2), dropout(view.contiguous(), probability: 0.5, seed: 2)))
    }

    #if !os(iOS)
    @Test func whatIsNoProbabilityStopsTheProgram() async {
        await #expect(processExitsWith: .failure) { _ = dropout(Tensor.ones([2]), probability: -0.1, seed: 1) }
        await #expect(processExitsWith: .failure) { _ = dropout(Tensor.ones([2]), probability: 1.1, seed: 1) }
        await #expect(processExitsWith: .failure) { _ = dropout(Tensor.ones([2]), probability: .nan, seed: 1) }
    }
    #endif
}
