import HeedJSON
import HeedTensor

/// Values to be written to a safetensors file.
public enum SafetensorsValue: Sendable {
    /// A tensor, written as F32 bit for bit.
    case tensor(Tensor)
    /// A bfloat16 tensor, written as BF16 bit for bit.
    case bfloat16Tensor(BFloat16Tensor)
    /// A boolean tensor, written as BOOL.
    case booleanTensor(BooleanTensor)
    /// Numbers, written as F64 in row-major order.
    case doubles([Double], dimensions: [Int])
    /// Integers, written as I64 in row-major order.
    case integers([Int64], dimensions: [Int])
    /// Booleans, written as BOOL in row-major order.
    case booleans([Bool], dimensions: [Int])

    var type: TensorElementType {
        switch self {
        case .tensor: .float32
        case .bfloat16Tensor: .bfloat16
        case .booleanTensor, .booleans: .boolean
        case .doubles: .float64
        case .integers: .int64
        }
    }

    var dimensions: [Int] {
        switch self {
        case .tensor(let tensor): tensor.shape.dimensions
        case .bfloat16Tensor(let tensor): tensor.shape.dimensions
        case .booleanTensor(let tensor): tensor.shape.dimensions
        case .doubles(_, let dimensions), .integers(_, let dimensions), .booleans(_, let dimensions): dimensions
        }
    }

    var count: Int {
        switch self {
        case .tensor(let tensor): tensor.count
        case .bfloat16Tensor(let tensor): tensor.count
        case .booleanTensor(let tensor): tensor.count
        case .doubles(let values, _): values.count
        case .integers(let values, _): values.count
        case .booleans(let values, _): values.count
        }
    }

    /// Appends the elements, little-endian. One tensor at a time is made contiguous. Nothing else is copied as a whole.
    func append(to file: inout AtomicFile) throws(FileError) {
        switch self {
        case .tensor(let tensor):
            try tensor.withUnsafeElements { elements throws(FileError) in
                try Self.append(elements, to: &file) { $0.bitPattern }
            }
        case .bfloat16Tensor(let tensor):
            try tensor.withUnsafeElements { elements throws(FileError) in
                try Self.append(elements, to: &file) { $0.bitPattern }
            }
        case .booleanTensor(let tensor): try file.append(tensor.elements.map { $0 ? 1 : 0 })
        case .doubles(let values, _):
            try values.withUnsafeBufferPointer { elements in
                Result { () throws(FileError) in try Self.append(elements, to: &file) { $0.bitPattern } }
            }.get()
        case .integers(let values, _):
            try values.withUnsafeBufferPointer { elements in
                Result { () throws(FileError) in try Self.append(elements, to: &file) { $0 } }
            }.get()
        case .booleans(let values, _): try file.append(values.map { $0 ? 1 : 0 })
        }
    }

    private static func append<Element, Bits: FixedWidthInteger>(
        _ elements: UnsafeBufferPointer<Element>, to file: inout AtomicFile, bits: (Element) -> Bits
    ) throws(FileError) {
        #if _endian(little)
        try file.append(UnsafeRawBufferPointer(elements))
        #else
        for element in elements {
            let value = bits(element).littleEndian
            try withUnsafeBytes(of: value) { bytes in Result { () throws(FileError) in try file.append(bytes) } }.get()
        }
        #endif
    }
}

/// Writes safetensors files with the same bytes as the reference writer. A file replaces the old one at once (see
/// ``AtomicFile``), so that it is safe to save over the file from which values were read.
public enum SafetensorsWriter {
    /// Replaces the file at `path` by one that holds `values`, sorted by type and name, and `metadata`.
    ///
    /// - Throws: ``SafetensorsError`` if the reader would refuse a name, if a name occurs twice, if the elements do not
    ///   fill their dimensions, or if the file cannot be written. Then the old file is untouched.
    public static func write(
        _ values: [(name: String, value: SafetensorsValue)], metadata: SafetensorsMetadata = [:], to path: String
    ) throws(SafetensorsError) {
        try write(values, metadata: metadata, to: path, in: nil, system: .live)
    }

    /// Replaces the file at `path` by one that holds tensors by their names, such as the `weights` of a module.
    ///
    /// - Throws: ``SafetensorsError`` where a name would be refused by the reader, or where the file cannot be written;
    ///   then the old file is untouched.
    public static func write(
        _ tensors: [String: Tensor], metadata: SafetensorsMetadata = [:], to path: String
    ) throws(SafetensorsError) {
        try write(tensors.map { ($0.key, .tensor($0.value)) }, metadata: metadata, to: path)
    }

    package static func write(
        _ values: [(name: String, value: SafetensorsValue)], metadata: SafetensorsMetadata, to name: String,
        in base: OpenFolder? = nil, system: SystemCalls = .live
    ) throws(SafetensorsError) {
        let path = base?.path(of: name) ?? name
        try check(values, path)
        let order = Array(TensorElementType.allCases.enumerated())
        let rank = Dictionary(uniqueKeysWithValues: order.map { ($0.element, $0.offset) })
        // The widest types first, so that in a file whose header is padded every tensor is aligned; then by the names'
        // bytes.
        let sorted = values.sorted { left, right in
            let (leftRank, rightRank) = (rank[left.value.type] ?? 0, rank[right.value.type] ?? 0)
            return leftRank != rightRank
                ? leftRank > rightRank : left.name.utf8.lexicographicallyPrecedes(right.name.utf8)
        }
        let header = header(sorted, metadata)
        guard header.count <= SafetensorsHeader.greatestLength else {
            throw SafetensorsError(.header, path: path, "a header of \(header.count) bytes is over the limit")
        }
        do {
            try AtomicFile.write(to: name, in: base, system: system) { file throws(FileError) in
                let length = UInt64(header.count)
                try file.append((0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) })
                try file.append(header)
                for (_, value) in sorted { try value.append(to: &file) }
            }
        } catch {
            throw SafetensorsError(error)
        }
    }

    private static func check(_ values: [(name: String, value: SafetensorsValue)], _ path: String)
        throws(SafetensorsError)
    {
        var names = ExactStringIndex()
        for (name, value) in values {
            let shown = JSONText.quoted(name)
            if ExactStringIndex.same(name, "__metadata__") {
                throw SafetensorsError(.name, path: path, "the name \(shown) is the format's own")
            }
            if let fault = SafetensorsHeader.fault(inName: name) {
                throw SafetensorsError(.name, path: path, "the name \(shown) \(fault)")
            }
            guard names.insert(name) else {
                throw SafetensorsError(.name, path: path, "the name \(shown) occurs twice")
            }
            guard value.dimensions.count <= SafetensorsHeader.greatestRank,
                SafetensorsHeader.count(of: value.dimensions) == value.count
            else {
                throw SafetensorsError(
                    .shape, path: path,
                    "tensor \(shown): \(value.count) elements do not fill the dimensions \(value.dimensions)")
            }
        }
    }

    /// The header's JSON, padded with spaces so that the data begins at a multiple of eight bytes.
    private static func header(
        _ values: [(name: String, value: SafetensorsValue)], _ metadata: SafetensorsMetadata
    ) -> [UInt8] {
        var output: [UInt8] = Array("{".utf8)
        func separate() { if output.count > 1 { output.append(UInt8(ascii: ",")) } }
        if !metadata.isEmpty {
            output += "\"__metadata__\":{".utf8
            for (position, (key, value)) in metadata.enumerated() {
                if position > 0 { output.append(UInt8(ascii: ",")) }
                JSONWriter.append(key, to: &output)
                output.append(UInt8(ascii: ":"))
                JSONWriter.append(value, to: &output)
            }
            output.append(UInt8(ascii: "}"))
        }
        var offset = 0
        for (name, value) in values {
            separate()
            JSONWriter.append(name, to: &output)
            let end = offset + value.count * value.type.byteCount
            let shape = value.dimensions.map(String.init).joined(separator: ",")
            output +=
                ":{\"dtype\":\"\(value.type.rawValue)\",\"shape\":[\(shape)],\"data_offsets\":[\(offset),\(end)]}".utf8
            offset = end
        }
        output.append(UInt8(ascii: "}"))
        output.append(contentsOf: repeatElement(0x20, count: (8 - output.count % 8) % 8))
        return output
    }
}
