import Testing

@testable import HeedCommand

/// The comparer has to see every fault that a kernel could have.
@Suite struct TensorComparisonTests {
    static let rows = 16
    static let columns = 24
    static let reference: [Double] = (0..<rows * columns).map { Double(Float(($0 * 7919) % 1009) / 500 - 1) + 0x1p-30 }
    static var right: [Float] { reference.map { Float($0) } }

    /// Faults planted in a right output, by what a careless kernel does.
    static let faults: [(name: String, plant: @Sendable (inout [Float]) -> Void)] = [
        ("NaN for a number", { $0[5] = .nan }),
        ("NaN at the end", { $0[$0.count - 1] = .nan }),
        ("infinity for a number", { $0[7] = .infinity }),
        ("all NaN", { $0 = $0.map { _ in .nan } }),
        ("zeros", { $0 = $0.map { _ in 0 } }),
        ("a flipped sign", { $0[100] = -$0[100] }),
        ("all signs flipped", { $0 = $0.map { -$0 } }),
        ("one bad row", { x in for i in 48..<72 { x[i] *= 1.001 } }),
        ("a stale tail", { x in for i in 20..<24 { x[i] = x[i - 4] } }),
        ("the last element missing", { $0[$0.count - 1] = 0 }),
        ("the first element missing", { $0[0] = 0 }),
        ("shifted by one", { $0 = Array($0.dropFirst()) + [$0[0]] }),
        ("two rows exchanged", { x in for i in 0..<24 { x.swapAt(i, i + 24) } }),
        ("row one repeated", { x in for i in 0..<24 { x[i + 24] = x[i] } }),
        ("columns reversed", { $0.reverse() }),
        ("scaled", { $0 = $0.map { $0 * 1.0001 } }),
        ("offset", { $0 = $0.map { $0 + 1e-4 } }),
        ("half precision", { $0 = $0.map { Float(bitPattern: ($0.bitPattern + 0x8000) & 0xFFFF_0000) } }),
        ("one element doubled", { $0[200] *= 2 }),
        ("too short", { $0.removeLast() }),
        ("too long", { $0.append(0) }),
        ("nothing", { $0 = [] }),
    ]

    @Test(arguments: faults.indices)
    func `a planted fault is seen`(index: Int) {
        let fault = Self.faults[index]
        var output = Self.right
        fault.plant(&output)
        let comparison = TensorComparison(computed: output, reference: Self.reference, rowLength: Self.columns)
        for (metric, value, bound) in [
            ("E", comparison.maximum, 5e-6), ("N", comparison.norm, 1e-6), ("W", comparison.worstRow, 2e-6),
        ] {
            #expect(
                !Measurement(metric: metric, value: value, bound: bound).holds,
                "\(fault.name) passes by \(metric): \(value)")
        }
    }

    @Test func `a right output passes`() {
        let comparison = TensorComparison(computed: Self.right, reference: Self.reference, rowLength: Self.columns)
        #expect(comparison.maximum < 1e-7 && comparison.norm < 1e-7 && comparison.worstRow < 2e-7)
    }

    @Test func `what is not finite must be the same`() {
        func error(_ computed: Float, _ reference: Double) -> Double {
            TensorComparison(computed: [1, computed], reference: [1, reference], rowLength: 2).maximum
        }
        #expect(error(.nan, .nan) == 0)
        #expect(error(.infinity, .infinity) == 0)
        #expect(error(-.infinity, .infinity) == .infinity)
        #expect(error(.nan, .infinity) == .infinity)
        #expect(error(.infinity, .nan) == .infinity)
        #expect(error(0, .nan) == .infinity)
        #expect(error(.greatestFiniteMagnitude, .infinity) == .infinity)
    }

    @Test func `values below the floats are no errors`() {
        #expect(TensorComparison(computed: [0], reference: [1e-60], rowLength: 1).maximum == 0)
        #expect(TensorComparison(computed: [0], reference: [1e-40], rowLength: 1).maximum == 1)
        #expect(TensorComparison(computed: [0, 0], reference: [0, 0], rowLength: 2).worstRow == 0)
        #expect(TensorComparison(computed: [1e-30, 0], reference: [0, 0], rowLength: 2).norm == .infinity)
    }

    @Test func `one bad row among many is seen by W where N is small`() {
        let reference = [Double](repeating: 1, count: 1_000_000)
        var output = [Float](repeating: 1, count: 1_000_000)
        for index in 500_000..<500_010 { output[index] = 1.0001 }
        let comparison = TensorComparison(computed: output, reference: reference, rowLength: 10)
        #expect(comparison.norm < 1e-6)
        #expect(comparison.worstRow > 9e-5)
    }

    @Test func `NaN never holds a bound`() {
        #expect(!Measurement(metric: "E", value: .nan, bound: 1).holds)
        #expect(!Measurement(metric: "E", value: 0, bound: .nan).holds)
    }
}
