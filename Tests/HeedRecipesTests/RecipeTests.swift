import HeedJSON
import HeedModels
import HeedRecipes
import HeedTensor
import HeedText
import HeedTrain
import Testing

/// What holds for every recipe.
@Suite("Recipes")
struct RecipeTests {
    @Test func haveNamesOfTheirOwn() {
        let names = Recipes.all.map(\.name)
        #expect(Set(names).count == names.count && names.count >= 10)
        for recipe in Recipes.all {
            let keys = recipe.keys.map(\.name)
            #expect(Set(keys).count == keys.count, "\(recipe.name)")
            #expect(recipe.keys.allSatisfy { $0.objection(to: $0.standard) == nil }, "\(recipe.name)")
            #expect(!recipe.summary.isEmpty && !recipe.summary.contains("\n"))
        }
    }

    @Test func valuesSurviveTheirFile() throws {
        for recipe in Recipes.all {
            var values = recipe.standardValues
            for key in recipe.keys {
                values[key.name] = key.words.map { Double($0.count - 1) } ?? (key.isInteger ? 7 : 0.25)
            }
            var read = recipe.standardValues
            try read.read(values.json)
            #expect(JSONValue.object(read.json) == .object(values.json), "\(recipe.name)")
        }
    }

    /// A word where a number belongs, a word that is none of the choice, a key of another recipe.
    @Test func valuesOfAnotherKindAreRefused() throws {
        let objects: [JSONObject] = [
            ["hidden": "many"], ["order": "sorted"], ["order": 1], ["heads": 4], ["hidden": JSONValue(1.5)],
            ["dropout": 1],
        ]
        for object in objects {
            var values = CharLSTM().standardValues
            #expect(throws: ModelError.self) { try values.read(object) }
        }
    }

    @Test func figuresKnowTheirSide() {
        #expect(Figure("a", 1, atLeast: 1).isReached && !Figure("a", 0.99, atLeast: 1).isReached)
        #expect(Figure("a", 1, atMost: 1).isReached && !Figure("a", 1.01, atMost: 1).isReached)
        #expect(!Figure("a", .nan, atLeast: 0).isReached && !Figure("a", .nan, atMost: 0).isReached)
    }

    @Test func vocabulariesSurviveTheirFile() throws {
        let pairs = PairVocabulary(
            source: PairSide(of: ["two hundred", "three"], unit: .words),
            target: PairSide(of: ["200", "3"], unit: .characters))
        #expect(try PairVocabulary(json: pairs.json) == pairs)
        #expect(pairs.target.decode(pairs.target.encode("302")) == "302")
        #expect(pairs.source.decode(pairs.source.encode("three two")) == "three two")
        let labels = LabelVocabulary(words: WordVocabulary(of: "a b"), labels: ["B-X", "I-X", "O"], isBIO: true)
        #expect(try LabelVocabulary(json: labels.json) == labels)
        let wrong: [JSONValue] = [1, ["kind": "labels"], ["kind": "pairs", "source": 2], ["kind": "pairs"]]
        for json in wrong {
            #expect(throws: TextError.self) { try PairVocabulary(json: json) }
            #expect(throws: TextError.self) { try LabelVocabulary(json: json) }
        }
        guard case .object(var broken) = labels.json else { return }
        let labelLists: [JSONValue] = [[], ["a", "a"], ["a", 1], "a"]
        for wrong in labelLists {
            broken["labels"] = wrong
            #expect(throws: TextError.self) { try LabelVocabulary(json: .object(broken)) }
        }
    }
}
