import HeedJSON

/// A sequence of vectors with its class.
public struct LabelledSeries: Sendable, Equatable {
    /// The vectors `[length, dimensions]`, step after step.
    public let values: [Float]
    /// How many steps there are.
    public let length: Int
    /// The name of its class.
    public let label: String

    /// Makes a series.
    public init(values: [Float], length: Int, label: String) {
        self.values = values
        self.length = length
        self.label = label
    }
}

/// Reads series of vectors with classes from a `.ts` file, the format of the UEA and UCR archives (read by aeon and
/// sktime too).
///
/// Lines with `#` are comments, lines with `@` say what follows, and `@data` begins the series: one per line, its
/// dimensions separated by `:`, the values of one dimension by commas, and its class after the last `:`. Series may
/// differ in length. Files with time stamps, missing values (`?`) or without classes are refused.
public struct SeriesFile: Sendable, Equatable {
    /// The size of each vector.
    public let dimensions: Int
    /// The names of the classes, in the order of the file's `@classLabel`.
    public let classes: [String]
    /// The series in the order of the file; there is at least one.
    public let series: [LabelledSeries]

    /// The most bytes of a file.
    public static let largestFile = 1 << 30
    /// The most classes.
    public static let mostClasses = 1 << 16

    /// Reads a file.
    ///
    /// - Throws: ``DataError`` with the line's number if a line is not as described; also if the file cannot be read,
    ///   is larger than ``largestFile``, or has no series.
    public init(path: String) throws(DataError) { try self.init(TextLines(path: path, limit: Self.largestFile)) }

    /// Reads a text that is in memory.
    ///
    /// - Parameter source: What errors call the text.
    /// - Throws: ``DataError`` as ``init(path:)`` does.
    public init(text: String, source: String) throws(DataError) { try self.init(TextLines(text, source: source)) }

    private init(_ lines: TextLines) throws(DataError) {
        var header = SeriesHeader()
        var series: [LabelledSeries] = []
        var dimensions: Int?
        try lines.forEach { (number, line) throws(DataError) in
            if line.hasPrefix("#") || line.isBlank { return }
            if !header.isComplete {
                try header.take(line, number, lines)
                return
            }
            let one = try Self.series(line, number, lines, header, dimensions: header.dimensions ?? dimensions)
            dimensions = one.values.count / one.length
            series.append(one)
        }
        guard let dimensions, !series.isEmpty else {
            throw lines.error(nil, header.isComplete ? "it has no series after @data" : "it has no line @data")
        }
        self.dimensions = dimensions
        self.series = series
        classes = header.classes
    }

    private static func series(
        _ line: String, _ number: Int, _ lines: TextLines, _ header: SeriesHeader, dimensions: Int?
    ) throws(DataError) -> LabelledSeries {
        let parts = line.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count >= 2 else { throw lines.error(number, "it has no colon, and a class after one was expected") }
        let label = String(parts[parts.count - 1]).trimmingSpaces
        guard header.classes.contains(label) else {
            throw lines.error(number, "its class \(JSONText.quoted(label)) is not among those of @classLabel")
        }
        let count = parts.count - 1
        if let dimensions, count != dimensions {
            throw lines.error(number, "it has \(count) dimensions, and \(dimensions) were expected")
        }
        var columns: [[Float]] = []
        for part in parts.dropLast() {
            let texts = part.split(separator: ",", omittingEmptySubsequences: false)
            var column: [Float] = []
            column.reserveCapacity(texts.count)
            for text in texts {
                guard let value = Float(String(text).trimmingSpaces), value.isFinite else {
                    throw lines.error(number, "\(JSONText.quoted(String(text))) is not a finite number")
                }
                column.append(value)
            }
            guard column.count == columns.first?.count ?? column.count else {
                throw lines.error(
                    number,
                    "dimension \(columns.count + 1) has \(column.count) values, and the first one \(columns[0].count)")
            }
            columns.append(column)
        }
        let values = columns[0].indices.flatMap { step in columns.map { $0[step] } }
        return LabelledSeries(values: values, length: columns[0].count, label: label)
    }
}

/// What the lines before `@data` say.
private struct SeriesHeader {
    var dimensions: Int?
    var classes: [String] = []
    var isComplete = false

    mutating func take(_ line: String, _ number: Int, _ lines: TextLines) throws(DataError) {
        let words = line.split { $0 == " " || $0 == "\t" }.map(String.init)
        guard let key = words.first?.lowercased(), key.hasPrefix("@") else {
            throw lines.error(number, "it stands before @data, where lines begin with @ or #")
        }
        let values = words.dropFirst()
        let isTrue = values.first?.lowercased() == "true"
        switch key {
        case "@timestamps" where isTrue: throw lines.error(number, "it has time stamps, which are not read")
        case "@missing" where isTrue: throw lines.error(number, "it has missing values, which are not read")
        case "@univariate" where isTrue: try set(dimensions: 1, number, lines)
        case "@dimensions", "@dimension":
            guard let text = values.first, let count = Int(text), count > 0 else {
                throw lines.error(number, "a number of dimensions above 0 was expected")
            }
            try set(dimensions: count, number, lines)
        case "@classlabel":
            guard isTrue else { throw lines.error(number, "it has no classes, and series with classes were expected") }
            classes = Array(values.dropFirst())
            guard !classes.isEmpty, Set(classes).count == classes.count, classes.count <= SeriesFile.mostClasses else {
                throw lines.error(number, "different names of classes were expected, at most \(SeriesFile.mostClasses)")
            }
        case "@data":
            guard !classes.isEmpty else { throw lines.error(number, "no line @classLabel true ... stands before it") }
            isComplete = true
        default: break
        }
    }

    private mutating func set(dimensions count: Int, _ number: Int, _ lines: TextLines) throws(DataError) {
        guard dimensions == nil || dimensions == count else {
            throw lines.error(number, "\(count) dimensions, and \(dimensions ?? 0) were said before")
        }
        dimensions = count
    }
}

extension String {
    /// The text without spaces and tabs at its ends.
    var trimmingSpaces: String {
        let start = drop { $0 == " " || $0 == "\t" }
        guard let last = start.lastIndex(where: { $0 != " " && $0 != "\t" }) else { return "" }
        return String(start[...last])
    }
}
