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

    /// The functions that headers declare and no file of these folders names: where each is declared, by name.
    private func unused(in folders: String...) -> [Substring: String] {
        var declared: [Substring: String] = [:]
        for file in Repository.sources(in: "CKernels/include/heed", "h") {
            for line in file.lines where line.text.first?.isLetter == true && !line.text.hasPrefix("static ") {
                for name in names(in: line.text) where line.text.contains("\(name)(") {
                    declared[name] = file.place(line)
                }
            }
        }
        #expect(declared.count > 100)
        for folder in folders {
            for file in Repository.sources(in: folder, "c", "h", "swift") {
                for line in file.lines where line.text.contains("heed_") {
                    for name in names(in: line.text) { declared[name] = nil }
                }
            }
        }
        return declared
    }

    /// Swift, a test or a benchmark calls each function.
    @Test func everyOneIsUsed() { record(unused(in: "Sources", "Tests", "Benchmarks").values.sorted()) }

    /// Swift calls each but the oracles, the variants that are measured or pinned, and what is for callers in C: an
    /// entry point that only its own test calls is dead.
    @Test func testsAloneUseOnlyOracles() {
        let forTests = ["heed_attention_decode_", "heed_sparse_normalize", "heed_attention_strides_contiguous"]
        let faults = unused(in: "Sources").filter { name, _ in
            !name.contains("_reference") && !forTests.contains { name.hasPrefix($0) }
        }
        record(faults.values.sorted())
    }
}
