import HeedJSON
import HeedTensor

// The values of tensors. They are read straight from the file; conversions go through a chunk of fixed size.

extension SafetensorsFile {
    private static let chunkBytes = 1 << 18

    /// Reads a tensor as `Float`. F32 is read bit for bit, including the payload of NaN. Every other type is refused
    /// unless `converting` is true. Then F16, BF16, BOOL (0 and 1), I8, U8, I16 and U16 convert exactly, and the others
    /// to the nearest float, ties to even. An F64 beyond the range of `Float` becomes infinite.
    public func tensor(_ name: String, converting: Bool = false) throws(SafetensorsError) -> Tensor {
        let entry = try requireEntry(name)
        let shape = try shape(of: entry)
        if entry.type == .float32 {
            let tensor = try Tensor(fitting: shape) { target throws(SafetensorsError) in
                try read(into: UnsafeMutableRawBufferPointer(target), at: entry.byteRange.lowerBound)
                #if _endian(big)
                for i in target.indices { target[i] = Float(bitPattern: UInt32(littleEndian: target[i].bitPattern)) }
                #endif
            }
            return try found(tensor, entry)
        }
        guard converting else { throw mismatch(entry, "F32, and converting was not asked for") }
        let tensor = try Tensor(fitting: shape) { target throws(SafetensorsError) in
            var position = 0
            try forEachChunk(of: entry) { chunk in
                Self.decode(chunk, entry.type, Float.init(exactlyRounding:), Float.init(exactlyRounding:)) {
                    target.initializeElement(at: position, to: $0)
                    position += 1
                }
            }
        }
        return try found(tensor, entry)
    }

    /// Reads all tensors as `Float`, by their names: what a module's `load(_:)` takes.
    ///
    /// - Parameter converting: As in ``tensor(_:converting:)``.
    public func tensors(converting: Bool = false) throws(SafetensorsError) -> [String: Tensor] {
        var tensors: [String: Tensor] = [:]
        for name in names { tensors[name] = try tensor(name, converting: converting) }
        return tensors
    }

    /// Reads all tensors, each as by ``tensor(_:ofAnyOf:)``, by their names.
    public func tensors(ofAnyOf types: [TensorElementType]) throws(SafetensorsError) -> [String: Tensor] {
        var tensors: [String: Tensor] = [:]
        for name in names { tensors[name] = try tensor(name, ofAnyOf: types) }
        return tensors
    }

    /// Reads a tensor that is of one of these element types as `Float`, converted as by ``tensor(_:converting:)``.
    ///
    /// - Throws: ``SafetensorsError`` of kind `conversion` if it is of another type; the reason names it and lists
    ///   those that are accepted.
    public func tensor(_ name: String, ofAnyOf types: [TensorElementType]) throws(SafetensorsError) -> Tensor {
        let entry = try requireEntry(name)
        guard types.contains(entry.type) else {
            throw mismatch(entry, types.map(\.rawValue).joined(separator: " or "))
        }
        return try tensor(name, converting: true)
    }

    /// Reads a BF16 tensor, bit for bit. Every other type is refused. To read another type and round it, use
    /// `tensor(name, converting: true).bfloat16()`.
    public func bfloat16Tensor(_ name: String) throws(SafetensorsError) -> BFloat16Tensor {
        let entry = try requireEntry(name)
        guard entry.type == .bfloat16 else { throw mismatch(entry, "BF16") }
        let tensor = try BFloat16Tensor(fitting: shape(of: entry)) { target throws(SafetensorsError) in
            try read(into: UnsafeMutableRawBufferPointer(target), at: entry.byteRange.lowerBound)
            #if _endian(big)
            for i in target.indices { target[i] = BFloat16(bitPattern: UInt16(littleEndian: target[i].bitPattern)) }
            #endif
        }
        return try found(tensor, entry)
    }

    /// Reads a tensor's values as doubles, in row-major order. Every type converts exactly, except that I64 and U64
    /// beyond 2^53 are rounded.
    public func doubles(_ name: String) throws(SafetensorsError) -> [Double] {
        let entry = try requireEntry(name)
        return try collect(entry) { chunk, result in
            Self.decode(chunk, entry.type, { $0 }, Double.init(exactlyRounding:)) { result.append($0) }
        }
    }

    /// Reads a tensor's values as integers, in row-major order. Only integer types are accepted. Throws if a U64 is
    /// above `Int64.max`.
    public func integers(_ name: String) throws(SafetensorsError) -> [Int64] {
        let entry = try requireEntry(name)
        guard !entry.type.isFloatingPoint, entry.type != .boolean else { throw mismatch(entry, "an integer type") }
        var fits = true
        let result: [Int64] = try collect(entry) { chunk, result in
            Self.decode(chunk, entry.type, { Int64(exactly: $0) }, \.signed) {
                fits = fits && $0 != nil
                result.append($0 ?? 0)
            }
        }
        guard fits else { throw mismatch(entry, "within Int64: it holds a value over \(Int64.max)") }
        return result
    }

    /// Reads a BOOL tensor's values as booleans, in row-major order.
    public func booleans(_ name: String) throws(SafetensorsError) -> [Bool] {
        let entry = try requireEntry(name)
        guard entry.type == .boolean else { throw mismatch(entry, "BOOL") }
        return try collect(entry) { chunk, result in result.append(contentsOf: chunk.lazy.map { $0 == 1 }) }
    }

    /// Reads a BOOL tensor.
    public func booleanTensor(_ name: String) throws(SafetensorsError) -> BooleanTensor {
        let values = try booleans(name)
        let entry = try requireEntry(name)
        let tensor = try BooleanTensor(fitting: shape(of: entry)) { _ = $0.initialize(from: values) }
        return try found(tensor, entry)
    }

    /// Reads a tensor's bytes as they are in the file.
    public func bytes(_ name: String) throws(SafetensorsError) -> [UInt8] {
        let entry = try requireEntry(name)
        try requireMemory(entry, entry.byteRange.count)
        // The initializer's closure throws untyped errors, so the outcome leaves it as a value.
        var outcome: Result<Void, SafetensorsError> = .success(())
        let result = [UInt8](unsafeUninitializedCapacity: entry.byteRange.count) { buffer, count in
            let target = UnsafeMutableRawBufferPointer(
                rebasing: UnsafeMutableRawBufferPointer(buffer)[..<entry.byteRange.count])
            outcome = Result { () throws(SafetensorsError) in try read(into: target, at: entry.byteRange.lowerBound) }
            if case .success = outcome { count = entry.byteRange.count }
        }
        try outcome.get()
        return result
    }

    // MARK: Parts

    package func shape(of entry: TensorEntry) throws(SafetensorsError) -> Shape {
        guard let shape = Shape(exactly: entry.dimensions) else {
            throw SafetensorsError(.shape, path: path, "tensor \(JSONText.quoted(entry.name)): impossible shape")
        }
        return shape
    }

    private func found<Value>(_ value: Value?, _ entry: TensorEntry) throws(SafetensorsError) -> Value {
        guard let value else { throw missingMemory(entry) }
        return value
    }

    private func missingMemory(_ entry: TensorEntry) -> SafetensorsError {
        SafetensorsError(
            .file, path: path,
            "there is no memory for tensor \(JSONText.quoted(entry.name)), \(entry.type.rawValue) of shape \(entry.dimensions)"
        )
    }

    /// Refuses values whose array would not fit in memory, because Swift's arrays would then stop the program.
    private func requireMemory(_ entry: TensorEntry, _ byteCount: Int) throws(SafetensorsError) {
        guard byteCount >= Self.chunkBytes, !ProcessMemory.has(byteCount) else { return }
        throw missingMemory(entry)
    }

    private func mismatch(_ entry: TensorEntry, _ expected: String) -> SafetensorsError {
        SafetensorsError(
            .conversion, path: path, "tensor \(JSONText.quoted(entry.name)) is \(entry.type.rawValue), not \(expected)")
    }

    private func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(SafetensorsError) {
        do { try file.read(into: buffer, at: offset) } catch { throw SafetensorsError(error) }
    }

    private func collect<Value>(
        _ entry: TensorEntry, _ add: (UnsafeRawBufferPointer, inout [Value]) -> Void
    ) throws(SafetensorsError) -> [Value] {
        var result: [Value] = []
        let (byteCount, overflow) = entry.count.multipliedReportingOverflow(by: MemoryLayout<Value>.stride)
        try requireMemory(entry, overflow ? .max : byteCount)
        result.reserveCapacity(entry.count)
        try forEachChunk(of: entry) { add($0, &result) }
        return result
    }

    /// Calls `body` with a tensor's bytes, some whole elements at a time. BOOL bytes are checked first.
    func forEachChunk(of entry: TensorEntry, _ body: (UnsafeRawBufferPointer) -> Void) throws(SafetensorsError) {
        let range = entry.byteRange
        let memory = UnsafeMutableRawBufferPointer.allocate(
            byteCount: max(1, min(range.count, Self.chunkBytes)), alignment: 16)
        defer { memory.deallocate() }
        var offset = range.lowerBound
        while offset < range.upperBound {
            let chunk = UnsafeMutableRawBufferPointer(rebasing: memory[..<min(memory.count, range.upperBound - offset)])
            try read(into: chunk, at: offset)
            if entry.type == .boolean, let bad = chunk.firstIndex(where: { $0 > 1 }) {
                throw SafetensorsError(
                    .values, path: path,
                    "tensor \(JSONText.quoted(entry.name)): byte \(offset + bad) is \(chunk[bad]), and a BOOL is 0 or 1"
                )
            }
            body(UnsafeRawBufferPointer(chunk))
            offset += chunk.count
        }
    }

    /// Gives each element of a chunk to `emit`: floating-point ones through `fromDouble`, which they fit exactly,
    /// others through `fromInteger`.
    private static func decode<Value>(
        _ chunk: UnsafeRawBufferPointer, _ type: TensorElementType, _ fromDouble: (Double) -> Value,
        _ fromInteger: (WideInteger) -> Value, _ emit: (Value) -> Void
    ) {
        func each<Bits: FixedWidthInteger & BitwiseCopyable>(_: Bits.Type, _ convert: (Bits) -> Value) {
            for offset in stride(from: 0, to: chunk.count, by: MemoryLayout<Bits>.size) {
                emit(convert(Bits(littleEndian: chunk.loadUnaligned(fromByteOffset: offset, as: Bits.self))))
            }
        }
        func signed<Bits: FixedWidthInteger & BitwiseCopyable>(_: Bits.Type) {
            each(Bits.self) { fromInteger(.signed(Int64(truncatingIfNeeded: $0))) }
        }
        switch type {
        case .boolean, .uint8: signed(UInt8.self)
        case .int8: signed(Int8.self)
        case .int16: signed(Int16.self)
        case .uint16: signed(UInt16.self)
        case .int32: signed(Int32.self)
        case .uint32: signed(UInt32.self)
        case .int64: signed(Int64.self)
        case .uint64: each(UInt64.self) { fromInteger(.unsigned($0)) }
        case .float16: each(UInt16.self) { fromDouble(HalfPrecision.double(float16: $0)) }
        case .bfloat16: each(UInt16.self) { fromDouble(Double(Float(bitPattern: UInt32($0) << 16))) }
        case .float32: each(UInt32.self) { fromDouble(Double(Float(bitPattern: $0))) }
        case .float64: each(UInt64.self) { fromDouble(Double(bitPattern: $0)) }
        }
    }
}

/// Any integer of a file.
enum WideInteger {
    case signed(Int64)
    case unsigned(UInt64)

    /// The value, if it fits in `Int64`.
    var signed: Int64? {
        switch self {
        case .signed(let value): value
        case .unsigned(let value): Int64(exactly: value)
        }
    }
}

extension BinaryFloatingPoint {
    /// The nearest value, rounded once, ties to even.
    fileprivate init(exactlyRounding value: WideInteger) {
        switch value {
        case .signed(let value): self = Self(value)
        case .unsigned(let value): self = Self(value)
        }
    }
}

extension Float {
    /// The nearest float, ties to even.
    fileprivate init(exactlyRounding value: Double) { self = Float(value) }
}

/// IEEE 754 binary16, by its bits: Swift's `Float16` is missing on some of the platforms.
enum HalfPrecision {
    /// The value of a float16, exactly.
    static func double(float16 bits: UInt16) -> Double {
        let sign: Double = bits & 0x8000 == 0 ? 1 : -1
        let exponent = Int(bits >> 10 & 0x1F)
        let fraction = bits & 0x3FF
        switch exponent {
        case 0: return sign * Double(fraction) * 0x1p-24
        case 31:
            // Sign and payload of a NaN stay; an infinity has none.
            let pattern = UInt64(bits & 0x8000) << 48 | 0x7FF << 52 | UInt64(fraction) << 42
            return Double(bitPattern: pattern)
        default:
            return sign * Double(Int(fraction) | 0x400) * Double(sign: .plus, exponent: exponent - 25, significand: 1)
        }
    }
}
