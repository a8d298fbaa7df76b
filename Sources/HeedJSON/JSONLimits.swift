/// How much a reader accepts before it refuses a text.
public struct JSONLimits: Equatable, Sendable {
    /// No limit on depth goes beyond this: destroying and comparing values walk them recursively, and must fit in a
    /// small stack.
    public static let greatestDepth = 512

    /// Arrays and objects within each other. 128 by default; at most ``greatestDepth``.
    public var depth: Int {
        didSet { depth = min(max(depth, 0), Self.greatestDepth) }
    }
    /// Bytes of text. 1 GiB by default.
    public var bytes: Int
    /// Values of every kind together, keys not counted. Ten million by default.
    public var values: Int
    /// Bytes of one number. 1024 by default.
    public var numberBytes: Int

    /// Makes limits. Those not given have the defaults named at each property.
    public init(depth: Int = 128, bytes: Int = 1 << 30, values: Int = 10_000_000, numberBytes: Int = 1024) {
        self.depth = min(max(depth, 0), Self.greatestDepth)
        self.bytes = bytes
        self.values = values
        self.numberBytes = numberBytes
    }
}
