/// Why a case could not be checked.
enum CaseError: Error, CustomStringConvertible {
    /// The file cannot be read, contradicts itself or lacks what its operation needs: the case fails.
    case invalid(String)
    /// The file is valid and asks for something that this build does not have.
    case unsupported(String)

    var description: String {
        switch self {
        case .invalid(let reason), .unsupported(let reason): reason
        }
    }
}
