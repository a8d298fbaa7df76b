import HeedNN
import HeedTensor

/// A ``RecurrentLanguageModel`` for inference; see ``PackedLanguageModel``. Weights are `Float`.
public struct PackedRecurrentLanguageModel: PackedLanguageModel {
    /// The dimensions of the model.
    public let settings: RecurrentLanguageModelSettings
    /// The vectors of the tokens; nil if they are read one-hot.
    private let tokens: Tensor?
    private let layers: PackedRecurrentLayers
    private let output: PackedLinear

    init(_ model: RecurrentLanguageModel) {
        settings = model.settings
        tokens = model.tokens?.weight.value.contiguous()
        layers = PackedRecurrentLayers(model.layers)
        output = model.output.packed()
    }

    public var vocabularySize: Int { settings.vocabularySize }
    public var contextLength: Int? { nil }

    public var weightByteCount: Int {
        layers.byteCount + output.byteCount + (settings.embeddingSize ?? 0) * MemoryLayout<Float>.stride
    }

    /// The state of every layer.
    public typealias DecodingState = PackedRecurrentLayers.State

    public func makeDecodingState() -> DecodingState { layers.makeState() }

    public func nextLogits(
        _ tokens: SequenceTokens, _ states: inout [DecodingState], _ workspace: inout InferenceWorkspace
    ) {
        require(
            tokens.counts.count == states.count,
            "PackedRecurrentLanguageModel.nextLogits: tokens of \(tokens.counts.count) sequences, but \(states.count) states"
        )
        guard let longest = tokens.counts.max() else { return workspace.logits.reuse(as: [0, vocabularySize]) }
        let isEven = tokens.counts.allSatisfy { $0 == longest }
        workspace.ids.removeAll(keepingCapacity: true)
        var next = 0
        for count in tokens.counts {
            workspace.ids += tokens.ids[next..<next + count]
            for _ in count..<longest { workspace.ids.append(0) }  // after a sequence's end, without effect
            next += count
        }
        if let table = self.tokens {
            embedding(table, indices: workspace.ids, into: &workspace.recurrent.sequence)
        } else {
            oneHot(workspace.ids, vocabularySize: vocabularySize, into: &workspace.recurrent.sequence)
        }
        workspace.recurrent.sequence.divideRows(into: states.count)
        layers.run(&workspace.recurrent, lengths: isEven ? nil : tokens.counts, states: &states)
        output.run(workspace.recurrent.last, into: &workspace.logits, rounded: &workspace.rows.rounded)
    }
}

extension PackedRecurrentLanguageModel: MeasuredLanguageModel {
    package func memory(_ states: [DecodingState]) -> [MemoryExtent] { layers.extents + [output.weight.extent] }

    package func stateByteCount(tokens: Int) -> Int {
        (settings.cell == .lstm ? 2 : 1) * settings.layers * settings.hiddenSize * MemoryLayout<Float>.stride
    }

    /// The bytes of the token's row of input and its gates.
    package var rowByteCount: Int {
        (settings.inputSize + settings.cell.gates * settings.hiddenSize) * MemoryLayout<Float>.stride
    }

    package func operations(prompt tokens: Int) -> Double {
        Double(tokens) * layers.operationsPerStep + output.operationsPerRow
    }
}
