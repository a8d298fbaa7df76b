import HeedTensor

/// A walk through the parameters of a model. ``Module/visitParameters(_:)`` passes each of them to it.
public final class ParameterVisitor {
    private let body: (ParameterVisitor, inout Parameter) -> Void
    private var path: [String] = []

    init(_ body: @escaping (ParameterVisitor, inout Parameter) -> Void) { self.body = body }

    /// The name of the parameter that is being visited, from the root of the model:
    /// `layers.0.self_attn.in_proj_weight`.
    public var name: String { path.joined(separator: ".") }

    /// Visits a parameter.
    public func callAsFunction(_ name: String, _ parameter: inout Parameter) {
        path.append(name)
        body(self, &parameter)
        path.removeLast()
    }

    /// Visits an optional parameter.
    public func callAsFunction(_ name: String, _ parameter: inout Parameter?) {
        // Changed in place: a second copy would make every write to it copy the memory.
        if parameter != nil { self(name, &parameter!) }
    }

    /// Visits the parameters of a submodule.
    public func callAsFunction<Submodule: Module>(_ name: String, _ module: inout Submodule) {
        path.append(name)
        module.visitParameters(self)
        path.removeLast()
    }

    /// Visits the parameters of an optional submodule.
    public func callAsFunction<Submodule: Module>(_ name: String, _ module: inout Submodule?) {
        if module != nil { self(name, &module!) }
    }

    /// Visits the parameters of submodules, by the names `name.0`, `name.1` ...
    public func callAsFunction<Submodule: Module>(_ name: String, _ modules: inout [Submodule]) {
        path.append(name)
        for index in modules.indices { self(String(index), &modules[index]) }
        path.removeLast()
    }

    /// Visits the parameters of a submodule that has no name of its own.
    public func callAsFunction<Submodule: Module>(_ module: inout Submodule) { module.visitParameters(self) }
}
