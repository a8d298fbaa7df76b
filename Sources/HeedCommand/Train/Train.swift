import ArgumentParser
import Foundation
import Heed

/// `heed train`: trains a recipe.
struct Train: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Train a recipe on your data: a progress bar, a log, a plot, checkpoints, and --resume after any stop.",
        subcommands: Recipes.all.map { command($0) }
    )

    @Flag(name: .long, help: "Print the recipes, one per line.")
    var list = false

    @OptionGroup var common: CommonOptions

    /// The command that trains a recipe.
    private static func command<R: Recipe>(_: R) -> any ParsableCommand.Type { TrainRecipe<R>.self }

    mutating func run() throws {
        guard list else {
            let names = TrainedModel.kinds.joined(separator: ", ")
            throw CommandFailure.wrongArguments("a recipe is needed: one of \(names) (heed train --list shows them)")
        }
        let width = Recipes.all.map(\.name.count).max() ?? 0
        for recipe in Recipes.all {
            let (name, summary) = (recipe.name, recipe.summary)
            if common.json {
                let object: JSONValue = ["recipe": .string(name), "summary": .string(summary)]
                try Console.printLine(JSONWriter.string(object))
            } else {
                try Console.printLine("\(name)  \(String(repeating: " ", count: width - name.count))\(summary)")
            }
        }
    }
}

/// The options of every recipe.
struct TrainOptions: ParsableArguments {
    @Option(name: .long, help: "The data to learn from, of the recipe's own kind. (default: the recipe's own data)")
    var data: String?

    @Option(whole: .positive, help: "Optimiser steps in all. (default: the recipe's)")
    var steps: Int?

    @Option(whole: 0...UInt64.max, help: "Names the random numbers of the run. (default: 0)")
    var seed: UInt64?

    @Option(name: .long, help: "KEY=VALUE for one of the recipe's keys. May be given several times.")
    var set: [String] = []

    @Option(name: .long, help: "The folder for the model. (default: the recipe's name)")
    var out: String?

    @Flag(
        name: .long,
        help:
            "Go on with the run in the folder from its latest checkpoint. Data, seed and keys are the run's; --steps may change."
    )
    var resume = false

    @OptionGroup var common: CommonOptions
}

/// The command `heed train RECIPE`: trains one recipe.
struct TrainRecipe<R: Recipe>: ParsableCommand {
    static var configuration: CommandConfiguration {
        let recipe = R()
        return CommandConfiguration(
            commandName: recipe.name, abstract: "Train \(recipe.summary).",
            discussion: "--data: \(recipe.dataHelp)\n\nKeys for --set, with their defaults:\n"
                + RecipeValues.help(recipe.keys))
    }

    @OptionGroup var options: TrainOptions

    mutating func run() throws {
        try options.common.apply()
        try Blocking.requireThread()
        // A reader that closes the pipe ends the run by an error, so that the trained weights are saved.
        signal(SIGPIPE, SIG_IGN)
        var run = try RecipeRun<R>(options)
        try run.train()
    }
}
