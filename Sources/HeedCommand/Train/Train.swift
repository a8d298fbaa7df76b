import ArgumentParser
import Foundation
import Heed

/// `heed train`: trains a preset.
struct Train: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Train a model on your data: a progress bar, a log, a plot, checkpoints, and --resume after any stop.",
        subcommands: ModelPresets.all.compactMap(command)
    )

    @Flag(name: .long, help: "Print the presets, one per line.")
    var list = false

    @OptionGroup var common: CommonOptions

    /// The command that trains a preset.
    private static func command(_ preset: any ModelPreset.Type) -> (any ParsableCommand.Type)? {
        guard let language = preset as? any LanguagePreset.Type else { return nil }
        return languageCommand(language)
    }

    private static func languageCommand<Preset: LanguagePreset>(_: Preset.Type) -> any ParsableCommand.Type {
        TrainLanguage<Preset>.self
    }

    mutating func run() throws {
        guard list else {
            let names = TrainedModel.kinds.joined(separator: ", ")
            throw CommandFailure.wrongArguments("a preset is needed: one of \(names) (heed train --list shows them)")
        }
        for preset in ModelPresets.all {
            let (name, summary) = (preset.name, preset.summary)
            if common.json {
                let object: JSONValue = ["preset": .string(name), "summary": .string(summary)]
                try Console.printLine(JSONWriter.string(object))
            } else {
                try Console.printLine("\(name)  \(String(repeating: " ", count: max(0, 12 - name.count)))\(summary)")
            }
        }
    }
}

/// The options of every preset.
struct TrainOptions: ParsableArguments {
    @Option(name: .long, help: "A text file to learn from. (default: the licences in /usr/share/common-licenses)")
    var data: String?

    @Option(whole: .positive, help: "Optimiser steps in all. (default: the preset's)")
    var steps: Int?

    @Option(whole: 0...UInt64.max, help: "Names the random numbers of the run. (default: 0)")
    var seed: UInt64?

    @Option(name: .long, help: "KEY=VALUE for one of the preset's keys. May be given several times.")
    var set: [String] = []

    @Option(name: .long, help: "The folder for the model. (default: the preset's name)")
    var out: String?

    @Flag(
        name: .long,
        help:
            "Go on with the run in the folder from its latest checkpoint. Text, seed and keys are the run's; --steps may change."
    )
    var resume = false

    @OptionGroup var common: CommonOptions
}

/// `heed train PRESET` for language models.
struct TrainLanguage<Preset: LanguagePreset>: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: Preset.name, abstract: "Train \(Preset.summary).",
            discussion: "Keys for --set, with their defaults:\n" + PresetValues.help(Preset.keys))
    }

    @OptionGroup var options: TrainOptions

    mutating func run() throws {
        try options.common.apply()
        try Blocking.requireThread()
        // A reader that closes the pipe ends the run by an error, so that the trained weights are saved.
        signal(SIGPIPE, SIG_IGN)
        var run = try LanguageRun<Preset>(options)
        try run.train()
    }
}
