import HeedTensor

/// One operation on a ``Tape``, with the data that its backward step needs. To define an operation, write a final
/// subclass whose fields are the tensors that ``backward(_:)`` reads, and put it on the tape by
/// ``Variable/recorded(_:from:_:)``.
open class RecordedOperation {
    /// The name of the operation in Swift.
    public let name: String

    /// The number of values that the operation computed.
    public let outputCount: Int

    /// The slots of the inputs, -1 for constants.
    final var inputs = SlotVector()

    /// The slot of the first output; the others follow.
    final var firstOutput = 0

    /// - Parameters:
    ///   - name: The name of the operation in Swift.
    ///   - outputCount: The number of values that it computed.
    public init(_ name: String, outputCount: Int = 1) {
        self.name = name
        self.outputCount = outputCount
    }

    /// Takes the gradients of the outputs from `pass`, and adds those of the inputs that need one. It is called at most
    /// once unless the record is retained, and only if an output has a gradient.
    open func backward(_ pass: BackwardPass) {
        programmerError("\(name): a recorded operation must override backward(_:)")
    }
}

/// A few slots. Up to six take no memory from the heap.
struct SlotVector {
    private var inPlace: (Int32, Int32, Int32, Int32, Int32, Int32) = (-1, -1, -1, -1, -1, -1)
    private var spilled: [Int32] = []
    private(set) var count = 0

    mutating func append(_ slot: Int32) {
        switch count {
        case 0: inPlace.0 = slot
        case 1: inPlace.1 = slot
        case 2: inPlace.2 = slot
        case 3: inPlace.3 = slot
        case 4: inPlace.4 = slot
        case 5: inPlace.5 = slot
        default: spilled.append(slot)
        }
        count += 1
    }

    subscript(position: Int) -> Int {
        switch position {
        case 0: Int(inPlace.0)
        case 1: Int(inPlace.1)
        case 2: Int(inPlace.2)
        case 3: Int(inPlace.3)
        case 4: Int(inPlace.4)
        case 5: Int(inPlace.5)
        default: Int(spilled[position - 6])
        }
    }
}
