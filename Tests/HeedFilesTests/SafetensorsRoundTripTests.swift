import Foundation
import HeedFiles
import HeedTensor
import HeedTestSupport
import Testing

@Suite("Safetensors writer and values")
struct SafetensorsRoundTripTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    @Test("writes the reference writer's bytes")
    func bytes() throws {
        let path = folder.file()
        try SafetensorsWriter.write(
            [
                ("b", .booleans([true, false], dimensions: [2])), ("z", .tensor(Tensor([1, -2], shape: [2, 1]))),
                ("a", .tensor(Tensor(0.5))), ("i", .integers([-1], dimensions: [1])),
                ("d", .doubles([], dimensions: [0, 3])),
            ], metadata: ["format": "pt", "quote\"": "\n"], to: path)
        let header =
            #"{"__metadata__":{"format":"pt","quote\"":"\n"},"i":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},"#
            + #""d":{"dtype":"F64","shape":[0,3],"data_offsets":[8,8]},"a":{"dtype":"F32","shape":[],"data_offsets":[8,12]},"#
            + #""z":{"dtype":"F32","shape":[2,1],"data_offsets":[12,20]},"b":{"dtype":"BOOL","shape":[2],"data_offsets":[20,22]}}"#
        let padded = header + String(repeating: " ", count: (8 - header.utf8.count % 8) % 8)
        let data: [UInt8] = [
            255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0x3F, 0, 0, 0x80, 0x3F, 0, 0, 0, 0xC0, 1, 0,
        ]
        #expect(try contents(path) == safetensors(padded, data: data))
        let file = try SafetensorsFile(path: path)
        #expect(file.metadata == ["format": "pt", "quote\"": "\n"])
        #expect(file.metadata["format"] == "pt" && file.metadata["none"] == nil)
        #expect(file.names == ["i", "d", "a", "z", "b"])
        #expect(try file.tensor("z").elements == [1, -2])
        #expect(try file.integers("i") == [-1])
        #expect(try file.booleans("b") == [true, false])
        #expect(try file.booleanTensor("b").elements == [true, false])
        #expect(try file.doubles("d") == [])
    }

    @Test("bfloat16 comes back bit for bit, views and NaN too, and is no other type")
    func bfloat16() throws {
        let bits: [UInt16] = [0x3F80, 0x8001, 0x7F81, 0xFFFF, 0x0000, 0xFF80]
        let tensor = BFloat16Tensor(bits.map { BFloat16(bitPattern: $0) }, shape: [2, 3])
        try SafetensorsWriter.write(
            [("t", .bfloat16Tensor(tensor.transposed())), ("n", .bfloat16Tensor(tensor)), ("f", .tensor(Tensor(1)))],
            to: folder.file())
        let file = try SafetensorsFile(path: folder.file())
        #expect(file.entry("n")?.type == .bfloat16 && file.entry("n")?.dimensions == [2, 3])
        #expect(try file.bfloat16Tensor("n").elements.map(\.bitPattern) == bits)
        let transposed = try file.bfloat16Tensor("t")
        #expect(transposed.shape == [3, 2])
        #expect(transposed.elements.map(\.bitPattern) == [0, 3, 1, 4, 2, 5].map { bits[$0] })
        #expect(#expect(throws: SafetensorsError.self) { try file.bfloat16Tensor("f") }?.kind == .conversion)
        #expect(#expect(throws: SafetensorsError.self) { try file.bfloat16Tensor("x") }?.kind == .missing)
    }

    @Test("a transposed view and a large tensor come back")
    func views() throws {
        let values = (0..<700_000).map { Float($0) }
        let tensor = Tensor(values, shape: [700, 1000])
        try SafetensorsWriter.write(
            [("t", .tensor(tensor.transposed(0, 1))), ("n", .tensor(tensor))], to: folder.file())
        let file = try SafetensorsFile(path: folder.file())
        #expect(try file.tensor("n").elements == values)
        let transposed = try file.tensor("t")
        #expect(transposed.shape == [1000, 700] && transposed[3, 5] == 5003)
        #expect(try file.doubles("n") == values.map(Double.init))
    }

    @Test(
        "types convert only where asked, and as documented",
        arguments: [
            ("F16", [0x00, 0x3C, 0x01, 0x00, 0xFF, 0x7B, 0x00, 0xFC], [1, 0x1p-24, 65504, -Double.infinity]),
            ("BF16", [0x80, 0x3F, 0x01, 0x80], [1, -0x1p-133]),
            ("F64", [0, 0, 0, 0, 0, 0, 0xF0, 0xBF], [-1]),
            ("BOOL", [1, 0], [1, 0]), ("U8", [255, 1], [255, 1]), ("I8", [255, 127], [-1, 127]),
            ("I16", [0xFF, 0xFF, 0, 1], [-1, 256]), ("U16", [0xFF, 0xFF], [65535]),
            ("I32", [0, 0, 0, 0x80], [-2_147_483_648]), ("U32", [0xFF, 0xFF, 0xFF, 0xFF], [4_294_967_295]),
            ("I64", [0, 0, 0, 0, 0, 0, 0, 0x80], [-0x1p63]),
            ("U64", [255, 255, 255, 255, 255, 255, 255, 255], [0x1p64]),
        ] as [(String, [UInt8], [Double])])
    func conversions(dtype: String, bytes: [UInt8], values: [Double]) throws {
        let header = "{\"a\":{\"dtype\":\"\(dtype)\",\"shape\":[\(values.count)],\"data_offsets\":[0,\(bytes.count)]}}"
        let file = try SafetensorsFile(path: folder.write(safetensors(header, data: bytes)))
        #expect(try file.doubles("a") == values)
        #expect(try file.tensor("a", converting: true).elements == values.map { Float($0) })
        #expect(try file.bytes("a") == bytes)
        let error = #expect(throws: SafetensorsError.self) { try file.tensor("a") }
        #expect(error?.kind == .conversion)
        if ["F16", "BF16", "F64", "BOOL", "U64"].contains(dtype) {
            #expect(throws: SafetensorsError.self) { try file.integers("a") }
        } else {
            #expect(try file.integers("a") == values.map { Int64($0) })
        }
        #expect((try? file.booleans("a")) == (dtype == "BOOL" ? [true, false] : nil))
    }

    @Test("integers round once on their way to float")
    func singleRounding() throws {
        // 2^53 + 2^29 + 1 lies above the middle of two floats; through a double it would fall on the middle and round
        // down.
        let value: Int64 = 1 << 53 + 1 << 29 + 1
        try SafetensorsWriter.write([("a", .integers([value], dimensions: [1]))], to: folder.file())
        #expect(try SafetensorsFile(path: folder.file()).tensor("a", converting: true).elements == [Float(value)])
    }

    @Test("every float16 is read exactly")
    func everyHalf() throws {
        let bytes = (0..<65536).flatMap { [UInt8(truncatingIfNeeded: $0), UInt8(truncatingIfNeeded: $0 >> 8)] }
        let path = try folder.write(
            safetensors(#"{"a":{"dtype":"F16","shape":[65536],"data_offsets":[0,131072]}}"#, data: bytes))
        let found = try SafetensorsFile(path: path).doubles("a")
        #if arch(arm64) || os(Linux)
        var wrong = 0
        for pattern in 0..<65536 {
            let expected = Double(Float16(bitPattern: UInt16(pattern)))
            let same = expected.isNaN ? found[pattern].isNaN : expected.bitPattern == found[pattern].bitPattern
            if !same { wrong += 1 }
        }
        #expect(wrong == 0)
        #endif
    }

    @Test(
        "refuses to write what could not be read",
        arguments: ["", "a\nb", "__metadata__", "a\u{202E}", String(repeating: "x", count: 1025)])
    func refusesNames(name: String) {
        let path = folder.file()
        #expect(throws: SafetensorsError.self) { try SafetensorsWriter.write([(name, .tensor(Tensor(1)))], to: path) }
        #expect(folder.names.isEmpty)
    }

    @Test("refuses duplicates and wrong counts")
    func refusesShapes() {
        let path = folder.file()
        #expect(throws: SafetensorsError.self) {
            try SafetensorsWriter.write([("a", .tensor(Tensor(1))), ("a", .tensor(Tensor(2)))], to: path)
        }
        for dimensions in [[2], [-1, -1], [], [0], Array(repeating: 1, count: 65), [Int.max, Int.max]] {
            #expect(throws: SafetensorsError.self) {
                try SafetensorsWriter.write([("a", .doubles([1, 2, 3], dimensions: dimensions))], to: path)
            }
        }
        #expect(folder.names.isEmpty)
    }
}
