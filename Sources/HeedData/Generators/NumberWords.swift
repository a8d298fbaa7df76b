import HeedTensor

/// English words for whole numbers, and pairs of words and digits.
///
/// "four thousand two hundred seven" -> "4207"
public enum NumberWords {
    private static let belowTwenty = [
        "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
        "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
    ]
    private static let tens = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
    private static let powers = ["", "thousand", "million", "billion", "trillion", "quadrillion", "quintillion"]

    /// Returns a number in words, as one says it in America: "one hundred twenty-three thousand four".
    ///
    /// - Precondition: The number is not negative.
    public static func words(of number: Int) -> String {
        require(number >= 0, "NumberWords.words: \(number) is negative")
        guard number > 0 else { return belowTwenty[0] }
        var parts: [String] = []
        var (rest, power) = (number, 0)
        while rest > 0 {
            let group = rest % 1000
            if group > 0 {
                parts.append(belowThousand(group) + (power > 0 ? " " + powers[power] : ""))
            }
            rest /= 1000
            power += 1
        }
        return parts.reversed().joined(separator: " ")
    }

    private static func belowThousand(_ number: Int) -> String {
        var words: [String] = []
        if number >= 100 { words.append(belowTwenty[number / 100] + " hundred") }
        let rest = number % 100
        if rest >= 20 {
            words.append(tens[rest / 10 - 2] + (rest % 10 > 0 ? "-" + belowTwenty[rest % 10] : ""))
        } else if rest > 0 {
            words.append(belowTwenty[rest])
        }
        return words.joined(separator: " ")
    }

    /// Generates pairs of a number's words and its digits, all of different numbers.
    ///
    /// How many digits a number has is drawn first, each count as likely as the others as long as there are numbers
    /// left, so that short numbers are learnt too.
    ///
    /// - Parameters:
    ///   - training: How many numbers to train on.
    ///   - heldOut: How many further ones, none of which is among the first.
    ///   - limit: The numbers are below it.
    ///   - seed: The same seed gives the same numbers on every machine.
    /// - Precondition: Together they are at most half of the numbers below `limit`.
    public static func split(
        training: Int, heldOut: Int, below limit: Int = 1_000_000, seed: UInt64
    ) -> DataSplit<TextPair> {
        require(
            training >= 0 && heldOut >= 0 && limit > 0 && training <= limit / 2 - heldOut,
            "NumberWords: \(training) + \(heldOut) numbers, and at most half of those below \(limit) are generated")
        var generator = RandomGenerator(seed: seed)
        var draws = DistinctDraws()
        func next(_ count: Int) -> [TextPair] {
            draws.next(count, of: "NumberWords", key: \.target) {
                let number = draw(below: limit, &generator)
                return TextPair(words(of: number), String(number))
            }
        }
        let seen = next(training)
        return DataSplit(training: seen, heldOut: next(heldOut))
    }

    private static func draw(below limit: Int, _ generator: inout RandomGenerator) -> Int {
        let digits = 1 + generator.below(String(limit - 1).count)
        var first = 1
        for _ in 1..<digits { first *= 10 }
        let low = digits == 1 ? 0 : first
        // Ten times the first of nineteen digits is more than an Int holds.
        let (next, overflow) = first.multipliedReportingOverflow(by: 10)
        return low + generator.below((overflow ? limit : min(next, limit)) - low)
    }
}
