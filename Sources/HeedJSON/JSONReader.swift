/// A strict reader of RFC 8259 JSON.
///
/// Refuses, with a ``JSONError`` that names the byte: anything but UTF-8 (overlong forms, surrogates, byte order
/// marks), duplicate keys, comments, trailing commas, leading zeros, `NaN` and `Infinity`, surrogate escapes without
/// their other half, text after the value, and what goes beyond the ``JSONLimits``. The time is linear in the size of
/// the text, and the stack does not grow with the nesting.
public enum JSONReader {
    /// Reads the value that `bytes` hold.
    public static func read(_ bytes: some Sequence<UInt8>, limits: JSONLimits = JSONLimits()) throws(JSONError)
        -> JSONValue
    {
        let array = Array(bytes)
        // Typed throws do not pass through the standard library's closures, so the outcome leaves them as a value.
        return try array.withUnsafeBytes { buffer in
            Result { () throws(JSONError) in try read(buffer, limits: limits) }
        }.get()
    }

    /// Reads the value that the UTF-8 of `text` holds.
    public static func read(_ text: String, limits: JSONLimits = JSONLimits()) throws(JSONError) -> JSONValue {
        try read(text.utf8, limits: limits)
    }

    /// Reads the value that the memory holds.
    public static func read(
        _ bytes: UnsafeRawBufferPointer, limits: JSONLimits = JSONLimits()
    ) throws(JSONError) -> JSONValue {
        var steps = 0
        return try read(bytes, limits: limits, steps: &steps)
    }

    /// As ``read(_:limits:)``. Adds to `steps` how often a byte of the text was read, and the steps of the searches for
    /// keys.
    package static func read(
        _ bytes: UnsafeRawBufferPointer, limits: JSONLimits = JSONLimits(), steps: inout Int
    ) throws(JSONError) -> JSONValue {
        var cursor = try JSONCursor(bytes, limits: limits)
        defer { steps += cursor.steps }
        let value = try document(&cursor, &steps)
        try cursor.finish()
        return value
    }

    /// An array or object that has begun and not ended. It is changed in place in the list: if it were taken out of an
    /// enum's payload and put back, its elements would be copied each time.
    private struct Container {
        var elements: [JSONValue] = []
        var object = JSONObject()
        /// The key whose value comes next; nil in an array.
        var key: String?
    }

    /// Reads one value. A list of the open containers replaces recursion.
    private static func document(_ cursor: inout JSONCursor, _ steps: inout Int) throws(JSONError) -> JSONValue {
        var open: [Container] = []
        while true {
            var finished: JSONValue? = try begin(&cursor, &open)
            while let value = finished {
                if open.isEmpty { return value }
                finished = try add(value, to: &open[open.count - 1], &cursor, &steps)
                if finished != nil { open.removeLast() }
            }
        }
    }

    /// Reads a value without parts, or opens a container whose first value comes next and returns nil.
    private static func begin(_ cursor: inout JSONCursor, _ open: inout [Container]) throws(JSONError) -> JSONValue? {
        switch try cursor.nextKind() {
        case .null:
            try cursor.null()
            return .null
        case .bool: return .bool(try cursor.bool())
        case .number: return .number(try cursor.number())
        case .string: return .string(try cursor.string())
        case .array:
            try cursor.beginArray()
            if try !cursor.nextElement(first: true) { return .array([]) }
            open.append(Container())
            return nil
        case .object:
            try cursor.beginObject()
            guard let key = try cursor.nextKey(first: true) else { return .object(JSONObject()) }
            open.append(Container(key: key))
            return nil
        }
    }

    /// Adds a finished value to its container. Returns the container if it ends here.
    private static func add(
        _ value: JSONValue, to container: inout Container, _ cursor: inout JSONCursor, _ steps: inout Int
    ) throws(JSONError) -> JSONValue? {
        guard let key = container.key else {
            container.elements.append(value)
            return try cursor.nextElement(first: false) ? nil : .array(container.elements)
        }
        _ = container.object.append(key, value, steps: &steps)
        guard let next = try cursor.nextKey(first: false) else { return .object(container.object) }
        if container.object.contains(next) { throw cursor.duplicateKey(next) }
        container.key = next
        return nil
    }
}
