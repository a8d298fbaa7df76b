import ArgumentParser
import Heed

/// The type of a benchmark's operands, or of a model's weights, as a flag and in reports. Results are always float32.
extension ElementType: ExpressibleByArgument {
    package var name: String { self == .float32 ? "f32" : "bf16" }

    public init?(argument: String) {
        guard let type = Self.allCases.first(where: { $0.name == argument }) else { return nil }
        self = type
    }

    public var defaultValueDescription: String { name }
    public static var allValueStrings: [String] { allCases.map(\.name) }

    /// The rate, in GFLOP/s, that the machine has for products of this type with the instruction set in use: of
    /// bfloat16 dot products if it has them, else of float32 multiply-adds, which kernels then use for both types. NaN
    /// if it cannot be measured.
    func readPeak() -> Double {
        let dotProducts = self == .bfloat16 ? Self.peak(.dotProductBFloat16) : nil
        return dotProducts ?? Self.peak(.multiplyAddFloat32) ?? .nan
    }

    /// With many more threads than cores, they may not run at the same time to be measured. Then they share the cores'
    /// rate.
    private static func peak(_ peak: HeedRuntime.Peak) -> Double? {
        // Two threads that have just been woken may share a core for the few milliseconds of a reading: it is the best
        // of three that counts.
        if let rate = (0..<3).compactMap({ _ in HeedRuntime.measurePeak(peak) }).max() { return rate }
        let usable = HeedRuntime.machine.usableProcessors
        return usable < HeedRuntime.threadCount ? HeedRuntime.measurePeak(peak, threads: usable) : nil
    }
}
