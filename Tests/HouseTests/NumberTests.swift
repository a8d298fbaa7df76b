import Foundation
import Testing

/// A number that somebody chose stands beside its reason.
@Suite("Numbers of CKernels")
struct NumberTests {
    /// Whether a definition's value holds a number that had to be chosen: 0, 1 and masks such as 0x1fu are none.
    private func holdsChosenNumber(_ value: String) -> Bool {
        let words = value.split { !($0.isLetter || $0.isNumber || $0 == "_" || $0 == ".") }.map { $0.lowercased() }
        return words.contains { word in
            guard let first = word.first, first.isNumber else { return false }
            let isMask = word.hasPrefix("0x") && word.hasSuffix("u") && !word.contains("p")
            let digits = word.hasPrefix("0x") ? word : word.trimmingCharacters(in: CharacterSet(charactersIn: "uflz"))
            return !isMask && Double(digits) != 0 && Double(digits) != 1
        }
    }

    /// The name and the value of `#define NAME value`; nil in other lines. How many cases an enum has is no choice.
    private func definition(_ line: String) -> (name: Substring, value: String)? {
        guard line.hasPrefix("#define ") else { return nil }
        let parts = line.dropFirst("#define ".count).split(separator: " ", maxSplits: 1)
        guard parts.count == 2, !parts[0].contains("("), !parts[0].hasSuffix("_COUNT") else { return nil }
        return (parts[0], parts[1].components(separatedBy: "//")[0])
    }

    /// The comment stands beside the number, above it, or above the block of definitions that it belongs to.
    @Test func everyOneHasAReason() {
        var count = 0
        var faults: [String] = []
        for file in Repository.sources(in: "CKernels", "c", "h") {
            var blockHasReason = false
            var above = ""
            for line in file.lines {
                // A block may hold conditions too.
                let isOfBlock = line.text.hasPrefix("#")
                if !isOfBlock || above.hasPrefix("//") { blockHasReason = isOfBlock }
                above = line.text
                guard let (_, value) = definition(line.text), holdsChosenNumber(value) else { continue }
                count += 1
                if !line.text.contains("//") && !blockHasReason { faults.append(file.place(line)) }
            }
        }
        #expect(count > 100)
        record(faults)
    }
}
