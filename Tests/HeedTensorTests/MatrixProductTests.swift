import HeedTensor
import HeedTestSupport
import Testing

@Suite("Matrix product")
struct MatrixProductTests {
    /// Two matrices' product in float64.
    private func reference(_ left: Tensor, _ right: Tensor) -> [Double] {
        let (m, k, n) = (left.shape[0], left.shape[1], right.shape[1])
        let a = left.elements.map(Double.init)
        let b = right.elements.map(Double.init)
        return (0..<m * n).map { position in
            (0..<k).reduce(0) { $0 + a[position / n * k + $1] * b[$1 * n + position % n] }
        }
    }

    @Test(arguments: [(1, 1, 1), (3, 5, 7), (65, 200, 33), (1, 64, 100), (130, 1, 2)])
    func agreesWithFloat64(m: Int, k: Int, n: Int) {
        let left = Tensor.normal([m, k], seed: 1)
        let right = Tensor.normal([k, n], seed: 2)
        #expect(normwiseError(matmul(left, right).elements, reference(left, right)) < 5 * floatEpsilon)
    }

    @Test func viewsGiveTheBitsOfTheirCopies() {
        let left = Tensor.normal([40, 30], seed: 3).transposed()
        let right = Tensor.normal([50, 60], seed: 4).transposed()[10..<50, 0..<50]
        #expect(haveSameBits(matmul(left, right), matmul(left.contiguous(), right.contiguous())))
    }

    @Test func leadingAxesBroadcast() {
        let left = Tensor.normal([2, 1, 4, 6], seed: 5)
        let right = Tensor.normal([3, 6, 5], seed: 6)
        let result = matmul(left, right)
        #expect(result.shape == [2, 3, 4, 5])
        for a in 0..<2 {
            for b in 0..<3 {
                let alone = matmul(left[a..<a + 1].reshaped([4, 6]), right.selecting(axis: 0, index: b))
                #expect(haveSameBits(result[a..<a + 1, b..<b + 1].reshaped([4, 5]), alone))
            }
        }
    }

    @Test func aBatchThatMeetsOneMatrixHasTheBitsOfEachAlone() {
        let left = Tensor.normal([3, 4, 6], seed: 7)
        let right = Tensor.normal([6, 5], seed: 8)
        let joined = matmul(left, right)
        let apart = matmul(left.transposed(0, 1).contiguous().transposed(0, 1), right)
        #expect(haveSameBits(joined, apart))
        for entry in 0..<3 {
            #expect(
                haveSameBits(
                    joined.selecting(axis: 0, index: entry).contiguous(),
                    matmul(left.selecting(axis: 0, index: entry), right)))
        }
    }

    @Test func emptySizes() {
        #expect(matmul(Tensor.zeros([2, 0]), .zeros([0, 3])) == .zeros([2, 3]))
        #expect(matmul(Tensor.zeros([0, 4]), .zeros([4, 3])).shape == [0, 3])
        #expect(matmul(Tensor.zeros([0, 2, 4]), .zeros([4, 3])).shape == [0, 2, 3])
    }
}
