import HeedAutograd
import HeedNN
import HeedTensor
import HeedTestSupport
import Testing

/// Two layers, of which the second is named only where that is asked for.
private struct Pair: Module {
    var first: Linear
    var second: Linear
    var isSecondNamed = false

    init(seed: UInt64 = 1) {
        var generator = RandomGenerator(seed: seed)
        first = Linear(inputSize: 3, outputSize: 4, using: &generator)
        second = Linear(inputSize: 4, outputSize: 2, bias: false, using: &generator)
    }

    mutating func visitParameters(_ visit: ParameterVisitor) {
        visit("first", &first)
        if isSecondNamed { visit("second", &second) }
    }

    func callAsFunction(_ input: Tensor, in context: Context) -> Variable {
        second(first(Variable(input), in: context), in: context)
    }
}

/// A submodule that forgets one of its layers.
private struct Wrapper: Module {
    var pair = Pair()
    mutating func visitParameters(_ visit: ParameterVisitor) { visit("pair", &pair) }
}

/// A student with its teacher beside it.
private struct Distillation: Module {
    var student = Pair(seed: 1)
    let teacher: Pair
    mutating func visitParameters(_ visit: ParameterVisitor) { visit("student", &student) }
}

@Suite("A parameter that the model does not name")
struct ForgottenParameterTests {
    private static let input = Tensor.normal([5, 3], seed: 3)

    private static func named(seed: UInt64 = 1) -> Pair {
        var pair = Pair(seed: seed)
        pair.isSecondNamed = true
        return pair
    }

    #if os(Linux) || os(macOS)
    @Test func stopsWithItsShapeAndTheModelsType() async throws {
        let result = try #require(
            await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
                let model = Wrapper()
                _ = valueAndGradient(of: model) { model.pair(Self.input, in: $0).sum() }
            })
        let text = String(decoding: result.standardErrorContent, as: UTF8.self)
        #expect(text.contains("trainable parameter of shape [2, 4] (an input of linear)"), "\(text)")
        #expect(text.contains("visitParameters of Wrapper does not visit"), "\(text)")
    }

    @Test func stopsWhereItIsAChangedCopyOfOneThatIsNamed() async throws {
        let result = try #require(
            await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
                let model = Self.named()
                var other = model
                other.first.weight.value *= 2
                _ = valueAndGradient(of: model) { (model(Self.input, in: $0) + other(Self.input, in: $0)).sum() }
            })
        let text = String(decoding: result.standardErrorContent, as: UTF8.self)
        #expect(text.contains("of shape [4, 3] (an input of linear), a changed copy of first.weight,"), "\(text)")
    }

    @Test func stopsWhereItIsTheLossItself() async {
        await #expect(processExitsWith: .failure) {
            let (model, alone) = (Self.named(), Parameter(Tensor(2)))
            _ = valueAndGradient(of: model) { context in
                _ = model(Self.input, in: context)
                return context.variable(alone)
            }
        }
    }

    @Test func aLossThatIsAConstantStops() async throws {
        let result = try #require(
            await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
                let model = Self.named()
                _ = valueAndGradient(of: model) { _ in model(Self.input, in: Context()).sum() }
            })
        let text = String(decoding: result.standardErrorContent, as: UTF8.self)
        #expect(text.contains("the loss of shape [] depends on no parameter of Pair"), "\(text)")
        #expect(text.contains("computed without the context"), "\(text)")
        await #expect(processExitsWith: .failure) {
            let model = Self.named()
            _ = valueAndGradient(of: model) { model(Self.input, in: $0).sum().detached() }
        }
        let frozen = try #require(
            await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
                let model = Self.named().frozen()
                _ = valueAndGradient(of: model) { model(Self.input, in: $0).sum() }
            })
        #expect(
            String(decoding: frozen.standardErrorContent, as: UTF8.self).contains("all parameters of Pair are frozen"))
    }
    #endif

    @Test func aFrozenTeacherIsAnotherModelsConstant() {
        let model = Distillation(teacher: Self.named(seed: 2).frozen())
        var named = model
        named.student.isSecondNamed = true
        let (loss, gradients) = valueAndGradient(of: named) { context in
            (named.student(Self.input, in: context) - named.teacher(Self.input, in: context)).squared().mean()
        }
        #expect(gradients.map(\.shape) == [[4, 3], [4], [2, 4]] && loss.scalar > 0)
    }

    /// What has no gradient needs no name: values of a trainable teacher that are detached, or computed without a
    /// record, and what the loss does not depend on.
    @Test func whatTheLossDoesNotDependOnNeedsNoName() {
        let (model, teacher) = (Self.named(seed: 1), Self.named(seed: 2))
        let expected = valueAndGradient(of: model) { context in
            (model(Self.input, in: context) - Variable(teacher(Self.input, in: Context()).value)).squared().mean()
        }
        let detached = valueAndGradient(of: model) { context in
            (model(Self.input, in: context) - teacher(Self.input, in: context).detached()).squared().mean()
        }
        let tape = Tape()
        let unrecorded = valueAndGradient(of: model, on: tape) { context in
            let target = tape.withoutGradient { teacher(Self.input, in: context) }
            return (model(Self.input, in: context) - target).squared().mean()
        }
        let unused = valueAndGradient(of: model) { context in
            _ = teacher(Self.input, in: context).sum()
            return (model(Self.input, in: context) - Variable(teacher(Self.input, in: Context()).value)).squared()
                .mean()
        }
        for (loss, gradients) in [detached, unrecorded, unused] {
            #expect(loss == expected.loss && gradients == expected.gradients)
        }
    }

    /// A layer that holds the same parameter as another, and is not named beside it, has its gradient.
    @Test func aSharedWeightNeedsOneName() {
        struct Tied: Module {
            var embedding: Embedding
            var output: Linear
            mutating func visitParameters(_ visit: ParameterVisitor) { visit("embedding", &embedding) }
        }
        var generator = RandomGenerator(seed: 1)
        var tied = Tied(
            embedding: Embedding(vocabularySize: 6, embeddingSize: 3, using: &generator),
            output: Linear(inputSize: 3, outputSize: 6, bias: false, using: &generator))
        tied.output.weight = tied.embedding.weight
        let ids = IndexTensor([1, 4], shape: [2])
        let (_, gradients) = valueAndGradient(of: tied) { context in
            tied.output(tied.embedding(ids, in: context), in: context).squared().sum()
        }
        #expect(gradients.map(\.shape) == [[6, 3]])
        // The rows that are not looked up are used by the output layer only.
        #expect(gradients[0].slice(axis: 0, range: 0..<1).elements.contains { $0 != 0 })
    }

    /// A pass that behaves as in evaluation has gradients too.
    @Test func evaluationHasGradients() {
        let model = Self.named()
        let context = Context(tape: Tape(), training: false)
        #expect(context.gradients(of: model(Self.input, in: context).sum(), for: model).count == 3)
    }
}
