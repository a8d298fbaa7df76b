import ArgumentParser
import Heed

/// The type of a benchmark's operands; results are float32 always.
package enum ElementType: String, Sendable, CaseIterable, ExpressibleByArgument {
    case float32 = "f32"
    case bfloat16 = "bf16"

    package var byteCount: Int { self == .float32 ? 4 : 2 }

    /// The rate, in GFLOP/s, that the machine has for products of this type with the instruction set in use: of bfloat16 dot products where
    /// it has them, else of float32 multiply-adds, which kernels then use for either type.
    func readPeak() throws(CommandFailure) -> Double {
        let dotProducts = self == .bfloat16 ? HeedRuntime.measurePeak(.dotProductBFloat16) : nil
        guard let peak = dotProducts ?? HeedRuntime.measurePeak(.multiplyAddFloat32) else {
            throw .workFailed("the machine's peak could not be measured: its threads are taken")
        }
        return peak
    }
}
