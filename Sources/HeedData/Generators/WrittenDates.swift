import HeedTensor

/// Dates as people write them, and the same in ISO 8601: "March 3rd, 2021" -> "2021-03-03".
///
/// What is ambiguous has one rule. Between points a date is day, month, year (`3.4.2021` is in April); between slashes
/// it is month, day, year, and such a date is generated only where the day is above 12 or equals the month, so that
/// nobody reads it otherwise. Two digits of a year mean 1969 to 2068, as POSIX has it.
public enum WrittenDates {
    private static let months = [
        "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
        "december",
    ]
    private static let weekdays = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]

    /// Generates pairs of a written date and the same in ISO 8601.
    ///
    /// A tenth of the days is held out: no form of such a day is in the training part.
    ///
    /// - Parameters:
    ///   - training: How many written dates to train on, all different.
    ///   - heldOut: How many of held-out days.
    ///   - years: The years that the days are from.
    ///   - seed: The same seed gives the same dates on every machine.
    /// - Precondition: The years are from 1 to 9999, and of each part at most one written date is asked for per day of
    ///   the years that belongs to it.
    public static func split(
        training: Int, heldOut: Int, years: ClosedRange<Int> = 1950...2049, seed: UInt64
    ) -> DataSplit<TextPair> {
        require(
            years.lowerBound >= 1 && years.upperBound <= 9999,
            "WrittenDates: years \(years), and 1...9999 have four digits")
        let days = years.flatMap { year in
            (1...12).flatMap { month in (1...dayCount(year, month)).map { (year, month, $0) } }
        }
        var generator = RandomGenerator(seed: seed)
        let order = generator.permutation(of: days.count)
        let heldOutDays = Array(order.prefix(days.count / 10)), trainingDays = Array(order.dropFirst(days.count / 10))
        require(
            (0...trainingDays.count).contains(training) && (0...heldOutDays.count).contains(heldOut),
            "WrittenDates: \(training) + \(heldOut) dates, and \(trainingDays.count) + \(heldOutDays.count) days")
        func next(_ count: Int, _ part: [Int]) -> [TextPair] {
            var draws = DistinctDraws()
            return draws.next(count, of: "WrittenDates", key: \.source) {
                let (year, month, day) = days[generator.element(of: part)]
                let target = "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))"
                return TextPair(written(year, month, day, &generator), target)
            }
        }
        let seen = next(training, trainingDays)
        return DataSplit(training: seen, heldOut: next(heldOut, heldOutDays))
    }

    // MARK: The calendar

    private static func isLeap(_ year: Int) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

    static func dayCount(_ year: Int, _ month: Int) -> Int {
        switch month {
        case 2: isLeap(year) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// The day of the week, from 0 for Monday (Sakamoto's congruence).
    static func weekday(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let offsets = [0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4]
        let year = month < 3 ? year - 1 : year
        return (year + year / 4 - year / 100 + year / 400 + offsets[month - 1] + day + 6) % 7
    }

    // MARK: The forms

    private static func padded(_ number: Int, _ digits: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }

    private static func ordinal(_ day: Int) -> String {
        if (11...13).contains(day) { return "\(day)th" }
        return "\(day)" + ([1: "st", 2: "nd", 3: "rd"][day % 10] ?? "th")
    }

    private static func written(_ year: Int, _ month: Int, _ day: Int, _ generator: inout RandomGenerator) -> String {
        let long = months[month - 1]
        let name = generator.happens(0.5) ? long : String(long.prefix(3))
        let isShort = (1969...2068).contains(year) && generator.happens(0.2)
        let shownYear = isShort ? padded(year % 100, 2) : padded(year, 4)
        let isUnambiguous = day > 12 || day == month
        var text: String
        switch generator.below(isUnambiguous ? 11 : 10) {
        case 0: text = "\(day) \(name) \(shownYear)"
        case 1: text = "\(name) \(day), \(padded(year, 4))"
        case 2: text = "\(name) \(ordinal(day)), \(padded(year, 4))"
        case 3: text = "\(ordinal(day)) of \(name) \(padded(year, 4))"
        case 4: text = "the \(ordinal(day)) of \(name), \(padded(year, 4))"
        case 5: text = "\(padded(day, 2))-\(name.prefix(3))-\(shownYear)"
        case 6: text = "\(weekdays[weekday(year, month, day)]), \(name) \(day), \(padded(year, 4))"
        case 7: text = "\(padded(year, 4))/\(padded(month, 2))/\(padded(day, 2))"
        case 8: text = "\(padded(day, 2)).\(padded(month, 2)).\(shownYear)"
        case 9: text = "\(day).\(month).\(padded(year, 4))"
        default: text = "\(padded(month, 2))/\(padded(day, 2))/\(shownYear)"
        }
        switch generator.below(4) {
        case 0: break
        case 1: text = text.uppercased()
        default: text = capitalized(text)
        }
        return text
    }

    /// The text with a capital at the beginning of the names of months and days.
    private static func capitalized(_ text: String) -> String {
        text.split(separator: " ", omittingEmptySubsequences: false).map { word in
            guard let first = word.first, first.isLetter, word != "of", word != "the" else { return String(word) }
            return first.uppercased() + word.dropFirst()
        }.joined(separator: " ")
    }
}
