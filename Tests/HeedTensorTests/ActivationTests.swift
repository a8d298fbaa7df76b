import Foundation
import HeedTensor
import HeedTestSupport
import Testing

@Suite("Activations and their gradients")
struct ActivationTests {
    private func exact(_ activation: Activation, _ x: Double) -> Double {
        switch activation {
        case .identity: x
        case .relu: max(x, 0)
        case .sigmoid: 1 / (1 + exp(-x))
        case .tanh: Foundation.tanh(x)
        case .silu: x / (1 + exp(-x))
        case .gelu: 0.5 * x * erfc(-x * 0.5.squareRoot())
        case .geluTanh: x / (1 + exp(-2 * (2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
        case .exponential: exp(x)
        case .logarithm: log(x)
        case .softplus: log1p(exp(x))
        }
    }

    @Test(arguments: Activation.allCases) func agreeWithFloat64AndFiniteDifferences(activation: Activation) {
        let normal = Tensor.normal([37, 11], seed: 1)
        let input = activation == .logarithm ? normal.magnitude() + 0.5 : normal
        let elements = input.elements.map(Double.init)
        let output = activate(input, activation)
        #expect(normwiseError(output.elements, elements.map { exact(activation, $0) }) < 2 * floatEpsilon)
        let outputGradient = Tensor.normal([11, 37], seed: 2).transposed()
        let step = 1e-6
        let expected = zip(elements, outputGradient.elements).map { x, gradient in
            (exact(activation, x + step) - exact(activation, x - step)) / (2 * step) * Double(gradient)
        }
        let gradient = activationGradient(activation, saved: input, outputGradient: outputGradient)
        #expect(normwiseError(gradient.elements, expected) < 1e-6)
        guard activation.gradientNeedsOnlyOutput else { return }
        let fromOutput = activationGradient(activation, .output, saved: output, outputGradient: outputGradient)
        #expect(normwiseError(fromOutput.elements, expected) < 1e-6)
    }

    @Test(arguments: -3..<3, [false, true]) func softmaxGradientAlongEveryAxis(axis: Int, logarithm: Bool) {
        let input = Tensor.normal([4, 6, 5], seed: 3)
        let outputGradient = Tensor.normal([5, 4, 6], seed: 4).permuted([1, 2, 0])
        func forward(_ input: Tensor, _ axis: Int) -> Tensor {
            logarithm ? logSoftmax(input, axis: axis) : softmax(input, axis: axis)
        }
        let gradient = softmaxGradient(
            output: forward(input, axis), outputGradient: outputGradient, axis: axis, logarithm: logarithm)
        let moved = softmaxGradient(
            output: forward(input.transposed(axis, -1), -1), outputGradient: outputGradient.transposed(axis, -1),
            logarithm: logarithm
        ).transposed(axis, -1)
        #expect(haveSameBits(gradient, moved))
        // A shift changes nothing, so each line of the gradient sums to nothing.
        #expect(gradient.sum(axis: axis).elements.allSatisfy { abs($0) < 1e-5 })
    }

    @Test func hiddenEntriesHaveNoGradient() {
        let input = Tensor.normal([3, 8], seed: 5)
        let mask = BooleanTensor((0..<8).map { $0 < 6 }, shape: [8])
        let outputGradient = Tensor.normal([3, 8], seed: 6).replacing(
            with: .nan, where: BooleanTensor((0..<8).map { $0 >= 6 }, shape: [8]))
        for logarithm in [false, true] {
            let output = logarithm ? logSoftmax(input, mask: mask) : softmax(input, mask: mask)
            let gradient = softmaxGradient(
                output: output, outputGradient: outputGradient, mask: mask, logarithm: logarithm)
            #expect(gradient[0..<3, 6..<8] == Tensor.zeros([3, 2]))
            #expect(gradient.elements.allSatisfy { $0.isFinite })
        }
    }
}
