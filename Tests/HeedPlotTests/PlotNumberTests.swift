import Foundation
import Testing

@testable import HeedPlot

@Suite struct PlotNumberTests {
    /// `printf` is the yardstick: halfway cases, carries, powers of ten and their neighbours, any exponent.
    @Test func numbersAreThoseOfPrintf() {
        var generator = SystemRandomNumberGenerator()
        var values: [Double] = [0, -0.0, 0.5, 1.5, 2.5, 0.125, 2.675, 0.05, 9.995, 99.9999, 1e15, 0x1p53, 0x1.fp63]
        for exponent in -12...15 {
            let power = pow(10, Double(exponent))
            values += [power, power.nextUp, power.nextDown, 5 * power, 9.9951 * power]
        }
        for _ in 0..<2000 { values.append(Double.random(in: 0..<1, using: &generator) * pow(10, .random(in: -9...12))) }
        for value in values {
            for digits in [0, 1, 2, 5, 9, 15] {
                #expect(PlotNumber.fixed(value, digits: digits) == String(format: "%.\(digits)f", value))
                #expect(PlotNumber.fixed(-value, digits: digits) == String(format: "%.\(digits)f", -value))
            }
        }
    }

    @Test func threeDigitsArePlentyForPeople() {
        let expected: [(Double, String)] = [
            (0, "0"), (1, "1.00"), (0.9996, "1.00"), (123456, "123456"), (0.00123, "0.00123"), (-2.5, "-2.50"),
            (1e-5, "1.00e-05"), (1e9, "1.00e+09"), (9.999e8, "1.00e+09"), (.nan, "NaN"), (-.infinity, "-infinite"),
            (.leastNonzeroMagnitude, "4.94e-324"), (1.7976931348623157e308, "1.80e+308"), (100, "100"), (1000, "1000"),
            (123_456_789, "123456789"),
        ]
        for (value, text) in expected { #expect(PlotNumber.significant(value) == text) }
        #expect(PlotNumber.significant(0.1, digits: 1) == "0.1" && PlotNumber.significant(1e-6, digits: 1) == "1e-06")
    }
}
