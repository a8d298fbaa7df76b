import Heed

/// The arms of attention.
enum AttentionArms {
    /// All arms, in the order in which attention was improved.
    static let all: [AttentionAlgorithm] = [.naive, .materialized, .tiled, .automatic]

    /// Returns the arms whose scores take no more than half of the memory, and says which are left out, and why.
    static func fitting(
        _ arms: [AttentionAlgorithm], _ problem: AttentionProblem, memoryBytes: Int,
        leavingOut: (AttentionAlgorithm, _ reason: String) -> Void
    ) -> [AttentionAlgorithm] {
        arms.filter { arm in
            guard arm.storesScores, problem.scoreBytes > Double(memoryBytes) / 2 else { return true }
            leavingOut(
                arm,
                "\(arm.rawValue) left out at length \(problem.lengths): "
                    + "its scores need \(Units.bytes(problem.scoreBytes)), "
                    + "more than half of the \(Units.bytes(Double(memoryBytes))) of memory")
            return false
        }
    }
}

extension AttentionAlgorithm {
    /// Whether the arm keeps the H x Nq x Nk scores in memory.
    package var storesScores: Bool { self == .naive || self == .materialized }
}
