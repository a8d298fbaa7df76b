import HeedNN
import HeedTensor

/// A ``WindowLanguageModel`` for inference; see ``PackedLanguageModel``. The table of tokens is shared with the trained
/// model, which may be freed.
public struct PackedWindowLanguageModel: PackedLanguageModel {
    /// The dimensions of the model.
    public let settings: WindowLanguageModelSettings
    private let tokens: Tensor
    private let hidden: PackedLinear
    private let output: PackedLinear
    private let padding: Int32

    init(_ model: WindowLanguageModel, as element: ElementType) {
        settings = model.settings
        tokens = model.tokens.weight.value.contiguous()
        hidden = model.hidden.packed(as: element)
        output = model.output.packed(as: element)
        padding = model.padding
    }

    public var vocabularySize: Int { settings.vocabularySize }
    public var contextLength: Int? { nil }

    public var weightByteCount: Int {
        hidden.byteCount + output.byteCount + settings.window * settings.embeddingSize * MemoryLayout<Float>.stride
    }

    /// The last tokens of a sequence, padding before its beginning.
    public struct DecodingState: Sendable {
        fileprivate var window: [Int32]
    }

    public func makeDecodingState() -> DecodingState {
        DecodingState(window: [Int32](repeating: padding, count: settings.window))
    }

    public func nextLogits(
        _ tokens: SequenceTokens, _ states: inout [DecodingState], _ workspace: inout InferenceWorkspace
    ) {
        require(
            tokens.counts.count == states.count,
            "PackedWindowLanguageModel.nextLogits: tokens of \(tokens.counts.count) sequences, but \(states.count) states"
        )
        guard !states.isEmpty else { return workspace.logits.reuse(as: [0, vocabularySize]) }
        workspace.ids.removeAll(keepingCapacity: true)
        var next = 0
        for (sequence, count) in tokens.counts.enumerated() {
            // The last token sees only the last ones of a prompt.
            let taken = min(count, settings.window)
            states[sequence].window.removeFirst(taken)
            states[sequence].window += tokens.ids[next + count - taken..<next + count]
            workspace.ids += states[sequence].window
            next += count
        }
        embedding(self.tokens, indices: workspace.ids, into: &workspace.rows.stream)
        hidden.run(
            workspace.rows.stream.reshaped([states.count, settings.window * settings.embeddingSize]),
            activation: .tanh, into: &workspace.rows.wide, rounded: &workspace.rows.rounded)
        output.run(workspace.rows.wide, into: &workspace.logits, rounded: &workspace.rows.rounded)
    }
}

extension PackedWindowLanguageModel: MeasuredLanguageModel {
    package func memory(_ states: [DecodingState]) -> [MemoryExtent] { [hidden.weight.extent, output.weight.extent] }

    package func stateByteCount(tokens: Int) -> Int { settings.window * MemoryLayout<Int32>.stride }

    /// The bytes of a token in a prompt: only its number is kept.
    package var rowByteCount: Int { MemoryLayout<Int32>.stride }

    package func operations(prompt tokens: Int) -> Double { hidden.operationsPerRow + output.operationsPerRow }
}
