internal import HeedPlatform

/// Numbers as a picture shows them: rounded as `printf` does, with a point in every locale.
package enum PlotNumber {
    /// The most digits behind the point: a power of ten that a word holds, with what it is multiplied by in two.
    private static let mostDigits = 15

    /// Returns a number with this many digits behind the point, at most 15, rounded to the nearest and, halfway, to the
    /// even one (`%.*f`). Numbers from 2^64 on are written with an exponent.
    package static func fixed(_ value: Double, digits: Int) -> String {
        guard value.isFinite else { return special(value) }
        let digits = min(max(digits, 0), mostDigits)
        let sign = value.sign == .minus ? "-" : ""
        let magnitude = value.magnitude
        guard magnitude < 0x1p64 else { return String(value) }
        var whole = UInt64(magnitude)
        let power = (0..<digits).reduce(UInt64(1)) { product, _ in product * 10 }
        var behind = rounded(magnitude - Double(whole), times: power, isWholeOdd: digits == 0 && whole % 2 == 1)
        if behind == power { (whole, behind) = (whole + 1, 0) }
        guard digits > 0 else { return sign + String(whole) }
        let text = String(behind)
        return sign + String(whole) + "." + String(repeating: "0", count: digits - text.count) + text
    }

    /// Returns the integer nearest to `fraction * power`, exactly; of two as near, the even one.
    private static func rounded(_ fraction: Double, times power: UInt64, isWholeOdd: Bool) -> UInt64 {
        guard fraction > 0 else { return 0 }
        // fraction = significand * 2^-shift, so that the product with the power is exact in two words.
        let shift = 52 - Int(fraction.exponent)
        let (high, low) = UInt64(fraction.significand * 0x1p52).multipliedFullWidth(by: power)
        guard shift < 120 else { return 0 }
        // shift is at least 53: the fraction is below 1.
        let quotient = shift >= 64 ? high >> UInt64(shift - 64) : high << UInt64(64 - shift) | low >> UInt64(shift)
        let highRest = shift > 64 ? high & (1 << UInt64(shift - 64) - 1) : 0
        let lowRest = shift >= 64 ? low : low & (1 << UInt64(shift) - 1)
        let half = shift - 1
        let (highHalf, lowHalf): (UInt64, UInt64) = half >= 64 ? (1 << UInt64(half - 64), 0) : (0, 1 << UInt64(half))
        let isAbove = (highRest, lowRest) > (highHalf, lowHalf)
        let isHalf = (highRest, lowRest) == (highHalf, lowHalf)
        let isOdd = power == 1 ? isWholeOdd : quotient % 2 == 1
        return quotient + (isAbove || (isHalf && isOdd) ? 1 : 0)
    }

    private static func special(_ value: Double) -> String {
        value.isNaN ? "NaN" : (value < 0 ? "-infinite" : "infinite")
    }

    /// Returns three significant digits (or as many as asked for), without an exponent for numbers that a person would
    /// write out.
    package static func significant(_ value: Double, digits: Int = 3) -> String {
        guard value.isFinite else { return special(value) }
        guard value != 0 else { return "0" }
        var magnitude = Int(log10(value.magnitude).rounded(.down))
        var mantissa = scientificMantissa(value, magnitude, digits)
        // 0.9996 has a digit before the point once it is 1.00; the logarithm may be off by one beside a power of ten.
        if mantissa.drop(while: { $0 == "-" }).hasPrefix("10") {
            magnitude += 1
            mantissa = scientificMantissa(value, magnitude, digits)
        }
        guard magnitude > -4, magnitude < 9 else {
            let exponent = String(magnitude.magnitude)
            return mantissa + (magnitude < 0 ? "e-" : "e+") + (exponent.count < 2 ? "0" : "") + exponent
        }
        return fixed(value, digits: max(0, digits - 1 - magnitude))
    }

    private static func scientificMantissa(_ value: Double, _ magnitude: Int, _ digits: Int) -> String {
        // In two steps, because a power of ten below 1e-308 is none.
        let half = magnitude / 2
        let scaled = value / pow(10, Double(half)) / pow(10, Double(magnitude - half))
        return fixed(scaled, digits: digits - 1)
    }
}
