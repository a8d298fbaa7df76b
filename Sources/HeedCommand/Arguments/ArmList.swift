import ArgumentParser

/// `engine,openblas`: arms named on the command line, each once.
struct ArmList<Arm: RawRepresentable<String> & CaseIterable & Equatable & Sendable>: CustomStringConvertible, Sendable {
    let arms: [Arm]

    init(_ arms: [Arm]) { self.arms = arms }

    /// Reads the names, which are separated by commas.
    init(argument: String) throws(NumberArgument.Objection) {
        var arms: [Arm] = []
        let names = Arm.allCases.map(\.rawValue)
        for name in argument.split(separator: ",", omittingEmptySubsequences: false).map(String.init) {
            guard let arm = Arm(rawValue: name) else {
                let nearest = Nearest.name(to: name, among: names).map { "; did you mean '\($0)'?" } ?? ""
                throw .init(
                    description: "there is no arm '\(name)'; expected one or more of "
                        + names.joined(separator: ", ") + ", separated by commas\(nearest)")
            }
            guard !arms.contains(arm) else { throw .init(description: "the arm \(name) is named twice") }
            arms.append(arm)
        }
        self.arms = arms
    }

    var description: String { arms.map(\.rawValue).joined(separator: ",") }
}

extension Option {
    /// An option that takes arms and has default ones, which the help shows.
    init<Arm>(wrappedValue: ArmList<Arm>, arms help: String) where Value == ArmList<Arm> {
        self.init(wrappedValue: wrappedValue, help: "\(help) (default: \(wrappedValue))") {
            try ArmList(argument: $0)
        }
    }

    /// An option that takes arms and may be missing.
    init<Arm>(arms help: String) where Value == ArmList<Arm>? {
        self.init(help: "\(help)") { try ArmList<Arm>(argument: $0) }
    }
}
