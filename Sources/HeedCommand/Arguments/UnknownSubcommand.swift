import ArgumentParser

/// A word in the place of a subcommand that is none. The parser would complain about the first option after it.
enum UnknownSubcommand {
    /// Returns the message about a word of the arguments that is in the place of a subcommand, and names those that
    /// there are; nil if all subcommands exist.
    static func message(_ arguments: [String]) -> String? {
        var command: any ParsableCommand.Type = HeedCommand.self
        var rest = arguments[...]
        if rest.first == "help" { rest.removeFirst() }
        while let word = rest.popFirst(), !command.configuration.subcommands.isEmpty, word != "--" {
            if word.hasPrefix("-") {
                if CommonOptions.namesWithValue.contains(word) { _ = rest.popFirst() }
                continue
            }
            guard let next = command.configuration.subcommands.first(where: { $0._commandName == word }) else {
                return message(word, of: command)
            }
            command = next
        }
        return nil
    }

    private static func message(_ word: String, of command: any ParsableCommand.Type) -> String {
        let names = command.configuration.subcommands.filter { $0.configuration.shouldDisplay }.map { $0._commandName }
        let kind =
            command == Train.self
            ? "recipe" : command == HeedCommand.self ? "subcommand" : "\(command._commandName) subcommand"
        let nearest = Nearest.name(to: word, among: names).map { ", did you mean '\($0)'?" } ?? "."
        return "there is no \(kind) '\(word)'\(nearest) The \(kind)s are \(names.joined(separator: ", "))"
    }
}
