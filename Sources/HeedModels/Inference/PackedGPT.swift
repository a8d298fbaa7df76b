import HeedNN
import HeedTensor

/// A ``GPT`` for inference; see ``PackedLanguageModel``.
///
/// Only the logits after each sequence's last token are computed, and in the last block only keys and values of the
/// other tokens. With weights in bfloat16, keys and values are in bfloat16 too. The table of tokens is shared with the
/// trained model, which may be freed.
public struct PackedGPT: PackedLanguageModel {
    /// The dimensions of the model.
    public let settings: GPTSettings
    private let tokens: Tensor
    private let positions: Tensor
    private let blocks: [PackedTransformerLayer]
    private let norm: PackedNorm
    private let output: PackedLinear

    init(_ model: GPT, as element: ElementType) {
        settings = model.settings
        (tokens, positions) = (model.tokens.weight.value.contiguous(), model.positions.weight.value.contiguous())
        blocks = model.blocks.map { PackedTransformerLayer($0, as: element) }
        norm = PackedNorm(model.norm)
        output = PackedLinear(weight: tokens, as: element)
    }

    public var vocabularySize: Int { settings.vocabularySize }
    public var contextLength: Int? { settings.contextLength }

    public var weightByteCount: Int {
        blocks.reduce(norm.byteCount + output.byteCount) { $0 + $1.byteCount }
            + 2 * settings.embeddingSize * MemoryLayout<Float>.stride  // a row of tokens and of positions
    }

    // MARK: Sequences

    /// The keys and values of every block, and their tokens.
    public struct DecodingState: Sendable {
        fileprivate var caches: [KeyValueCache]
        /// The tokens that are seen.
        fileprivate var seen: [Int32] = []
        /// The number of tokens before them that are forgotten.
        fileprivate var forgotten = 0
    }

    public func makeDecodingState() -> DecodingState {
        DecodingState(caches: blocks.map { $0.makeCache() })
    }

    /// Returns the number of tokens of a sequence that are forgotten at that length: whole quarters of the context, as
    /// few as necessary.
    private func forgotten(ofLength length: Int) -> Int {
        let (context, step) = (settings.contextLength, max(1, settings.contextLength / 4))
        return length <= context ? 0 : (length - context + step - 1) / step * step
    }

    /// Writes to `workspace` which tokens are computed, at which positions and in which rows.
    private func plan(_ tokens: SequenceTokens, _ states: inout [DecodingState], _ workspace: inout InferenceWorkspace)
    {
        workspace.ids.removeAll(keepingCapacity: true)
        workspace.positions.removeAll(keepingCapacity: true)
        workspace.rows.rows.removeAll(keepingCapacity: true)
        var next = 0
        for (sequence, count) in tokens.counts.enumerated() {
            let first = workspace.ids.count
            var begin = states[sequence].seen.count
            states[sequence].seen += tokens.ids[next..<next + count]
            next += count
            let forgotten = forgotten(ofLength: states[sequence].forgotten + states[sequence].seen.count)
            if forgotten > states[sequence].forgotten {
                states[sequence].seen.removeFirst(forgotten - states[sequence].forgotten)
                states[sequence].forgotten = forgotten
                for layer in blocks.indices { states[sequence].caches[layer].truncate(to: 0) }
                begin = 0
            }
            workspace.ids += states[sequence].seen[begin...]
            for position in begin..<states[sequence].seen.count { workspace.positions.append(Int32(position)) }
            workspace.rows.rows.append(first..<workspace.ids.count)
        }
    }

    public func nextLogits(
        _ tokens: SequenceTokens, _ states: inout [DecodingState], _ workspace: inout InferenceWorkspace
    ) {
        require(
            tokens.counts.count == states.count,
            "PackedGPT.nextLogits: tokens of \(tokens.counts.count) sequences, but \(states.count) states")
        plan(tokens, &states, &workspace)
        guard !states.isEmpty else { return workspace.logits.reuse(as: [0, vocabularySize]) }
        embedding(self.tokens, indices: workspace.ids, into: &workspace.rows.stream)
        embedding(positions, indices: workspace.positions, into: &workspace.rows.added)
        for layer in blocks.indices {
            blocks[layer].run(&workspace.rows, onlyLast: layer == blocks.count - 1) { sequence, body in
                body(&states[sequence].caches[layer])
            }
        }
        norm.run(adding: workspace.rows.added, to: &workspace.rows.stream, into: &workspace.rows.normal)
        output.run(workspace.rows.normal, into: &workspace.logits, rounded: &workspace.rows.rounded)
    }
}

extension PackedGPT: MeasuredLanguageModel {
    package func memory(_ states: [DecodingState]) -> [MemoryExtent] {
        blocks.flatMap(\.extents) + [output.weight.extent] + states.flatMap { $0.caches.flatMap(\.extents) }
    }

    package func stateByteCount(tokens: Int) -> Int {
        blocks.reduce(0) { $0 + $1.cacheBytesPerToken * tokens }
    }

    /// The bytes of a row: the sum of all blocks, its norm, queries, keys, values, and four widths of feed-forward.
    package var rowByteCount: Int { 9 * settings.embeddingSize * MemoryLayout<Float>.stride }

    package func operations(prompt tokens: Int) -> Double {
        let computed = tokens - forgotten(ofLength: tokens)
        let last = blocks.count - 1
        return blocks.indices.reduce(output.operationsPerRow) {
            $0 + blocks[$1].operations(tokens: computed, before: 0, onlyLast: $1 == last)
        }
    }
}
