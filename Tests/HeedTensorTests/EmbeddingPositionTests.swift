import Foundation
import HeedTensor
import HeedTestSupport
import Testing

@Suite("Embedding and positions")
struct EmbeddingPositionTests {
    @Test func embeddingIsTheProductWithOneHotRows() {
        let table = Tensor.normal([9, 5], seed: 1)
        let indices = IndexTensor([3, 0, 8, 3, 3, 1], shape: [2, 3])
        #expect(
            haveSameBits(
                embedding(table.transposed().contiguous().transposed(), indices: indices),
                embedding(table, indices: indices)))
        #expect(embedding(table, indices: indices) == matmul(indices.oneHot(classes: 9), table))
        let outputGradient = Tensor.normal([2, 3, 5], seed: 2)
        let gradient = embeddingGradient(indices: indices, outputGradient: outputGradient, vocabulary: 9)
        let expected = matmul(
            indices.oneHot(classes: 9).reshaped([6, 9]).transposed(), outputGradient.reshaped([6, 5]))
        #expect(normwiseError(gradient.elements, expected.elements.map(Double.init)) < 2 * floatEpsilon)
        let touched = embeddingGradientRows(indices: indices, outputGradient: outputGradient, vocabulary: 9)
        #expect(touched.rows.elements == [0, 1, 3, 8])
        #expect(haveSameBits(touched.gradient.contiguous(), embedding(gradient, indices: touched.rows)))
        let padded = embeddingGradient(indices: indices, outputGradient: outputGradient, vocabulary: 9, padding: 3)
        #expect(padded[3..<4] == Tensor.zeros([1, 5]) && padded[8..<9] == gradient[8..<9])
    }

    @Test func indicesFromOutsideAreChecked() async {
        for index: Int32 in [-1, 4, .max] {
            #expect(throws: TensorError.self) {
                try embedding(Tensor.zeros([4, 2]), validating: IndexTensor([0, index], shape: [2]))
            }
        }
        await #expect(processExitsWith: .failure) {
            _ = embedding(Tensor.zeros([4, 2]), indices: IndexTensor([4], shape: [1]))
        }
    }

    @Test func sinusoidalPositionsAreAdded() {
        let input = Tensor.normal([2, 3, 7, 12], seed: 3)
        let table = sinusoidalPositions(length: 20, dimension: 12)
        let expected = (0..<20 * 12).map { place -> Double in
            let angle = Double(place / 12) * pow(10000, -Double(place % 12 / 2 * 2) / 12)
            return place % 2 == 0 ? sin(angle) : cos(angle)
        }
        #expect(normwiseError(table.elements, expected) < floatEpsilon)
        let sum = addingSinusoidalPositions(to: input, firstPosition: 5)
        #expect(haveSameBits(sum, input + table[5..<12]))
        #expect(haveSameBits(sum, addingSinusoidalPositions(to: input, firstPosition: 5, table: table)))
    }

    @Test(arguments: [RotaryPositions.Layout.halves, .interleaved]) func rotaryPositionsTurn(
        layout: RotaryPositions.Layout
    ) {
        let rotary = RotaryPositions(rotaryDimension: 8, layout: layout)
        let input = Tensor.normal([2, 9, 3, 12], seed: 4).transposed(1, 2)
        let turned = rotary(input)
        #expect(turned.shape == [2, 3, 9, 12])
        #expect(haveSameBits(turned, rotary(input.contiguous(), table: rotary.table(length: 9, dimension: 12))))
        // Lengths are kept; the gradient turns back; what does not turn is copied; a row alone has the bits it has in
        // its sequence.
        #expect(normwiseError(rotary.gradient(turned).elements, input.elements.map(Double.init)) < 4 * floatEpsilon)
        #expect(
            haveSameBits(
                turned.slice(axis: 3, range: 8..<12).contiguous(), input.slice(axis: 3, range: 8..<12).contiguous()))
        let last = rotary(input.slice(axis: 2, range: 8..<9), firstPosition: 8)
        #expect(haveSameBits(last, turned.slice(axis: 2, range: 8..<9).contiguous()))
    }
}
