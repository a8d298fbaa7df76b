import ArgumentParser
import Heed

/// The command `heed`.
@main
struct HeedCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "heed",
        abstract: "Sequence models on the CPU: measured, checked, trained and run.",
        version: HeedRuntime.version
    )
}
