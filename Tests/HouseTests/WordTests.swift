import Foundation
import Testing

/// Docstrings are sentences, everything public has one, and some words are left to other houses.
@Suite("Words")
struct WordTests {
    /// Fewer words make no sentence. What stands in quotes for code counts as one word.
    private static let fewestWords = 3

    /// A docstring's first paragraph, and the declaration below it.
    private struct Docstring {
        let file: SourceFile
        let line: SourceFile.Line
        let summary: String
        let declaration: String

        var wordCount: Int {
            let parts = summary.components(separatedBy: "`").enumerated()
            let prose = parts.filter { $0.offset % 2 == 0 }.map(\.element).joined(separator: " code ")
            return prose.components(separatedBy: CharacterSet.alphanumerics.inverted).filter { !$0.isEmpty }.count
        }
    }

    private static func text(_ line: SourceFile.Line) -> String { line.text.trimmingCharacters(in: .whitespaces) }

    /// Conditions and attributes stand between a docstring and its declaration.
    private static func isAside(_ text: String) -> Bool {
        text.hasPrefix("#") || (text.hasPrefix("@") && !text.contains(" public ") && !text.contains(" func "))
    }

    private static let docstrings: [Docstring] = Repository.sources(in: "Sources", "swift").flatMap { file in
        file.lines.indices.compactMap { begin -> Docstring? in
            let line = file.lines[begin]
            guard text(line).hasPrefix("///"), begin == 0 || !text(file.lines[begin - 1]).hasPrefix("///") else {
                return nil
            }
            let lines = file.lines[begin...].prefix { text($0).hasPrefix("///") }
            let summary = lines.map { text($0).dropFirst(3).trimmingCharacters(in: .whitespaces) }
                .prefix { !$0.isEmpty }
            let declaration = file.lines[lines.endIndex...].first { !isAside(text($0)) }
            return Docstring(
                file: file, line: line, summary: summary.joined(separator: " "),
                declaration: declaration.map(text) ?? "")
        }
    }

    @Test func everyDocstringBeginsWithASentence() {
        #expect(Self.docstrings.count > 2000)
        record(
            Self.docstrings.filter { $0.wordCount < Self.fewestWords }.map {
                "\($0.file.place($0.line)) (a docstring's first paragraph is a sentence: at least "
                    + "\(Self.fewestWords) words)"
            })
    }

    // MARK: Public declarations

    private static let modifiers: Set<String> = [
        "public", "open", "package", "static", "final", "mutating", "override", "required", "convenience",
        "nonisolated",
        "indirect", "consuming", "borrowing", "prefix", "public(set)", "package(set)", "internal(set)", "private(set)",
    ]

    /// The name that a line declares, with the word before it: `var layers`, `init`; nil in other lines.
    private static func name(declaredBy text: String) -> String? {
        let words = text.components(separatedBy: " ").drop { modifiers.contains($0) || $0.hasPrefix("@") }
        guard let kind = words.first else { return nil }
        let kinds = [
            "func", "var", "let", "struct", "class", "enum", "protocol", "typealias", "actor", "associatedtype",
        ]
        if kinds.contains(kind), words.count > 1 {
            let end: (Character) -> Bool = { "(<:={,".contains($0) }
            let name = words[words.startIndex + 1].prefix { !end($0) }
            return name.isEmpty ? kind : String(name)
        }
        return ["init", "subscript"].first {
            kind.hasPrefix("\($0)(") || kind.hasPrefix("\($0)?") || kind.hasPrefix("\($0)<")
        }
    }

    /// What a documented protocol asks for is documented there: an implementation need not repeat it.
    private static let requirements: Set<String> = {
        var names: Set<String> = ["description", "hash", "rawValue", "unownedExecutor", "encode", "=="]
        for file in Repository.sources(in: "Sources", "swift") {
            var isInProtocol = false
            for line in file.lines {
                if line.text.contains("protocol "), line.text.hasSuffix("{"), !line.text.hasPrefix(" ") {
                    isInProtocol = true
                } else if line.text == "}" {
                    isInProtocol = false
                } else if isInProtocol, let name = name(declaredBy: text(line)) {
                    names.insert(name)
                }
            }
        }
        return names
    }()

    @Test func everythingPublicIsDocumented() {
        #expect(Self.requirements.isSuperset(of: ["visitParameters", "callAsFunction", "vocabularySize"]))
        var count = 0
        var faults: [String] = []
        for file in Repository.sources(in: "Sources", "swift") where !file.path.hasPrefix("Sources/HeedCommand/") {
            var isDocumented = false
            for line in file.lines {
                let text = Self.text(line)
                if text.hasPrefix("///") {
                    isDocumented = true
                } else if !Self.isAside(text) {
                    let words = text.components(separatedBy: " ").drop { $0.hasPrefix("@") }
                    let isPublic = words.prefix { Self.modifiers.contains($0) }.contains {
                        ["public", "open"].contains($0)
                    }
                    if isPublic, let name = Self.name(declaredBy: text) {
                        count += 1
                        if !isDocumented && !Self.requirements.contains(name) { faults.append(file.place(line)) }
                    }
                    isDocumented = false
                }
            }
        }
        #expect(count > 1000)
        record(faults.map { "\($0) (public, and without a docstring)" })
    }

    // MARK: Words

    /// Words that this house does not use, each with what it writes. Here they are in two parts, so that this file has
    /// none of them.
    private static let foreign = [
        ("to be" + " had", "available, or: the system gave no ..."), ("not be" + " had", "is not available"),
        ("like" + "wise", "the same, too"), ("a" + "new", "again"), ("where it" + " lies", "in place"),
        ("where they" + " lie", "in place"), ("as it" + " lies", "in place"), ("as they" + " lie", "in place"),
        ("under" + " way", "in progress"), ("so" + " many of", "this many"), ("is" + " there where", "exists if"),
    ]

    /// Whether the line has it as words of its own.
    private func holds(_ words: String, in line: String) -> Bool {
        let isLetter: (Character) -> Bool = { $0.isLetter || $0 == "_" }
        var rest = line[...]
        while let range = rest.range(of: words) {
            let before = line[..<range.lowerBound].last.map(isLetter) ?? false
            let behind = line[range.upperBound...].first.map(isLetter) ?? false
            if !before && !behind { return true }
            rest = rest[range.upperBound...]
        }
        return false
    }

    @Test func foreignWordsAreNotUsed() {
        var faults: [String] = []
        for file in Repository.sources {
            for line in file.lines {
                for (words, instead) in Self.foreign where line.text.contains(words) && holds(words, in: line.text) {
                    faults.append("\(file.place(line)) (write \"\(instead)\" for \"\(words)\")")
                }
            }
        }
        record(faults)
    }
}
