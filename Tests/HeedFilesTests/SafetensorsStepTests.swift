import HeedFiles
import HeedTestSupport
import Testing

/// Opening a file takes work in proportion to its header, whatever that holds.
@Suite("The work of opening a safetensors file is linear")
struct SafetensorsStepTests {
    static let families = [
        "metadata", "metadata on lines", "metadata keys that begin alike", "tensors", "tensors backwards",
        "tensors in disorder",
        "empty tensors", "long names", "many axes", "booleans",
    ]

    /// A header of about so many bytes, and how many bytes of data belong to it.
    static func header(_ family: String, bytes: Int) -> (text: String, data: Int) {
        func metadata(_ count: Int, _ separator: String, _ prefix: String = "") -> (String, Int) {
            (
                "{\"__metadata__\":{" + (0..<count).map { "\"\(prefix)\($0)\":\"\"" }.joined(separator: separator)
                    + "}}", 0
            )
        }
        func tensors(_ places: [Int], name: String = "", shape: String = "[1]", type: String = "U8", size: Int = 1) -> (
            String, Int
        ) {
            let entries = places.enumerated().map { index, place in
                "\"\(name)\(index)\":{\"dtype\":\"\(type)\",\"shape\":\(shape),\"data_offsets\":[\(place * size),\((place + 1) * size)]}"
            }
            return ("{" + entries.joined(separator: ",") + "}", places.count * size)
        }
        let count = bytes / 60
        switch family {
        case "metadata": return metadata(bytes / 10, ",")
        case "metadata on lines": return metadata(bytes / 12, "\n,\n")
        case "metadata keys that begin alike": return metadata(bytes / 310, ",", String(repeating: "a", count: 300))
        case "tensors": return tensors(Array(0..<count))
        case "tensors backwards": return tensors(Array((0..<count).reversed()))
        case "tensors in disorder":
            // A step that shares no divisor with the number goes through all.
            let odd = count | 1
            return tensors((0..<odd).map { $0 * 7919 % odd })
        case "empty tensors": return tensors(Array(0..<count), shape: "[0]", size: 0)
        case "long names": return tensors(Array(0..<bytes / 1000), name: String(repeating: "n", count: 940))
        case "many axes": return tensors(Array(0..<bytes / 190), shape: "[" + String(repeating: "1,", count: 63) + "1]")
        default: return tensors(Array(0..<count), type: "BOOL")
        }
    }

    @Test("whatever the header", arguments: families)
    func steps(family: String) throws {
        let folder = try TemporaryFolder()
        for bytes in [20_000, 200_000] {
            let (text, data) = Self.header(family, bytes: bytes)
            let path = try folder.write(safetensors(text, data: [UInt8](repeating: 1, count: data)))
            let before = AllocatedBytes.now
            let file = try SafetensorsFile(path: path)
            let taken = AllocatedBytes.now - before
            #expect(file.entries.count + file.metadata.count > 0)
            #expect(file.headerSteps <= 8 * text.utf8.count, "\(file.headerSteps) steps for \(text.utf8.count) bytes")
            #expect(taken <= 60 * text.utf8.count + 300_000, "\(taken) bytes taken for \(text.utf8.count)")
        }
    }

    @Test("names and values are found in a number of steps that does not grow")
    func lookups() throws {
        let folder = try TemporaryFolder()
        let file = try SafetensorsFile(path: folder.write(safetensors(Self.header("metadata", bytes: 300_000).text)))
        #expect(file.metadata["29999"]?.isEmpty == true && file.metadata["30000"] == nil)
    }
}
