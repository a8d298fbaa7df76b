import Heed

extension GradientNorms {
    /// Two tables for the terminal: each weight, and of each recurrent layer the first, middle and last time step.
    var lines: [String] {
        func text(_ number: Double) -> String { Units.significant(number) }
        var weights = TextTable([("gradient of", .left), ("norm", .right)])
        for parameter in parameters { weights.append([parameter.name, text(parameter.norm)]) }
        guard !states.isEmpty else { return weights.lines }
        var layers = TextTable([
            ("states of", .left), ("steps", .right), ("first", .right), ("middle", .right), ("last", .right),
        ])
        for layer in states where !layer.norms.isEmpty {
            let count = layer.norms.count
            layers.append([
                layer.name, String(count), text(layer.norms[0]), text(layer.norms[count / 2]),
                text(layer.norms[count - 1]),
            ])
        }
        return weights.lines + layers.lines
    }
}
