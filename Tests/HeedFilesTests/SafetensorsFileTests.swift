import Foundation
import HeedFiles
import HeedTensor
import HeedTestSupport
import Testing

@Suite("Safetensors reader")
struct SafetensorsFileTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    static let malformedNames: [String] =
        (try? FileManager.default.contentsOfDirectory(atPath: Fixtures.path("malformed")).sorted()) ?? []

    @Test("the malformed files are all there")
    func malformedFilesArePresent() { #expect(Self.malformedNames.count == 60) }

    @Test("malformed files are refused on one line, odd but valid ones load whole", arguments: Self.malformedNames)
    func malformed(name: String) throws {
        let mustLoad = ["00", "70", "75", "77", "78", "79", "80", "83", "85", "87"].contains { name.hasPrefix($0) }
        let path = Fixtures.path("malformed/" + name)
        if mustLoad {
            let file = try SafetensorsFile(path: path)
            for name in file.names {
                _ = try file.bytes(name)
                _ = try file.doubles(name)
                _ = try file.tensor(name, converting: true)
            }
        } else {
            let error = #expect(throws: SafetensorsError.self) { try SafetensorsFile(path: path) }
            #expect(error?.path == path)
            #expect(isOneLine(error?.description ?? "\n"))
            #expect((error?.description.utf8.count ?? .max) < 600 + path.utf8.count)
        }
    }

    @Test("signalling NaN keeps its bits, unaligned floats are read")
    func oddButValid() throws {
        let nan = try SafetensorsFile(path: Fixtures.path("malformed/83_snan_payload.safetensors")).tensor("a")
        let bits = nan.withUnsafeElements { elements in
            UnsafeRawBufferPointer(elements).bindMemory(to: UInt32.self).map { $0 }
        }
        #expect(bits == [0x7FA0_0000, 0xFFFF_FFFF, 0x7F80_0000, 1])
        #expect(nan.shape == [2, 2])
        let odd = try SafetensorsFile(
            path: folder.write(
                safetensors(
                    #"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"F32","shape":[],"data_offsets":[1,5]}}"#,
                    data: [7, 0, 0, 0x80, 0x3F])))
        #expect(try odd.tensor("b").scalar == 1)
        #expect(try odd.integers("a") == [7])
        #expect(odd.entry("b")?.dimensions == [])
    }

    @Test("names are bytes: equivalent ones are two tensors")
    func namesAreBytes() throws {
        let file = try SafetensorsFile(path: Fixtures.path("malformed/75_names_nfc_nfd_collide.safetensors"))
        #expect(file.names.map { $0.utf8.count } == [2, 3])
        #expect(
            file.entry("\u{E9}")?.byteRange.lowerBound == file.entry("e\u{301}")?.byteRange.lowerBound.advanced(by: -4))
        #expect(throws: SafetensorsError.self) { try file.tensor("absent") }
    }

    static func tensor(_ name: String = "a", dtype: String = "U8", shape: String, offsets: String) -> String {
        "{\"\(name)\":{\"dtype\":\"\(dtype)\",\"shape\":\(shape),\"data_offsets\":\(offsets)}}"
    }

    @Test(
        "refuses headers that break one rule",
        arguments: [
            tensor(shape: "[1e0]", offsets: "[0,1]"), tensor(shape: "[1.0]", offsets: "[0,1]"),
            tensor(shape: "[01]", offsets: "[0,1]"),
            tensor(shape: "[-1]", offsets: "[0,1]"), tensor(shape: "[1]", offsets: "[-0,1]"),
            tensor(shape: "[1]", offsets: "[0,1e0]"),
            tensor(shape: "[1]", offsets: "[0,1,1]"), tensor(shape: "[1]", offsets: "[0]"),
            tensor(shape: "[1]", offsets: "null"),
            tensor(shape: "1", offsets: "[0,1]"), tensor(shape: "[null]", offsets: "[0,1]"),
            tensor(shape: "[[1]]", offsets: "[0,1]"),
            tensor(shape: "[1,]", offsets: "[0,1]"), tensor(shape: "[2]", offsets: "[0,1]"),
            tensor(shape: "[1]", offsets: "[0,2]"),
            tensor(dtype: "F4", shape: "[2]", offsets: "[0,1]"), tensor(dtype: "I4", shape: "[2]", offsets: "[0,1]"),
            tensor(dtype: "F8_E4M3", shape: "[1]", offsets: "[0,1]"), tensor(dtype: "", shape: "[1]", offsets: "[0,1]"),
            tensor("a\\nb", shape: "[1]", offsets: "[0,1]"), tensor("a\u{7F}", shape: "[1]", offsets: "[0,1]"),
            tensor("a\u{85}", shape: "[1]", offsets: "[0,1]"), tensor("a\u{2066}", shape: "[1]", offsets: "[0,1]"),
            tensor("a\u{200F}", shape: "[1]", offsets: "[0,1]"), tensor("a\u{61C}", shape: "[1]", offsets: "[0,1]"),
            tensor(String(repeating: "n", count: 1025), shape: "[1]", offsets: "[0,1]"),
            tensor(String(repeating: "é", count: 513), shape: "[1]", offsets: "[0,1]"),
            tensor(shape: "[" + Array(repeating: "1", count: 65).joined(separator: ",") + "]", offsets: "[0,1]"),
            #"{"a":{"dtype":"U8","shape":[1],"shape":[1],"data_offsets":[0,1]}}"#,
            #"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"data_offsets":[0,1]}}"#,
            #"{"a":{"shape":[1],"data_offsets":[0,1]}}"#, #"{"a":{"dtype":"U8","data_offsets":[0,1]}}"#,
            #"{"a":{"dtype":null,"shape":[1],"data_offsets":[0,1]}}"#, #"{"a":null}"#, #"{"a":[]}"#, "{}",
            #"{"__metadata__":{"a":1}}"#, #"{"__metadata__":{"a":null}}"#, #"{"__metadata__":{"a":{}}}"#,
            #"{"__metadata__":[]}"#,
            #"{"__metadata__":{},"__metadata__":{},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#,
            tensor(shape: "[1]", offsets: "[0,1]") + "\t\u{0}", " " + tensor(shape: "[1]", offsets: "[0,1]"),
        ])
    func refuses(header: String) throws {
        let path = try folder.write(safetensors(header, data: [1]))
        let error = #expect(throws: SafetensorsError.self) { try SafetensorsFile(path: path) }
        #expect(isOneLine(error?.description ?? "\n"))
    }

    @Test(
        "accepts headers at the edge of the rules",
        arguments: [
            tensor(shape: "[1]", offsets: "[0,1]") + "   \n",
            tensor("../../etc/passwd", shape: "[1]", offsets: "[0,1]"),
            tensor(String(repeating: "n", count: 1024), shape: "[1]", offsets: "[0,1]"),
            tensor(shape: "[]", offsets: "[0,1]"),
            tensor(shape: "[" + Array(repeating: "1", count: 64).joined(separator: ",") + "]", offsets: "[0,1]"),
            #"{"b":{"dtype":"F64","shape":[0],"data_offsets":[1,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#,
            #"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"__metadata__":{"":"","k":"é\u0000"}}"#,
            #"{"\u0061":{"data_offsets":[0,1],"shape":[1],"dtype":"BOOL"}}"#,
        ])
    func accepts(header: String) throws {
        let file = try SafetensorsFile(path: folder.write(safetensors(header, data: [1])))
        #expect(file.entries.contains { $0.byteRange.count == 1 })
    }

    @Test("every truncation is refused, every changed byte is refused or read")
    func mutations() throws {
        let header =
            #"{"__metadata__":{"k":"v"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"BOOL","shape":[1],"data_offsets":[8,9]}} "#
        let valid = safetensors(header, data: [0, 0, 0x80, 0x3F, 0, 0, 0xC0, 0x7F, 1])
        for length in 0..<valid.count {
            let path = try folder.write(Array(valid[..<length]))
            #expect(throws: SafetensorsError.self) { try SafetensorsFile(path: path) }
        }
        for position in valid.indices {
            for bit in 0..<8 {
                var changed = valid
                changed[position] ^= 1 << bit
                let path = try folder.write(changed)
                let isData = position >= 8 + header.utf8.count && position < valid.count - 1
                if let file = try? SafetensorsFile(path: path) {
                    for name in file.names { _ = try file.doubles(name) }
                } else {
                    #expect(!isData, "byte \(position)")
                }
            }
        }
    }
}
