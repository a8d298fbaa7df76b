import Foundation
import HeedTensor
import HeedTestSupport
import Testing

@Suite("Softmax")
struct SoftmaxTests {
    /// The softmax, or its logarithm, of the last axis in float64.
    private func reference(_ tensor: Tensor, logarithm: Bool) -> [Double] {
        let columns = tensor.shape[-1]
        let elements = tensor.elements.map(Double.init)
        return stride(from: 0, to: elements.count, by: columns).flatMap { start in
            let row = elements[start..<start + columns]
            let largest = row.max() ?? 0
            let sum = row.reduce(0) { $0 + exp($1 - largest) }
            return row.map { logarithm ? $0 - largest - log(sum) : exp($0 - largest) / sum }
        }
    }

    @Test(arguments: [1, 3, 17, 200]) func agreesWithFloat64(columns: Int) {
        let input = Tensor.normal([5, 3, columns], seed: 1)
        #expect(normwiseError(softmax(input).elements, reference(input, logarithm: false)) < 4 * floatEpsilon)
        #expect(normwiseError(logSoftmax(input).elements, reference(input, logarithm: true)) < 4 * floatEpsilon)
    }

    @Test(arguments: -3..<3) func everyAxisGivesTheBitsOfTheLast(axis: Int) {
        let input = Tensor.normal([4, 6, 5], seed: 2)
        let moved = softmax(input.transposed(axis, -1).contiguous()).transposed(axis, -1)
        #expect(haveSameBits(softmax(input, axis: axis), moved))
        let view = input.permuted([2, 0, 1])
        #expect(haveSameBits(softmax(view, axis: axis), softmax(view.contiguous(), axis: axis)))
    }

    @Test func masksBroadcastAndHide() {
        var input = Tensor.normal([2, 3, 4], seed: 3)
        input[1, 2, 3] = .nan
        let mask = BooleanTensor([true, true, true, false], shape: [4])
        let result = softmax(input, mask: mask)
        #expect(
            haveSameBits(
                result[0..<2].slice(axis: 2, range: 0..<3).contiguous(), softmax(input.slice(axis: 2, range: 0..<3))))
        #expect(result[1, 2, 3] == 0 && logSoftmax(input, mask: mask)[1, 2, 3] == -.infinity)
        #expect(softmax(input, mask: BooleanTensor.zeros([1])) == Tensor.zeros([2, 3, 4]))
        let varied = BooleanTensor.random([2, 3, 4], share: 0.6, seed: 5)
        let hidden = Tensor(zip(input.elements, varied.elements).map { $1 ? $0 : -.infinity }, shape: input.shape)
        for axis in 0..<3 {
            #expect(haveSameBits(softmax(input, axis: axis, mask: varied), softmax(hidden, axis: axis)))
        }
        let byRow = softmax(input, axis: 0, mask: BooleanTensor([true, false], shape: [2, 1, 1]))
        #expect(byRow.selecting(axis: 0, index: 0) == .filled([3, 4], with: 1))
    }

    @Test func scaleIsFusedIn() {
        let input = Tensor.normal([3, 8], seed: 4)
        let halved = Tensor(input.elements.map { $0 * 0.5 }, shape: input.shape)
        #expect(haveSameBits(softmax(input, scale: 0.5), softmax(halved)))
        #expect(softmax(Tensor.zeros([0, 4])).shape == [0, 4] && softmax(Tensor.zeros([4, 0])).shape == [4, 0])
    }
}
