import Foundation
import HeedTestSupport
import Testing

/// What the C headers declare is what Swift calls: an entry point that nobody but its own test calls is dead.
@Suite("Uses of the C headers")
struct HeaderUseTests {
    /// Functions, by their beginnings, that tests call and Swift does not, and why they stay.
    static let forTestsAlone = [
        "heed_attention_decode_": "Swift asks for the automatic variant, whose choice tests pin",
        "heed_attention_naive_": "measured against",
        "heed_attention_materialized_": "measured against",
        "heed_random_row": "part of the definition of attention's dropout",
        "heed_sparse_normalize": "what the dense form is made of",
        "heed_strides_contiguous": "for callers in C",
    ]

    static func texts(under folder: String, _ endings: [String]) throws -> [String] {
        let root = Fixtures.packageRoot.appendingPathComponent(folder)
        var texts: [String] = []
        for case let file as URL in FileManager.default.enumerator(at: root, includingPropertiesForKeys: nil) ?? .init()
        where endings.contains(file.pathExtension) && !file.path.contains("/.build/") {
            texts.append(try String(contentsOf: file, encoding: .utf8))
        }
        try #require(!texts.isEmpty, "nothing under \(root.path)")
        return texts
    }

    /// Names that stand before a parenthesis, outside of comments.
    static func calls(_ texts: [String]) -> Set<String> {
        var names: Set<String> = []
        for text in texts {
            for line in text.split(separator: "\n") {
                let code = line.firstRange(of: "//").map { line[..<$0.lowerBound] } ?? line
                for match in code.matches(of: /\b(heed_[a-z0-9_]+)/) { names.insert(String(match.1)) }
            }
        }
        return names
    }

    @Test func everyFunctionHasAUser() throws {
        var declared: Set<String> = []
        for text in try Self.texts(under: "CKernels/include/heed", ["h"]) {
            for line in text.split(separator: "\n") where !line.hasPrefix("//") && !line.hasPrefix("#") {
                for match in line.matches(of: /\b(heed_[a-z0-9_]+)\(/) { declared.insert(String(match.1)) }
            }
        }
        #expect(declared.count > 50)
        let swift = Self.calls(try Self.texts(under: "Sources", ["swift"]))
        let others = Self.calls(
            try Self.texts(under: "Tests/CKernelsTests", ["c", "h"])
                + Self.texts(under: "Benchmarks", ["swift", "c"]))
        let unused = declared.subtracting(swift).subtracting(others)
        #expect(unused.isEmpty, "nothing calls \(unused.sorted())")
        let forTests = declared.subtracting(swift).filter { name in
            !name.contains("_reference") && !Self.forTestsAlone.keys.contains { name.hasPrefix($0) }
        }
        #expect(forTests.isEmpty, "only tests call \(forTests.sorted())")
        for beginning in Self.forTestsAlone.keys {
            #expect(declared.contains { $0.hasPrefix(beginning) }, "\(beginning) is gone")
        }
    }
}
