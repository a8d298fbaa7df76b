import HeedAutograd
import HeedModels
import HeedNN
import HeedTensor
import HeedTestSupport
import Testing

@Suite("Numbers estimated from sequences")
struct SequenceRegressorTests {
    /// Alone and in a batch, padded or not.
    @Test func aSequenceHasTheBitsThatItHasAlone() throws {
        for kind in [SequenceModels.Kind.tokens, .vectors, .words] {
            let model = try SequenceModels.regressor(SequenceModels.encoder(kind))
            let sequences = SequenceModels.sequences(kind)
            let together = model(SequenceBatch(sequences), in: Context()).value
            #expect(together.shape == [4, 2])
            for (row, sequence) in sequences.enumerated() {
                let alone = model(SequenceBatch([sequence]), in: Context()).value
                #expect(haveSameBits(alone, together.slice(axis: 0, range: row..<row + 1).contiguous()))
            }
        }
    }

    @Test func wrongDimensionsAreRefused() throws {
        let encoder = SequenceModels.encoder()
        #expect(throws: ModelError.self) { try SequenceRegressorSettings(encoder: encoder, outputs: 0).check() }
        #expect(throws: ModelError.self) {
            try SequenceRegressorSettings(encoder: encoder, outputs: 1 << 60).check()
        }
        var forgetful = encoder
        forgetful.memory = 1
        #expect(throws: ModelError.self) { try SequenceRegressorSettings(encoder: forgetful).check() }
        forgetful.memory = 2
        try SequenceRegressorSettings(encoder: forgetful).check()
    }
}
