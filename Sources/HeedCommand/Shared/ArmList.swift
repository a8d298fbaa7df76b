import ArgumentParser

/// `engine,openblas`: arms named on the command line, each once.
struct ArmList<Arm: RawRepresentable<String> & Equatable & Sendable>: ExpressibleByArgument {
    let arms: [Arm]

    init(_ arms: [Arm]) { self.arms = arms }

    init?(argument: String) {
        var arms: [Arm] = []
        for name in argument.split(separator: ",", omittingEmptySubsequences: false) {
            guard let arm = Arm(rawValue: String(name)), !arms.contains(arm) else { return nil }
            arms.append(arm)
        }
        self.arms = arms
    }

    var defaultValueDescription: String { arms.map(\.rawValue).joined(separator: ",") }
}
