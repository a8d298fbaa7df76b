import ArgumentParser
import Foundation
import Heed

/// The command `heed`.
struct HeedCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "heed",
        abstract: "Sequence models on the CPU: train, run, measure and check them on this machine.",
        version: HeedRuntime.version,
        subcommands: [
            Doctor.self, Verify.self, Bench.self, Train.self, Results.self, Run.self, Generate.self, Classify.self,
            Tag.self,
            Translate.self,
            Attend.self,
        ]
    )
}

@main
enum Main {
    static func main() {
        // A reader that has seen enough (`heed ... | head`) ends the command in the usual way, also where the parent
        // ignored it.
        signal(SIGPIPE, SIG_DFL)
        // Beyond a limit of file sizes a write fails like any other, and is reported like any other.
        signal(SIGXFSZ, SIG_IGN)
        StopSignals.unblock()
        Console.takeStandardDescriptors()
        if let fault = Arguments.fault {
            Console.explain(fault)
            exit(CommandFailure.Status.wrongArguments.rawValue)
        }
        MemoryBudget.guardProcess()
        exit(run(Array(CommandLine.arguments.dropFirst())))
    }

    /// Parses and runs; every failure becomes one line on standard error.
    private static func run(_ arguments: [String]) -> Int32 {
        do {
            var command = try HeedCommand.parseAsRoot(arguments)
            try command.run()
            return EXIT_SUCCESS
        } catch let failure as CommandFailure {
            Console.explain(failure.message)
            return failure.status.rawValue
        } catch {
            let status = HeedCommand.exitCode(for: error)
            let unknown = !status.isSuccess || arguments.first == "help" ? UnknownSubcommand.message(arguments) : nil
            if let unknown {
                Console.explain(unknown)
                return CommandFailure.Status.wrongArguments.rawValue
            }
            guard status.isSuccess else {
                Console.explain(oneLine(HeedCommand.message(for: error), arguments: arguments))
                return CommandFailure.Status.wrongArguments.rawValue
            }
            return printHelp(HeedCommand.fullMessage(for: error))
        }
    }

    private static func printHelp(_ text: String) -> Int32 {
        do {
            if !text.isEmpty { try Console.printLine(text) }
            return EXIT_SUCCESS
        } catch {
            Console.explain(error.message)
            return error.status.rawValue
        }
    }

    /// The parser's message on one line. It may lay its own words out over several; line breaks inside an argument,
    /// which it repeats, are left for the escaping.
    private static func oneLine(_ message: String, arguments: [String]) -> String {
        guard !arguments.contains(where: { $0.contains(where: \.isNewline) }) else { return message }
        let lines = message.split(whereSeparator: \.isNewline)
            .map { $0.trimmingCharacters(in: .whitespaces) }
            .filter { !$0.isEmpty }
        let items = lines.filter { $0.hasPrefix("- ") }.map { String($0.dropFirst(2)) }
        return (lines.filter { !$0.hasPrefix("- ") } + [items.joined(separator: ", ")])
            .filter { !$0.isEmpty }
            .joined(separator: " ")
    }
}
