import ArgumentParser
import Foundation
import Heed

/// `heed results`: trains recipes in full and prints what they reach beside what they must reach.
struct Results: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Train recipes in full and hold what they reach against its bounds.",
        discussion: """
            Each recipe is trained with its own settings and judged on data that it has not seen; the model is that \
            of the last step. A line per figure: what was measured, its value, its bound, and whether the bound is \
            reached. The figures are added to results.jsonl in the folder, from which results.md is made again, and \
            pictures of them lie beside it. Figures that the record holds for the same commit and data are not \
            measured again, so that the whole can be run in pieces. The status is 1 if a bound is missed.
            """
    )

    @Argument(help: "The recipes. (default: all)")
    var recipes: [String] = []

    @Option(
        name: .long, parsing: .unconditional,
        help: "The seeds of the runs, separated by commas: each recipe is trained once per seed.",
        transform: { try SeedList(argument: $0) })
    var seeds = SeedList([1])

    @Option(name: .long, help: "Data for the recipes, of their own kind. (default: each recipe's own)")
    var data: String?

    @Option(name: .long, help: "The folder of the record and the pictures.")
    var out = "results"

    @Option(
        name: .long,
        help: "The version that the record names. (default: the commit of the working directory, else Heed's version)")
    var commit: String?

    @OptionGroup var common: CommonOptions

    func run() throws {
        try common.apply()
        try Blocking.requireThread()
        let chosen = try chosenRecipes()
        let commit = commit ?? Self.currentCommit ?? HeedRuntime.version
        var record = try ResultsRecord(folder: out)
        var missed: [String] = []
        // Recipes are compared with each other: what one has trained, the next does not train again.
        let trials = seeds.seeds.map(trials)
        for recipe in chosen {
            for (seed, trials) in zip(seeds.seeds, trials) {
                let key = ResultsRecord.Key(recipe: recipe.name, seed: seed, data: data, commit: commit)
                var lines = record.lines(of: key)
                if lines.isEmpty {
                    lines = try judge(recipe, trials, key, &record)
                    if !common.json { Progress.erase() }
                }
                for line in lines { try Console.printLine(common.json ? line.jsonText : line.text) }
                missed += lines.filter { !$0.figure.isReached }.map { "\($0.key.recipe): \($0.figure.name)" }
            }
        }
        if let first = missed.first {
            let others = missed.count > 1 ? " and \(missed.count - 1) more" : ""
            throw CommandFailure.workFailed("a bound is missed: \(first)\(others)")
        }
    }

    private func chosenRecipes() throws(CommandFailure) -> [any Recipe] {
        guard !recipes.isEmpty else { return Recipes.all }
        var chosen: [any Recipe] = []
        for name in recipes {
            guard let recipe = Recipes.named(name) else {
                let names = Recipes.all.map(\.name)
                let nearest = Nearest.name(to: name, among: names).map { ", did you mean '\($0)'?" } ?? "."
                throw .wrongArguments(
                    "there is no recipe '\(name)'\(nearest) The recipes are \(names.joined(separator: ", "))")
            }
            chosen.append(recipe)
        }
        return chosen
    }

    private func trials(seed: UInt64) -> Trials {
        Trials(seed: seed, path: data) { trial, steps, report in
            guard Console.errorIsTerminal, report.step.isMultiple(of: 10) || report.step == steps else { return }
            Progress.show(
                "\(trial), seed \(seed): step \(report.step)/\(steps)  loss \(Units.significant(report.loss))")
        }
    }

    /// Trains and judges a recipe, and adds the figures to the record.
    private func judge(
        _ recipe: any Recipe, _ trials: Trials, _ key: ResultsRecord.Key, _ record: inout ResultsRecord
    ) throws -> [ResultsRecord.Line] {
        let begin = ContinuousClock.now
        let result: RecipeResult
        do {
            result = try Blocking.run { try await recipe.judge(trials) }
        } catch let failure as CommandFailure {
            throw failure
        } catch is CancellationError {
            throw CommandFailure.workFailed(
                "stopped while \(recipe.name) was trained; the same command measures what the record lacks")
        } catch {
            throw CommandFailure.workFailed("\(recipe.name): \(error)")
        }
        return try record.add(result, key, seconds: begin.secondsUntilNow)
    }

    /// The commit of the working directory; nil where there is no repository, or no git.
    private static var currentCommit: String? {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["git", "rev-parse", "--short=12", "HEAD"]
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return nil }
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        let text = String(decoding: output, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        return process.terminationStatus == 0 && !text.isEmpty ? text : nil
    }
}

/// `1,2,3`: seeds named on the command line, each once.
struct SeedList: CustomStringConvertible, Sendable {
    let seeds: [UInt64]

    init(_ seeds: [UInt64]) { self.seeds = seeds }

    init(argument: String) throws(NumberArgument.Objection) {
        var seeds: [UInt64] = []
        for text in argument.split(separator: ",", omittingEmptySubsequences: false) {
            let seed = try NumberArgument.whole(String(text), in: 0...UInt64.max)
            guard !seeds.contains(seed) else {
                throw .init(description: "the seed \(seed) is named twice; expected each once")
            }
            seeds.append(seed)
        }
        self.seeds = seeds
    }

    var description: String { seeds.map(String.init).joined(separator: ",") }
}
