import ArgumentParser
import Heed

/// `naive,tiled`: arms named on the command line.
struct AttentionArms: ExpressibleByArgument {
    let list: [AttentionAlgorithm]

    /// All arms, in the order in which attention was improved.
    static let all: [AttentionAlgorithm] = [.naive, .materialized, .tiled, .automatic]

    init(list: [AttentionAlgorithm]) { self.list = list }

    init?(argument: String) {
        var list: [AttentionAlgorithm] = []
        for name in argument.split(separator: ",", omittingEmptySubsequences: false) {
            guard let arm = AttentionAlgorithm(rawValue: String(name)), !list.contains(arm) else { return nil }
            list.append(arm)
        }
        self.list = list
    }

    var defaultValueDescription: String { list.map(\.rawValue).joined(separator: ",") }

    /// Returns the arms whose scores take no more than half of the memory, and says which are left out, and why.
    static func fitting(
        _ arms: [AttentionAlgorithm], _ problem: AttentionProblem, memoryBytes: Int,
        leavingOut: (AttentionAlgorithm, _ reason: String) -> Void
    ) -> [AttentionAlgorithm] {
        arms.filter { arm in
            guard arm.storesScores, problem.scoreBytes > Double(memoryBytes) / 2 else { return true }
            leavingOut(
                arm,
                "\(arm.rawValue) left out at length \(problem.lengths): its scores need \(Units.bytes(problem.scoreBytes)), "
                    + "more than half of the \(Units.bytes(Double(memoryBytes))) of memory")
            return false
        }
    }
}

extension AttentionAlgorithm {
    /// Whether the arm keeps the H x Nq x Nk scores in memory.
    package var storesScores: Bool { self == .naive || self == .materialized }
}
