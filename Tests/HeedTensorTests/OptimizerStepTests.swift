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

    @Test func adamWIsItsFormula() throws {
        var values = Self.tensors(1)
        let gradients = Self.tensors(10)
        var first = Self.shapes.map { Tensor.zeros($0) }
        var second = first
        var expected = values.map { $0.elements.map(Double.init) }
        var m = expected.map { $0.map { _ in 0.0 } }
        var v = m
        for step in 1...3 {
            let settings = OptimizerStep.Adam(
                rate: 0.1, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.2, isDecoupled: true, step: step,
                gradientScale: 0.5)
            try OptimizerStep.adam(settings, values: &values, gradients: gradients, first: &first, second: &second)
            for (index, gradient) in gradients.enumerated() {
                for (place, element) in gradient.elements.enumerated() {
                    let g = 0.5 * Double(element)
                    m[index][place] += 0.1 * (g - m[index][place])
                    v[index][place] = 0.99 * v[index][place] + 0.01 * g * g
                    let correction = (m: 1 - pow(0.9, Double(step)), v: 1 - pow(0.99, Double(step)))
                    expected[index][place] *= 1 - 0.1 * 0.2
                    expected[index][place] -=
                        0.1 * m[index][place] / correction.m / ((v[index][place] / correction.v).squareRoot() + 1e-8)
                }
            }
        }
        for (value, exact) in zip(values, expected) {
            for (x, r) in zip(value.elements, exact) { #expect(abs(Double(x) - r) < 1e-6) }
        }
    }

    @Test func momentumIsKept() throws {
        var values = [Tensor(1)]
        var moments = [Tensor(0)]
        for step in 1...2 {
            let settings = OptimizerStep.SGD(
                rate: 0.5, momentum: 0.5, dampening: 0, weightDecay: 0, isNesterov: false, step: step, gradientScale: 1)
            try OptimizerStep.sgd(settings, values: &values, gradients: [Tensor(2)], moments: &moments)
        }
        #expect(moments[0].scalar == 3)
        #expect(values[0].scalar == 1 - 0.5 * 2 - 0.5 * 3)
        var none: [Tensor] = []
        let plain = OptimizerStep.SGD(
            rate: 0.5, momentum: 0, dampening: 0, weightDecay: 0, isNesterov: false, step: 1, gradientScale: 1)
        try OptimizerStep.sgd(plain, values: &values, gradients: [Tensor(2)], moments: &none)
        #expect(values[0].scalar == -2.5)
    }

    @Test func writesInPlaceAndLeavesCopiesAlone() async {
        // In a process of its own: the pool counts for all threads.
        await #expect(processExitsWith: .success) {
            var values = [Tensor.filled([4], with: 1)]
            let copy = values[0]
            var none: [Tensor] = []
            let settings = OptimizerStep.SGD(
                rate: 1, momentum: 0, dampening: 0, weightDecay: 0, isNesterov: false, step: 1, gradientScale: 1)
            let gradients = [Tensor.filled([4], with: 1)]
            try OptimizerStep.sgd(settings, values: &values, gradients: gradients, moments: &none)
            #expect(values[0].elements == [0, 0, 0, 0])
            #expect(copy.elements == [1, 1, 1, 1])
            let before = TensorPool.statistics
            try OptimizerStep.sgd(settings, values: &values, gradients: gradients, moments: &none)
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
        var values = [Tensor(1)], first = [Tensor(0)], second = [Tensor(0)]
        let settings = OptimizerStep.Adam(
            rate: .nan, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0, isDecoupled: true, step: 1,
            gradientScale: 1)
        #expect(throws: TensorError.self) {
            try OptimizerStep.adam(settings, values: &values, gradients: [Tensor(1)], first: &first, second: &second)
        }
        #expect(values[0].scalar == 1)
        await #expect(processExitsWith: .failure) {
            var sums = [Tensor(1)]
            OptimizerStep.accumulate([Tensor.zeros([2])], into: &sums)
        }
    }
}
