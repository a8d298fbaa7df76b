import HeedTensor
import HeedTestSupport
import Testing

@Suite struct BFloat16Tests {
    @Test func `every bfloat16 survives the way to Float and back`() {
        for bits in UInt16.min...UInt16.max {
            let value = BFloat16(bitPattern: bits)
            let number = Float(value)
            #expect(number.bitPattern == UInt32(bits) << 16)
            let back = BFloat16(number).bitPattern
            // A NaN that was signalling comes back quiet, with its sign and payload.
            if back != (number.isNaN ? bits | 0x0040 : bits) { Issue.record("\(bits) came back as \(back)") }
        }
    }

    /// Against the definition: of the two neighbours the nearer one, and the even one in the middle.
    @Test func `a Float is rounded to the nearest, ties to even`() {
        func check(_ bits: UInt32) {
            let value = Float(bitPattern: bits)
            let rounded = BFloat16(value).bitPattern
            let below = UInt16(truncatingIfNeeded: bits >> 16)
            let rest = bits & 0xFFFF
            let expected = rest > 0x8000 || (rest == 0x8000 && below & 1 == 1) ? below + 1 : below
            if rounded != expected { Issue.record("\(value): \(rounded), expected \(expected)") }
        }
        var state: UInt64 = 1
        for _ in 0..<200_000 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let bits = UInt32(truncatingIfNeeded: state >> 32)
            if !Float(bitPattern: bits).isNaN { check(bits) }
        }
        for upper: UInt32 in [0, 1, 0x3F80, 0x3F81, 0x7F7E, 0x7F7F, 0x8000, 0xFF7F] {
            for lower: UInt32 in [0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF] { check(upper << 16 | lower) }
        }
    }

    @Test func `numbers beyond the largest become infinite and NaN stays NaN`() {
        #expect(Float(BFloat16(.greatestFiniteMagnitude)) == .infinity)
        #expect(Float(BFloat16(-.greatestFiniteMagnitude)) == -.infinity)
        // A payload in the lower half alone must not round to an infinity, nor a full one overflow into the sign.
        for bits: UInt32 in [0x7F80_0001, 0x7FFF_FFFF, 0xFFFF_FFFF, 0xFF80_0001, 0x7FC0_0000] {
            let number = Float(BFloat16(Float(bitPattern: bits)))
            #expect(number.isNaN && (number.sign == .minus) == (bits >> 31 == 1))
        }
    }

    @Test func `it compares as a number`() {
        #expect(BFloat16(0) == BFloat16(-0.0) && BFloat16(.nan) != BFloat16(.nan) && BFloat16(1) != 1.5)
        #expect(BFloat16(1.5).description == "1.5" && BFloat16.zeroValue.bitPattern == 0)
    }

    @Test func `tensors convert element by element, views too`() {
        let tensor = Tensor((0..<12).map { Float($0) + 0.001 }, shape: [3, 4]).transposed()
        let half = tensor.bfloat16()
        #expect(half.shape == [4, 3] && half.isContiguous)
        #expect(half.elements == tensor.elements.map { BFloat16($0) })
        let view = half.transposed().slice(axis: 0, range: 1..<3)
        #expect(view.float32().elements == view.elements.map { Float($0) } && view.float32().shape == [2, 4])
        #expect(Tensor.zeros([0, 3]).bfloat16().shape == [0, 3])
    }
}

@Suite struct BFloat16AttentionTests {
    private func operands(_ seed: UInt64, _ shape: Shape) -> BFloat16Tensor {
        Tensor.normal(shape, seed: seed).bfloat16()
    }

    @Test(arguments: AttentionAlgorithm.allCases)
    func `it is close to float64 of the same numbers`(algorithm: AttentionAlgorithm) throws {
        let queries = operands(11, [2, 4, 67, 40])
        let keys = operands(12, [2, 2, 130, 40])
        let values = operands(13, [2, 2, 130, 24])
        let mask = AttentionMask.all([.causal(), .padding(lengths: [130, 77])])
        let output = attention(queries: queries, keys: keys, values: values, mask: mask, algorithm: algorithm)
        let reference = try referenceAttention(
            queries: queries.float32(), keys: keys.float32(), values: values.float32(), mask: mask
        ).output
        #expect(output.shape == [2, 4, 67, 24])
        let difference = zip(output.elements, reference).map { (Double($0) - $1) * (Double($0) - $1) }.reduce(0, +)
        let magnitude = reference.map { $0 * $0 }.reduce(0, +)
        #expect((difference / magnitude).squareRoot() < 3e-3)
    }

    @Test(arguments: AttentionAlgorithm.allCases)
    func `views are read in place`(algorithm: AttentionAlgorithm) {
        let packed = operands(14, [1, 33, 3 * 2 * 16])
        func part(_ index: Int) -> BFloat16Tensor {
            packed.slice(axis: 2, range: index * 32..<index * 32 + 32).reshaped([1, 33, 2, 16]).transposed(1, 2)
        }
        let views = attention(queries: part(0), keys: part(1), values: part(2), algorithm: algorithm)
        let copies = attention(
            queries: part(0).contiguous(), keys: part(1).contiguous(), values: part(2).contiguous(),
            algorithm: algorithm)
        #expect(views == copies)
    }

    /// Few queries and many, keys as rows and as columns, masks that are bounds and one that is not.
    @Test(arguments: [1, 3, 8, 9]) func `what the engine chooses has the bits of tiles`(queryCount: Int) {
        let queries = operands(17, [2, 4, queryCount, 33])
        let keys = operands(18, [2, 2, 1100, 33])
        let columns = operands(18, [2, 2, 33, 1100]).transposed()
        let values = operands(19, [2, 2, 1100, 50]).slice(axis: 3, range: 5..<45)
        let seen = BooleanTensor((0..<1100).map { $0 % 3 != 1 }, shape: [1100])
        for mask in [
            AttentionMask.none, .all([.causal(offset: 1000), .padding(lengths: [1100, 77])]), .boolean(seen),
        ] {
            for keys in [keys, columns] {
                let (chosen, tiled) = (AttentionAlgorithm.automatic, AttentionAlgorithm.tiled)
                #expect(
                    haveSameBits(
                        attention(queries: queries, keys: keys, values: values, mask: mask, algorithm: chosen),
                        attention(queries: queries, keys: keys, values: values, mask: mask, algorithm: tiled)))
            }
        }
    }

    @Test func `the same reference comes of either type of operands`() throws {
        let (queries, keys) = (operands(15, [5, 8]), operands(16, [9, 8]))
        let call = try AttentionCall(queries: queries, keys: keys, values: keys)
        let wide = try AttentionCall(queries: queries.float32(), keys: keys.float32(), values: keys.float32())
        #expect(try call.reference().output == wide.reference().output)
    }

    @Test func `shapes that do not fit are thrown`() {
        let tensor = BFloat16Tensor.zeros([2, 4])
        #expect(throws: TensorError.self) {
            try attention(validating: tensor, keys: BFloat16Tensor.zeros([2, 5]), values: tensor)
        }
    }
}
