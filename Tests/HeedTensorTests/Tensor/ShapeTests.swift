import HeedTensor
import Testing

@Suite("Shape")
struct ShapeTests {
    @Test func printsItsDimensions() {
        #expect(Shape([2, 8, 16]).description == "[2, 8, 16]")
        #expect(Shape([]).description == "[]")
    }

    @Test func countsElements() {
        #expect(Shape([2, 8, 16]).count == 256)
        #expect(Shape([]).count == 1)
        #expect(Shape([3, 0, 5]).count == 0)
    }

    @Test func refusesNegativeAndOverflowingDimensions() {
        #expect(Shape(exactly: [2, -1]) == nil)
        #expect(Shape(exactly: [Int.max, 2]) == nil)
        #expect(Shape(exactly: [Int.max, 2, 0]) == nil, "an overflow beside a zero is still an overflow")
        #expect(Shape(exactly: [Int.max]) != nil)
    }

    @Test func isWrittenAsAnArray() {
        let shape: Shape = [2, 3]
        #expect(shape.rank == 2)
        #expect(shape[0] == 2 && shape[1] == 3 && shape[-1] == 3)
        #expect(shape.contiguousStrides == [3, 1])
    }
}
