import ArgumentParser

/// Which passes are measured.
package enum AttentionDirection: String, Sendable, CaseIterable, ExpressibleByArgument {
    case forward
    /// The backward pass, from the output and the log-sum-exp of a forward pass.
    case backward
    case both

    /// The work in units of a forward pass, which has two products per pair; backward has five.
    package var work: Double {
        switch self {
        case .forward: 1
        case .backward: 2.5
        case .both: 3.5
        }
    }

    /// The memory of the arms that store scores, in units of a forward pass's; backward adds weights, their gradients
    /// and a mask of bytes.
    package var storage: Double { self == .forward ? 1 : 2.25 }
}
