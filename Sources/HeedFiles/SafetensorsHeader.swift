import HeedJSON

/// The checked header of a safetensors file: its JSON is valid and fits the file.
struct SafetensorsHeader {
    /// The reference reader's limit on the header.
    static let greatestLength = 100_000_000
    static let greatestRank = 64
    static let greatestNameLength = 1024

    /// The tensors, in the order of their bytes in the file.
    private(set) var entries: [TensorEntry] = []
    private(set) var index = ExactStringIndex()
    private(set) var metadata = SafetensorsMetadata()
    private let path: String
    /// How often a byte of the text was read, a name was searched for, or two entries were compared.
    private(set) var steps = 0

    /// Reads the header that `text` holds. `data`, from the start of the file, is the range of all the tensors' bytes.
    init(_ text: UnsafeRawBufferPointer, data: Range<Int>, path: String) throws(SafetensorsError) {
        self.path = path
        guard text.first == UInt8(ascii: "{") else {
            let found = text.first.map { "byte \($0)" } ?? "nothing"
            throw SafetensorsError(.header, path: path, "the header begins with \(found), not with '{'")
        }
        do {
            // The file's length bounds the number of values already.
            var cursor = try JSONCursor(text, limits: JSONLimits(depth: 4, bytes: Self.greatestLength, values: .max))
            defer { steps += cursor.steps }
            try readTop(&cursor)
            try cursor.finish()
        } catch let error as JSONError {
            throw SafetensorsError(.header, path: path, "header: \(error)")
        } catch let error as SafetensorsError {
            throw error
        } catch {
            throw SafetensorsError(.header, path: path, "header: \(error)")
        }
        try place(in: data)
        buildIndex()
    }

    // MARK: JSON

    private mutating func readTop(_ cursor: inout JSONCursor) throws {
        // Duplicates are found here, where the key's place is known, among names in the header's order.
        var names = ExactStringIndex()
        var hasMetadata = false
        try cursor.beginObject()
        var first = true
        while let key = try cursor.nextKey(first: first) {
            first = false
            if ExactStringIndex.same(key, "__metadata__") {
                if hasMetadata { throw cursor.duplicateKey(key) }
                hasMetadata = true
                try readMetadata(&cursor)
                continue
            }
            if let fault = Self.fault(inName: key) {
                throw SafetensorsError(.name, path: path, "the name \(JSONText.quoted(key)) \(fault)")
            }
            if !names.insert(key, steps: &steps) { throw cursor.duplicateKey(key) }
            entries.append(try readEntry(key, &cursor))
        }
    }

    private mutating func readMetadata(_ cursor: inout JSONCursor) throws {
        try cursor.beginObject()
        var first = true
        while let key = try cursor.nextKey(first: first) {
            first = false
            if metadata.contains(key) { throw cursor.duplicateKey(key) }
            metadata.append(key, try cursor.string(), steps: &steps)
        }
    }

    private func readEntry(_ name: String, _ cursor: inout JSONCursor) throws -> TensorEntry {
        var type: TensorElementType?
        var dimensions: [Int]?
        var offsets: [Int]?
        try cursor.beginObject()
        var first = true
        while let field = try cursor.nextKey(first: first) {
            first = false
            switch field {
            case "dtype":
                if type != nil { throw cursor.duplicateKey(field) }
                let text = try cursor.string()
                guard let known = TensorElementType(rawValue: text) else {
                    throw fault(.elementType, name, "the type \(JSONText.quoted(text, limit: 32)) is not supported")
                }
                type = known
            case "shape":
                if dimensions != nil { throw cursor.duplicateKey(field) }
                dimensions = try readIntegers(&cursor, limit: Self.greatestRank, .shape, name, "shape")
            case "data_offsets":
                if offsets != nil { throw cursor.duplicateKey(field) }
                offsets = try readIntegers(&cursor, limit: 2, .offsets, name, "data_offsets")
            default:
                throw fault(.header, name, "unknown field \(JSONText.quoted(field))")
            }
        }
        guard let type else { throw fault(.header, name, "no dtype") }
        guard let dimensions else { throw fault(.header, name, "no shape") }
        guard let offsets, offsets.count == 2 else { throw fault(.offsets, name, "data_offsets are not two numbers") }
        guard offsets[0] <= offsets[1] else {
            throw fault(.offsets, name, "data_offsets [\(offsets[0]), \(offsets[1])] run backwards")
        }
        let bytes = try byteCount(of: dimensions, type, name)
        guard offsets[1] - offsets[0] == bytes else {
            throw fault(
                .offsets, name,
                "data_offsets [\(offsets[0]), \(offsets[1])] hold \(offsets[1] - offsets[0]) bytes, "
                    + "but \(type.rawValue) of shape \(dimensions) needs \(bytes)")
        }
        return TensorEntry(name: name, type: type, dimensions: dimensions, byteRange: offsets[0]..<offsets[1])
    }

    private func readIntegers(
        _ cursor: inout JSONCursor, limit: Int, _ kind: SafetensorsError.Kind, _ name: String, _ field: String
    ) throws -> [Int] {
        var values: [Int] = []
        try cursor.beginArray()
        while try cursor.nextElement(first: values.isEmpty) {
            let number = try cursor.number()
            guard number.isInteger, !number.isNegative, let value = number.int else {
                throw fault(
                    kind, name,
                    "\(field) holds \(JSONText.quoted(number.text, limit: 40)), which is not an integer from 0 to \(Int.max)"
                )
            }
            if values.count == limit { throw fault(kind, name, "\(field) has more than \(limit) numbers") }
            values.append(value)
        }
        return values
    }

    private func byteCount(of dimensions: [Int], _ type: TensorElementType, _ name: String) throws -> Int {
        guard let count = Self.count(of: dimensions) else {
            throw fault(.shape, name, "shape \(dimensions) has more elements than can be addressed")
        }
        return count * type.byteCount
    }

    /// The number of elements of a tensor of these dimensions; nil if they cannot be addressed. Even if one dimension
    /// is 0, the product of the others must be addressable in the widest type, so that no later product of them
    /// overflows.
    static func count(of dimensions: [Int]) -> Int? {
        var product = 8
        for size in dimensions where size != 0 {
            let (next, overflow) = product.multipliedReportingOverflow(by: size)
            if overflow || size < 0 { return nil }
            product = next
        }
        return dimensions.contains(0) ? 0 : product / 8
    }

    /// Says what is wrong with a name; nil if nothing is. A name may be any text that does not mislead the person who
    /// reads it.
    static func fault(inName name: String) -> String? {
        if name.isEmpty { return "is empty" }
        if name.utf8.count > greatestNameLength { return "is longer than \(greatestNameLength) bytes" }
        for scalar in name.unicodeScalars {
            if JSONText.isControl(scalar) { return "contains a control character" }
            if JSONText.isBidirectionalFormat(scalar) { return "contains a bidirectional-format character" }
        }
        return nil
    }

    private func fault(_ kind: SafetensorsError.Kind, _ name: String, _ reason: String) -> SafetensorsError {
        SafetensorsError(kind, path: path, "tensor \(JSONText.quoted(name)): \(reason)")
    }

    // MARK: Places

    /// Sorts the entries by place and checks that they cover the data, each byte once.
    private mutating func place(in data: Range<Int>) throws(SafetensorsError) {
        var comparisons = 0
        func precedes(_ left: TensorEntry, _ right: TensorEntry) -> Bool {
            comparisons += 1
            return (left.byteRange.lowerBound, left.byteRange.upperBound) < (
                right.byteRange.lowerBound, right.byteRange.upperBound
            )
        }
        // Writers list tensors in the order of their bytes; the sort is stable, and skipped for them.
        if !zip(entries, entries.dropFirst()).allSatisfy({ !precedes($1, $0) }) { entries.sort(by: precedes) }
        steps += comparisons
        var end = 0
        for position in entries.indices {
            let range = entries[position].byteRange
            if range.lowerBound != end {
                let what =
                    range.lowerBound < end
                    ? "overlaps the tensor before it, which ends"
                    : "leaves a hole after the data before it, which ends"
                throw fault(
                    .offsets, entries[position].name,
                    "data_offsets [\(range.lowerBound), \(range.upperBound)]: \(what) at \(end)")
            }
            end = range.upperBound
            if end > data.count {
                throw fault(
                    .offsets, entries[position].name,
                    "data_offsets [\(range.lowerBound), \(end)] end after the file's \(data.count) bytes of data")
            }
            entries[position].byteRange = (data.lowerBound + range.lowerBound)..<(data.lowerBound + end)
        }
        if end != data.count {
            throw SafetensorsError(
                .offsets, path: path,
                "the tensors end at byte \(end) of the data, but the file has \(data.count) bytes of it")
        }
    }

    private mutating func buildIndex() {
        var names = ExactStringIndex()
        for entry in entries { _ = names.insert(entry.name, steps: &steps) }
        index = names
    }
}
