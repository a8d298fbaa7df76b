import HeedTensor

/// Strings of digits and the same digits from last to first: "40735" -> "53704".
///
/// To reverse, a model must remember all digits until the end, so accuracy against length shows how much it can keep.
public enum ReversedDigits {
    /// Generates pairs, all of different strings. Each length of the range is as likely as the others.
    ///
    /// - Parameters:
    ///   - training: How many strings to train on.
    ///   - heldOut: How many further ones, none of which is among the first.
    ///   - lengths: How many digits a string has.
    ///   - seed: The same seed gives the same strings on every machine.
    /// - Precondition: The shortest length is at least 1, and there are twice as many strings of it as are asked for.
    public static func split(
        training: Int, heldOut: Int, lengths: ClosedRange<Int> = 5...40, seed: UInt64
    ) -> DataSplit<TextPair> {
        require(lengths.lowerBound > 0, "ReversedDigits: lengths \(lengths), and strings have at least one digit")
        var strings = 1
        for _ in 0..<min(lengths.lowerBound, 18) { strings *= 10 }
        require(
            training >= 0 && heldOut >= 0 && training <= strings / 2 - heldOut,
            "ReversedDigits: \(training) + \(heldOut) strings of at least \(lengths.lowerBound) digits, and at most "
                + "\(strings / 2) are generated")
        var generator = RandomGenerator(seed: seed)
        var draws = DistinctDraws()
        func next(_ count: Int) -> [TextPair] {
            draws.next(count, of: "ReversedDigits", key: \.source) {
                let length = lengths.lowerBound + generator.below(lengths.count)
                let digits = (0..<length).map { _ in Character(String(generator.below(10))) }
                return TextPair(String(digits), String(digits.reversed()))
            }
        }
        let seen = next(training)
        return DataSplit(training: seen, heldOut: next(heldOut))
    }
}
