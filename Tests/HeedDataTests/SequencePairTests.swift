import Foundation
import HeedTensor
import Testing

@testable import HeedData

@Suite struct SequencePairTests {
    @Test(arguments: [
        (0, "zero"), (7, "seven"), (10, "ten"), (13, "thirteen"), (20, "twenty"), (21, "twenty-one"),
        (100, "one hundred"), (115, "one hundred fifteen"), (1000, "one thousand"),
        (4207, "four thousand two hundred seven"), (90_017, "ninety thousand seventeen"),
        (123_456, "one hundred twenty-three thousand four hundred fifty-six"), (1_000_001, "one million one"),
        (
            Int.max,
            "nine quintillion two hundred twenty-three quadrillion three hundred seventy-two trillion "
                + "thirty-six billion eight hundred fifty-four million seven hundred seventy-five thousand "
                + "eight hundred seven"
        ),
    ]) func numbersInWords(number: Int, words: String) { #expect(NumberWords.words(of: number) == words) }

    @Test func numberPairs() {
        let split = NumberWords.split(training: 3000, heldOut: 500, seed: 1)
        #expect(split == NumberWords.split(training: 3000, heldOut: 500, seed: 1))
        #expect(Set((split.training + split.heldOut).map(\.target)).count == 3500)
        #expect(split.training.allSatisfy { NumberWords.words(of: Int($0.target) ?? -1) == $0.source })
        let long = split.heldOut.count { $0.target.count == 6 }
        #expect(long > 80 && long < 250 && split.training.contains { $0.target.count == 2 })
        #expect(split.training.allSatisfy { $0.target.count <= 6 })
        #expect(
            NumberWords.split(training: 5, heldOut: 0, below: 10, seed: 1).training.allSatisfy { $0.target.count == 1 })
        #expect(NumberWords.split(training: 9, heldOut: 9, below: .max, seed: 1).heldOut.count == 9)
    }

    @Test func reversedPairs() {
        let split = ReversedDigits.split(training: 2000, heldOut: 500, seed: 1)
        #expect(split == ReversedDigits.split(training: 2000, heldOut: 500, seed: 1))
        #expect(Set((split.training + split.heldOut).map(\.source)).count == 2500)
        for pair in split.training { #expect(String(pair.source.reversed()) == pair.target) }
        #expect(Set(split.training.map { $0.source.count }) == Set(5...40))
        let short = ReversedDigits.split(training: 0, heldOut: 40_000, lengths: 5...5, seed: 1)
        #expect(short.heldOut.allSatisfy { $0.source.count == 5 })
    }

    // MARK: Dates

    @Test func datesAreWrittenRight() throws {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = try #require(TimeZone(identifier: "UTC"))
        for (year, month, day) in [(2021, 3, 3), (2000, 2, 29), (1900, 3, 1), (1969, 12, 31), (2068, 1, 1)] {
            let date = try #require(calendar.date(from: DateComponents(year: year, month: month, day: day)))
            // Foundation's Sunday is 1.
            #expect(WrittenDates.weekday(year, month, day) == (calendar.component(.weekday, from: date) + 5) % 7)
        }
        #expect(WrittenDates.dayCount(2000, 2) == 29 && WrittenDates.dayCount(1900, 2) == 28)
    }

    @Test func datePairs() throws {
        let split = WrittenDates.split(training: 8000, heldOut: 1000, seed: 1)
        #expect(split == WrittenDates.split(training: 8000, heldOut: 1000, seed: 1))
        #expect(Set(split.training.map(\.source)).count == 8000)
        #expect(Set(split.training.map(\.target)).isDisjoint(with: split.heldOut.map(\.target)))
        // No text has two readings.
        var readings: [String: String] = [:]
        for pair in split.training + split.heldOut {
            #expect(readings.updateValue(pair.target, forKey: pair.source.lowercased()) ?? pair.target == pair.target)
            let parts = pair.target.split(separator: "-").compactMap { Int($0) }
            #expect(parts.count == 3 && pair.target.count == 10)
            // Slashes in the American order are never ambiguous.
            if let match = pair.source.wholeMatch(of: /([0-9]{2})\/([0-9]{2})\/([0-9]+)/) {
                #expect(Int(match.1) == parts[1] && Int(match.2) == parts[2] && (parts[2] > 12 || parts[1] == parts[2]))
            }
        }
        #expect(split.training.contains { $0.source.wholeMatch(of: /[0-9]+ [a-z]+ [0-9]{4}/) != nil })
        #expect(
            split.training.contains { $0.source.wholeMatch(of: /[A-Z][a-z]+ [0-9]+(st|nd|rd|th), [0-9]{4}/) != nil })
    }

    // MARK: The adding problem

    @Test func theAddingProblem() throws {
        var generator = RandomGenerator(seed: 1)
        let batch = AddingProblem(length: 11).batch(4000, using: &generator)
        #expect(batch.inputs.count == 4000 * 22 && batch.targets.count == 4000)
        var squares = 0.0
        for (index, target) in batch.targets.enumerated() {
            let steps = (0..<11).map { (batch.inputs[index * 22 + 2 * $0], batch.inputs[index * 22 + 2 * $0 + 1]) }
            let marked = steps.indices.filter { steps[$0].1 == 1 }
            try #require(marked.count == 2 && marked[0] < 5 && marked[1] >= 5)
            #expect(steps[marked[0]].0 + steps[marked[1]].0 == target)
            #expect(steps.allSatisfy { $0.0 >= 0 && $0.0 < 1 && ($0.1 == 0 || $0.1 == 1) })
            squares += Double((target - 1) * (target - 1))
        }
        #expect(abs(squares / 4000 - AddingProblem.constantError) < 0.01)
        var again = RandomGenerator(seed: 1)
        #expect(AddingProblem(length: 11).batch(4000, using: &again) == batch && again == generator)
        #expect(AddingProblem(length: 11).batch(1, using: &again) != AddingProblem(length: 11).batch(1, using: &again))
    }
}
