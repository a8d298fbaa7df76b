import Foundation
import Testing

/// What the public headers declare is used.
@Suite("Public symbols of CKernels")
struct SymbolTests {
    /// Words that begin with `heed_`, comments left out.
    private func names(in line: String) -> [Substring] {
        guard let code = line.components(separatedBy: "//").first, code.contains("heed_") else { return [] }
        return code.split { !($0.isLetter || $0.isNumber || $0 == "_") }.filter { $0.hasPrefix("heed_") }
    }

    /// Swift, a test or a benchmark calls each function.
    @Test func everyOneIsUsed() {
        var declared: [Substring: String] = [:]
        for file in Repository.sources(in: "CKernels/include/heed", "h") {
            for line in file.lines where line.text.first?.isLetter == true && !line.text.hasPrefix("static ") {
                for name in names(in: line.text) where line.text.contains("\(name)(") {
                    declared[name] = file.place(line)
                }
            }
        }
        #expect(declared.count > 100)
        for folder in ["Sources", "Tests", "Benchmarks"] {
            for file in Repository.sources(in: folder, "c", "h", "swift") {
                for line in file.lines where line.text.contains("heed_") {
                    for name in names(in: line.text) { declared[name] = nil }
                }
            }
        }
        record(declared.values.sorted())
    }
}
