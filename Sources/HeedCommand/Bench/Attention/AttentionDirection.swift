import ArgumentParser

/// Which passes are measured.
package enum AttentionDirection: String, Sendable, CaseIterable, ExpressibleByArgument {
    case forward
    /// From the output and the log-sum-exp that a forward pass has left.
    case backward
    case both

    /// The work beside a forward pass's two products of every pair: five more backward.
    package var work: Double {
        switch self {
        case .forward: 1
        case .backward: 2.5
        case .both: 3.5
        }
    }

    /// What the arms that store scores store beside a forward pass's: weights, their gradients and a mask of bytes.
    package var storage: Double { self == .forward ? 1 : 2.25 }
}
