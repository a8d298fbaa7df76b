import Foundation
import Testing

/// Lines end where the formatters' configurations say. Comments are what the formatters leave as they are; of Swift's
/// code lines only those are wider whose text in quotes cannot be broken.
@Suite("Widths of lines")
struct WidthTests {
    /// Those that are wider, in characters; an address of the web is as long as it is, and so is a single word.
    private func faults(in files: [SourceFile], limit: Int) -> [String] {
        files.flatMap { file in
            file.lines.filter { line in
                guard line.text.utf8.count > limit, line.text.count > limit, !line.text.contains("://") else {
                    return false
                }
                let words = line.text.components(separatedBy: " ").filter { !$0.isEmpty }
                return words.count > 2 && (file.isC || words[0].hasPrefix("//"))
            }.map { "\(file.path):\($0.number): \($0.text.count) columns" }
        }
    }

    @Test func ofCAre140ColumnsAtMost() {
        record(faults(in: Repository.sources.filter(\.isC), limit: 140))
    }

    @Test func ofSwiftAre120ColumnsAtMost() {
        record(faults(in: Repository.sources.filter(\.isSwift), limit: 120))
    }
}
