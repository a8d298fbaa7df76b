import Foundation
import HeedTensor
import HeedTestSupport
import Testing

@Suite("Optimiser steps over lists of tensors")
struct OptimizerStepTests {
    static let shapes: [Shape] = [[3, 5], [7], [], [0]]
    static func tensors(_ seed: UInt64) -> [Tensor] {
        shapes.enumerated().map { Tensor.normal($1, seed: seed + UInt64($0)) }
    }

    /// Three steps against the formula, some parameters decaying and some not; v falls at the third, which shows with
    /// AMSGrad only.
    @Test(arguments: [false, true], [false, true])
    func adamIsItsFormula(isDecoupled: Bool, amsgrad: Bool) throws {
        var values = Self.tensors(1)
        let decay = [0.2, 0, 0.1, 0]
        var settings = OptimizerStep.Adam(
            rate: 0.1, beta1: 0.9, beta2: 0.5, epsilon: 1e-8, decoupled: isDecoupled, amsgrad: amsgrad, step: 0,
            gradientScale: 0)
        var moments = (0..<settings.momentCount).map { _ in Self.shapes.map { Tensor.zeros($0) } }
        var expected = values.map { $0.elements.map(Double.init) }
        let zeros = expected.map { $0.map { _ in 0.0 } }
        var (m, v, largest) = (zeros, zeros, zeros)
        for step in 1...3 {
            let gradients = Self.tensors(UInt64(10 * step))
            let scale = step == 3 ? 0.125 : 0.5
            (settings.step, settings.gradientScale) = (step, Float(scale))
            try OptimizerStep.adam(
                settings, values: &values, gradients: gradients, weightDecay: decay, moments: &moments)
            let correction = (m: 1 - pow(0.9, Double(step)), v: 1 - pow(0.5, Double(step)))
            for (index, gradient) in gradients.enumerated() {
                for (place, element) in gradient.elements.enumerated() {
                    var g = scale * Double(element)
                    if isDecoupled {
                        expected[index][place] *= 1 - 0.1 * decay[index]
                    } else {
                        g += decay[index] * expected[index][place]
                    }
                    m[index][place] += 0.1 * (g - m[index][place])
                    v[index][place] = 0.5 * v[index][place] + 0.5 * g * g
                    largest[index][place] = max(largest[index][place], v[index][place])
                    let root = ((amsgrad ? largest : v)[index][place] / correction.v).squareRoot()
                    expected[index][place] -= 0.1 * m[index][place] / correction.m / (root + 1e-8)
                }
            }
        }
        for (value, exact) in zip(values, expected) {
            for (x, r) in zip(value.elements, exact) { #expect(abs(Double(x) - r) < 2e-6) }
        }
        guard amsgrad else { return }
        for (kept, exact) in zip(moments[2], largest) {
            for (x, r) in zip(kept.elements, exact) { #expect(abs(Double(x) - r) <= 1e-6 * r) }
        }
        #expect(zip(largest, v).contains { $0 != $1 })
    }

    @Test func momentumIsKept() throws {
        var values = [Tensor(1)]
        var moments = [[Tensor(0)]]
        for step in 1...2 {
            let settings = OptimizerStep.SGD(
                rate: 0.5, momentum: 0.5, dampening: 0, nesterov: false, step: step, gradientScale: 1)
            try OptimizerStep.sgd(
                settings, values: &values, gradients: [Tensor(2)], weightDecay: [0], moments: &moments)
        }
        #expect(moments[0][0].scalar == 3)
        #expect(values[0].scalar == 1 - 0.5 * 2 - 0.5 * 3)
        var none: [[Tensor]] = []
        let plain = OptimizerStep.SGD(
            rate: 0.5, momentum: 0, dampening: 0, nesterov: false, step: 1, gradientScale: 1)
        try OptimizerStep.sgd(plain, values: &values, gradients: [Tensor(2)], weightDecay: [0], moments: &none)
        #expect(values[0].scalar == -2.5)
    }

    @Test func writesInPlaceAndLeavesCopiesAlone() async {
        // In a process of its own: the pool counts for all threads.
        await #expect(processExitsWith: .success) {
            var values = [Tensor.filled([4], with: 1)]
            let copy = values[0]
            var none: [[Tensor]] = []
            let settings = OptimizerStep.SGD(
                rate: 1, momentum: 0, dampening: 0, nesterov: false, step: 1, gradientScale: 1)
            let gradients = [Tensor.filled([4], with: 1)]
            try OptimizerStep.sgd(settings, values: &values, gradients: gradients, weightDecay: [0], moments: &none)
            #expect(values[0].elements == [0, 0, 0, 0])
            #expect(copy.elements == [1, 1, 1, 1])
            let before = TensorPool.statistics
            try OptimizerStep.sgd(settings, values: &values, gradients: gradients, weightDecay: [0], moments: &none)
            #expect(TensorPool.statistics == before)
        }
    }

    @Test func theNormAndWhereItIsNotFinite() {
        let gradients = [Tensor([3, 0], shape: [2]), Tensor(4)]
        #expect(OptimizerStep.gradientNorm(gradients).norm == 5)
        #expect(OptimizerStep.gradientNorm(gradients).firstNotFinite == nil)
        #expect(OptimizerStep.gradientNorm([]).norm == 0)
        let broken = OptimizerStep.gradientNorm([Tensor(1), Tensor([0, .nan], shape: [2]), Tensor(.infinity)])
        #expect(broken.firstNotFinite == 1 && !broken.norm.isFinite)
        #expect(abs(OptimizerStep.clipFactor(norm: 5, maximum: 1) - 0.2) < 1e-6)
        #expect(OptimizerStep.clipFactor(norm: 0.5, maximum: 1) == 1)
    }

    @Test func sumsOfGradients() {
        var sums = Self.tensors(1)
        let before = sums.map(\.elements)
        let more = Self.tensors(20)
        OptimizerStep.accumulate(more, into: &sums)
        for index in sums.indices {
            #expect(
                zip(sums[index].elements, zip(before[index], more[index].elements)).allSatisfy { $0 == $1.0 + $1.1 })
        }
    }

    @Test func wrongSettingsThrowAndWrongShapesStop() async {
        var values = [Tensor(1)], moments = [[Tensor(0)], [Tensor(0)]]
        let settings = OptimizerStep.Adam(
            rate: .nan, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, decoupled: true, amsgrad: false, step: 1,
            gradientScale: 1)
        #expect(throws: TensorError.self) {
            try OptimizerStep.adam(
                settings, values: &values, gradients: [Tensor(1)], weightDecay: [0], moments: &moments)
        }
        var good = settings
        good.rate = 0.1
        #expect(throws: TensorError.self) {
            try OptimizerStep.adam(
                good, values: &values, gradients: [Tensor(1)], weightDecay: [-1], moments: &moments)
        }
        #expect(values[0].scalar == 1)
        await #expect(processExitsWith: .failure) {
            var sums = [Tensor(1)]
            OptimizerStep.accumulate([Tensor.zeros([2])], into: &sums)
        }
    }
}
