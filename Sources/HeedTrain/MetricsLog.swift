import HeedFiles
import HeedJSON

/// The numbers of a training run, one JSON object per line: `{"step": 100, "loss": 2.31, "learning_rate": 0.001}`.
///
/// Any tool that reads JSON lines can follow the file while it grows. A run that is resumed continues after the step of
/// its checkpoint: lines that were written after that step, and the torn end of a crash, are dropped first.
public struct MetricsLog: Sendable {
    private let file: AppendFile

    /// Opens a log at `path`.
    ///
    /// - Parameter step: The last step to keep of an existing log; nil begins an empty one.
    /// - Throws: ``FileError`` if the file cannot be read, replaced or opened.
    public init(path: String, keepingThrough step: Int?) throws(FileError) {
        try self.init(path: path, in: nil, keepingThrough: step)
    }

    /// - Parameter folder: The folder that a relative path starts from; by default the working directory of the
    ///   process.
    package init(path: String, in folder: OpenFolder?, keepingThrough step: Int?) throws(FileError) {
        var kept: [UInt8] = []
        if let step {
            for record in try Self.records(path: path, in: folder) where record.step <= step {
                kept += JSONWriter.bytes(.object(record.object)) + [UInt8(ascii: "\n")]
            }
        }
        try AtomicFile.write(kept, to: path, in: folder)
        file = try AppendFile(path: path, in: folder)
    }

    /// Appends a line. Numbers that JSON lacks (NaN, infinities) become `null`.
    public func append(step: Int, _ values: KeyValuePairs<String, Double>) throws(FileError) {
        var object = JSONObject()
        for (key, value) in values { object[key] = JSONValue(value) }
        try append(step: step, members: object)
    }

    /// Appends a line with these members.
    public func append(step: Int, members: JSONObject) throws(FileError) {
        var object = JSONObject()
        object["step"] = JSONValue(step)
        for member in members.members { object[member.key] = member.value }
        try file.append(JSONWriter.bytes(.object(object)) + [UInt8(ascii: "\n")])
    }

    /// One line of a log.
    public struct Record: Sendable, Equatable {
        /// The optimiser step, counted from 1.
        public let step: Int
        /// All members of the line.
        public let object: JSONObject

        /// A number of the line; nil if it is missing or null.
        public subscript(key: String) -> Double? { object[key]?.double }

        /// Returns whether step and members are equal.
        public static func == (left: Record, right: Record) -> Bool {
            left.step == right.step && JSONValue.object(left.object) == .object(right.object)
        }
    }

    /// Reads the lines of the log at `path`; none if there is no file. A line that is not a JSON object with a step is
    /// skipped.
    ///
    /// - Throws: ``FileError`` if the file exists and cannot be read.
    public static func records(path: String) throws(FileError) -> [Record] {
        try records(path: path, in: nil)
    }

    /// - Parameter folder: What a relative path starts from; the folder of the process where there is none.
    package static func records(path: String, in folder: OpenFolder?) throws(FileError) -> [Record] {
        let bytes: [UInt8]
        do {
            bytes = try TextFile.bytes(path: path, in: folder)
        } catch {
            if error.isMissingFile { return [] }
            throw error
        }
        return bytes.split(separator: UInt8(ascii: "\n")).compactMap { line in
            guard let object = try? JSONReader.read(line).object, let step = object["step"]?.int else { return nil }
            return Record(step: step, object: object)
        }
    }
}
