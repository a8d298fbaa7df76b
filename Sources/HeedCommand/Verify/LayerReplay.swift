import Heed

/// A layer of a conformance case, replayed on a tape: its parameters are taken from the file by their names, and the
/// gradients of all outputs are computed at once.
struct LayerReplay {
    private let source: ConformanceCase
    private let tape = Tape()
    /// Records on the tape.
    let context: Context
    private var leaves: [String: Variable] = [:]

    init(_ source: ConformanceCase) {
        self.source = source
        context = Context(tape: tape, training: false)
    }

    /// The input of that name, on the tape, so that it has a gradient.
    ///
    /// - Parameter shape: The shape that it must have; -1 for any size.
    mutating func leaf(_ name: String, _ shape: [Int]) throws(CaseError) -> Variable {
        let tensor = try source.input(name)
        guard tensor.rank == shape.count,
            zip(tensor.shape.dimensions, shape).allSatisfy({ $0 == $1 || $1 == -1 })
        else {
            let expected = shape.map { $0 < 0 ? "any" : "\($0)" }.joined(separator: ", ")
            throw .invalid("input.\(name) has shape \(tensor.shape), not [\(expected)]")
        }
        let leaf = tape.leaf(tensor)
        leaves[name] = leaf
        return leaf
    }

    /// Returns the input of that name, if the file has it.
    mutating func optionalLeaf(_ name: String, _ shape: [Int]) throws(CaseError) -> Variable? {
        source.hasInput(name) ? try leaf(name, shape) : nil
    }

    /// Fills the model with the inputs of its parameters' names.
    ///
    /// - Parameter others: Inputs that are not parameters. Any others are refused.
    func load(_ model: inout some Module, others: Set<String>, attributes: Set<String>) throws(CaseError) {
        let names = model.parameters.map(\.name)
        try source.requireKnown(inputs: others.union(names), attributes: attributes)
        var weights: [String: Tensor] = [:]
        for name in names where source.hasInput(name) { weights[name] = try source.input(name) }
        do { try model.load(weights) } catch { throw .invalid("\(source.operation): \(error)") }
    }

    /// Returns the outputs and, if the file has their gradients, the gradients of the inputs and the parameters.
    func answers(_ outputs: [(name: String, variable: Variable)], of model: some Module) throws(CaseError) -> [String:
        Tensor]
    {
        var answers: [String: Tensor] = [:]
        var outputGradients: [(variable: Variable, gradient: Tensor)] = []
        for (name, variable) in outputs {
            answers["output." + name] = variable.value
            if let outputGradient = try source.outputGradient(name, shape: variable.shape) {
                outputGradients.append((variable: variable, gradient: outputGradient))
            }
        }
        guard !outputGradients.isEmpty else { return answers }
        let wanted =
            leaves.map { (name: $0.key, variable: $0.value) }
            + model.parameters.map { (name: $0.name, variable: context.variable($0.parameter)) }
        let gradients = tape.gradients(of: outputGradients, withRespectTo: wanted.map(\.variable))
        for (input, gradient) in zip(wanted, gradients) { answers["gradient." + input.name] = gradient }
        return answers
    }
}

extension ConformanceCase {
    /// The sizes of `input.NAME`, which must be a matrix.
    func matrixShape(_ name: String) throws(CaseError) -> (rows: Int, columns: Int) {
        let shape = try input(name).shape
        guard shape.rank == 2 else { throw .invalid("input.\(name) has shape \(shape), not 2 dimensions") }
        return (shape[0], shape[1])
    }

    /// An attribute that must be an integer from 1.
    func positiveInteger(_ key: String) throws(CaseError) -> Int {
        guard let number = try integer(key), number > 0 else {
            throw .invalid("the attribute \(key) is not an integer from 1")
        }
        return number
    }

    /// Returns the masks of ignored tokens as one mask of the tokens that may be attended.
    ///
    /// - Parameter names: The names that the input may have. The file may have none of them.
    func attendedTokens(_ names: [String], batch: Int, length: Int) throws(CaseError) -> AttentionMask {
        var masks: [AttentionMask] = []
        for name in names where hasInput(name) {
            let ignored = try booleanInput(name)
            guard ignored.shape == [batch, length] else {
                throw .invalid("input.\(name) has shape \(ignored.shape), not [\(batch), \(length)]")
            }
            masks.append(.boolean((.!ignored).reshaped([batch, 1, 1, length])))
        }
        return .all(masks)
    }
}
