import ArgumentParser
import Heed

/// The type of a benchmark's operands; results are float32 always.
package enum ElementType: String, Sendable, CaseIterable, ExpressibleByArgument {
    case float32 = "f32"
    case bfloat16 = "bf16"

    package var byteCount: Int { self == .float32 ? 4 : 2 }

    /// The same for the weights of a model.
    var weights: PackedWeights.Element { self == .float32 ? .float32 : .bfloat16 }

    /// The rate, in GFLOP/s, that the machine has for products of this type with the instruction set in use: of bfloat16 dot products where
    /// it has them, else of float32 multiply-adds, which kernels then use for either type. NaN where it cannot be measured.
    func readPeak() -> Double {
        let dotProducts = self == .bfloat16 ? Self.peak(.dotProductBFloat16) : nil
        return dotProducts ?? Self.peak(.multiplyAddFloat32) ?? .nan
    }

    /// With many more threads than cores they may not come together to be measured; they share what the cores have.
    private static func peak(_ peak: HeedRuntime.Peak) -> Double? {
        // Two threads that have just been woken may share a core for the few milliseconds of a reading: it is the best of three that counts.
        if let rate = (0..<3).compactMap({ _ in HeedRuntime.measurePeak(peak) }).max() { return rate }
        let usable = HeedRuntime.machine.usableProcessors
        return usable < HeedRuntime.threadCount ? HeedRuntime.measurePeak(peak, threads: usable) : nil
    }
}
