import Foundation
import HeedCommand
import HeedFiles
import HeedRecipes
import Testing

/// Every key that `heed train RECIPE --set` takes, with values that it takes and values that it does not.
@Suite("The keys of heed train")
struct TrainKeysTests {
    /// What can be wrong with the value of any key.
    private static let noNumbers = [
        "", " ", "abc", "nan", "inf", "-inf", "1e400", "1,5", "0x", "--", "1 2", "\u{0661}",
    ]
    private static let noIntegers = ["1.5", "0.5", "1e-320", "9007199254740993", "1e300"]

    private struct Values {
        let taken: [String]
        let refused: [String]

        static let sizes = Values(taken: ["1", "2", "1e2"], refused: ["0", "-0", "-1", "-1e15"] + noIntegers)
        static let counts = Values(taken: ["0", "-0", "1", "1e15"], refused: ["-1", "-1e15"] + noIntegers)
        static let shares = Values(
            taken: ["0", "-0", "0.5", "1e-320", "0.999"], refused: ["-1e-9", "-1", "1", "1.5", "1e300"])
        static let positives = Values(taken: ["0", "-0", "1e-320", "0.5", "1e15"], refused: ["-1e-9", "-1", "-1e300"])
    }

    private static let training: [String: Values] = [
        "rate": .positives, "least_rate": .positives, "warmup": .counts, "weight_decay": .positives, "beta1": .shares,
        "beta2": .shares, "clip": .positives, "accumulate": .sizes, "evaluate_every": .sizes,
        "checkpoint_every": .sizes, "patience": .counts, "gradient_norms_every": .counts,
    ]
    private static let recurrent: [String: Values] = [
        "layers": .sizes, "hidden": .sizes, "embedding": .counts, "length": .sizes, "batch": .sizes,
        "dropout": .shares, "order": Values(taken: ["random", "sequential"], refused: ["sorted", "1"]),
    ]
    private static let pairs: [String: Values] = [
        "task": Values(taken: ["dates", "digits", "numbers"], refused: ["date"]), "examples": .sizes,
        "source": Values(taken: ["words", "automatic"], refused: ["bytes"]),
        "target": Values(taken: ["characters"], refused: ["bytes"]),
        "cell": Values(taken: ["gru", "rnn", "lstm"], refused: ["GRU"]), "layers": .sizes, "embedding": .sizes,
        "hidden": .sizes, "batch": .sizes, "dropout": .shares, "label_smoothing": .shares, "longest": .sizes,
    ]
    private static let yesOrNo = Values(taken: ["yes", "no"], refused: ["maybe", "true"])
    private static let words: [String: Values] = [
        "cell": Values(taken: ["gru", "rnn", "lstm"], refused: ["GRU"]),
        "directions": Values(taken: ["both", "one"], refused: ["two"]), "examples": .sizes, "layers": .sizes,
        "embedding": .sizes, "hidden": .sizes, "batch": .sizes, "least_count": .sizes, "dropout": .shares,
        "word_dropout": .shares,
    ]
    private static let ofModels: [String: [String: Values]] = [
        "char-gpt": [
            "layers": .sizes, "heads": .sizes, "width": .sizes, "length": .sizes, "batch": .sizes, "dropout": .shares,
        ],
        "char-rnn": recurrent.merging(["activation": Values(taken: ["relu"], refused: ["rele", "0", "TANH"])]) { $1 },
        "char-gru": recurrent.merging(["reset": Values(taken: ["before", "after"], refused: ["never"])]) { $1 },
        "char-lstm": recurrent,
        "adding": [
            "cell": Values(taken: ["gru", "rnn", "lstm"], refused: ["GRU"]),
            "length": Values(taken: ["2", "1e2"], refused: ["1", "0", "-1"] + noIntegers), "hidden": .sizes,
            "batch": .sizes, "memory": Values(taken: ["none", "long"], refused: ["5"]),
        ],
        "sentiment": words.merging(["pooling": Values(taken: ["mean", "last"], refused: ["max"])]) { $1 },
        "tagger": words.merging(["decision": Values(taken: ["independent", "crf"], refused: ["CRF"])]) { $1 },
        "seq2seq": pairs.merging(["bridge": Values(taken: ["last_state", "map_of_all_states"], refused: ["first"])]) {
            $1
        },
        "seq2seq-bahdanau": pairs.merging(["feeds_input": yesOrNo]) { $1 },
        "seq2seq-luong": pairs.merging([
            "feeds_input": yesOrNo, "score": Values(taken: ["dot", "concat", "general"], refused: ["cosine"]),
        ]) { $1 },
        "mlp": [
            "unit": Values(taken: ["word", "character"], refused: ["letter", "0", "1"]), "window": .sizes,
            "embedding": .sizes, "hidden": .sizes, "length": .sizes, "batch": .sizes, "least_count": .sizes,
            "dropout": .shares,
        ],
    ]

    private static func keys(_ recipe: String) -> [String: Values] {
        training.merging(ofModels[recipe] ?? [:]) { $1 }
    }

    @Test func areAllHere() {
        #expect(Set(Recipes.all.map(\.name)) == Set(Self.ofModels.keys))
        for recipe in Recipes.all { #expect(Set(recipe.keys.map(\.name)) == Set(Self.keys(recipe.name).keys)) }
    }

    @Test func takeWhatCanBeAndNothingElse() {
        for recipe in Recipes.all {
            for (key, expected) in Self.keys(recipe.name) {
                for text in expected.taken {
                    var values = recipe.standardValues
                    #expect(throws: Never.self, "\(key)=\(text)") { try values.set(["\(key)=\(text)"]) }
                    let key = recipe.keys.first { $0.name == key }
                    #expect(key.flatMap { try? $0.value(of: text) } == values[key?.name ?? ""])
                    if key?.words == nil { #expect(values[key?.name ?? ""] == Double(text)) }
                }
                for text in expected.refused + Self.noNumbers {
                    var values = recipe.standardValues
                    let before = values[key]
                    let failure = #expect(throws: CommandFailure.self, "\(key)=\(text)") {
                        try values.set(["\(key)=\(text)"])
                    }
                    #expect(failure?.status == .wrongArguments && failure?.message.contains(key) == true)
                    #expect(values[key] == before)
                }
            }
            for words in [
                "", "=", "=1", "length", "Length=1", " length=1", "length =1", "length\n=1", "len=1", "l\u{0435}ngth=1",
            ] {
                var values = recipe.standardValues
                let failure = #expect(throws: CommandFailure.self, "\(words)") { try values.set([words]) }
                #expect(failure?.status == .wrongArguments)
            }
        }
    }

    // The arguments are wrong whether or not there is a text.
    @Test(arguments: ["char-gpt", "char-lstm"]) func whatTheyRefuseIsAWrongArgument(_ recipe: String) throws {
        let folder = try TemporaryFolder()
        for (key, values) in Self.keys(recipe) {
            let assignment = "\(key)=\(values.refused[0])"
            let result = try CommandRunner.run([
                "train", recipe, "--data", folder.path("missing"), "--out", folder.path("none"), "--set", assignment,
            ])
            #expect(result.isFailure(64) && result.output.isEmpty && result.errors.contains(key), "\(result)")
            #expect(!FileManager.default.fileExists(atPath: folder.path("none")))
        }
    }

    // What is wrong only beside the other values or the text.
    @Test func valuesThatDoNotFitEachOther() throws {
        let folder = try TemporaryFolder()
        try AtomicFile.write(Array(TrainTests.text.utf8), to: folder.path("data.txt"))
        for (status, recipe, values) in [
            (64, "char-gpt", ["heads=3"]), (64, "char-gpt", ["width=2", "heads=4"]),
            (64, "char-gpt", ["rate=1e-5"]), (64, "char-lstm", ["rate=0"]), (64, "char-lstm", ["least_rate=1"]),
            // More than any machine has.
            (64, "char-gpt", ["length=1e15"]), (64, "char-gpt", ["batch=1e15"]), (64, "char-lstm", ["length=1e15"]),
            (64, "char-lstm", ["batch=1e15"]), (64, "char-lstm", ["hidden=1e15"]), (64, "char-gpt", ["layers=1e15"]),
            // The text is too short.
            (1, "char-gpt", ["length=2430"]), (1, "char-lstm", ["length=2430", "batch=1"]),
            (1, "char-lstm", ["length=16", "batch=2000"]),
        ] {
            let result = try CommandRunner.run(
                ["train", recipe, "--data", folder.path("data.txt"), "--out", folder.path("none"), "--steps", "1"]
                    + values.flatMap { ["--set", $0] })
            #expect(result.isFailure(Int32(status)) && result.output.isEmpty, "\(values): \(result)")
            #expect(!FileManager.default.fileExists(atPath: folder.path("none")))
        }
    }
}
