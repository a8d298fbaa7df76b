import HeedNN
import HeedTensor

/// What is wrong with the parameters that a module lists, nil where nothing is: they must be those that reflection
/// finds in it, each once and by a name of its own.
public func faultInParameters(of module: some Module) -> String? {
    let listed = module.parameters.map(\.parameter.identity)
    let names = module.parameters.map(\.name)
    if Set(listed).count != listed.count { return "\(type(of: module)) lists a parameter twice" }
    if Set(names).count != names.count { return "\(type(of: module)) gives a name twice" }
    let all = found(in: module)
    return Set(all) == Set(listed)
        ? nil : "\(type(of: module)) lists \(names), but holds \(all.count) parameters"
}

/// Identities of the parameters in a value, however deep.
private func found(in value: Any) -> [ParameterIdentity] {
    if let parameter = value as? Parameter { return [parameter.identity] }
    if value is Tensor { return [] }
    return Mirror(reflecting: value).children.flatMap { found(in: $0.value) }
}
