import HeedTensor

// Design
//
// A tape is a flat array of records, one per operation, in the order in which they were computed. Values have numbers
// ("slots"): a record knows the slots of its inputs and outputs and holds those tensors that its backward step reads,
// and nothing else; no record refers to another. So the backward pass is a loop from the last record to the first, and
// freeing a tape is freeing an array: neither recurses, however long the graph is.
//
// A record is a final class below `RecordedOperation`: one allocation, one virtual call back, its saved tensors as
// typed fields. A fused kernel (attention, an LSTM over a whole sequence) is one record.
//
// Gradients live in an array by slot while the pass runs. A record takes its outputs' gradients out of it, so that a
// tensor that nobody else refers to can be written in place: the first consumer of a value puts its gradient there
// without a copy, later ones add to it in place, slices into their part of it, products as their GEMM stores. The
// record is freed at once, and its saved tensors return to the pool for the next allocation. So steps of the same
// shapes run in the same memory.
//
// An operation is recorded only if it depends on a leaf, and walked only if it depends on a leaf whose gradient is
// asked for. A value without a tape is a constant: inference computes with the same functions and records nothing.
//
// A tape belongs to one task: it is not Sendable, and neither are the variables on it. Tensors are.

/// The record of a computation, from which gradients are computed.
///
/// ```swift
/// let tape = Tape()
/// let weight = tape.leaf(weights)
/// let loss = (linear(Variable(inputs), weight: weight) - Variable(targets)).squared().mean()
/// let gradient = tape.gradients(of: loss, withRespectTo: [weight])[0]
/// ```
///
/// Computing gradients consumes the record: afterwards the tape is empty and can record the next step. See
/// ``valueAndGradient(of:at:)-7wyc1`` for the short form.
public final class Tape {
    /// The place where a computation first gave a number that is not finite.
    public struct NonFinite: Sendable, Equatable {
        /// The name of the operation in Swift.
        public let operation: String
        /// The name that the value was given, if any.
        public internal(set) var name: String?
        /// The shape of the value.
        public let shape: Shape
        /// Whether the value is a gradient that the operation's backward step gave, and not the operation's own value.
        public var isGradient = false
        /// The slot of the leaf that the operation takes or, if it takes none, of the leaf that the last operation
        /// before it took.
        package var leafSlot: Int?
    }

    private var records: [RecordedOperation] = []
    private var slotCount = 0
    private let pass = BackwardPass()

    /// How often the tape was emptied. A variable of an earlier count is refused.
    private(set) var generation: UInt32 = 0

    /// Whether operations are recorded; see ``withoutGradient(_:)``.
    private(set) var isRecording = true

    private var slotOfName: [String: Int] = [:]
    private var namedValues: [String: Tensor] = [:]
    private var namedGradients: [String: Tensor] = [:]

    /// Whether every recorded value is searched for NaN and infinities, to find where a computation went wrong. That
    /// costs one pass over each value. By default false.
    public var looksForNonFinite = false
    private var nonFinite: (found: NonFinite, slot: Int)?
    /// Filled only if non-finite values are searched for.
    private var leafSlots: Set<Int> = []

    /// Whether recurrent layers keep the gradients of all their hidden states, for ``stateGradients``. That costs one
    /// store per step, and as much memory as the outputs. By default false.
    public var keepsStateGradients = false
    /// The gradients of the hidden states of each call of a recurrent layer, in the order of the calls, if
    /// ``keepsStateGradients`` is true. They are kept until the next computation on this tape begins.
    public private(set) var stateGradients: [StateGradient] = []

    /// Makes an empty tape.
    public init() {}

    // MARK: Recording

    /// Returns a variable whose gradient can be asked for.
    public func leaf(_ value: Tensor) -> Variable {
        let slot = takeSlots(1)
        if looksForNonFinite { leafSlots.insert(slot) }
        return Variable(value, tape: self, slot: slot)
    }

    /// Runs `body` and records nothing: values computed there are constants.
    public func withoutGradient<Result, E: Error>(_ body: () throws(E) -> Result) throws(E) -> Result {
        let before = isRecording
        isRecording = false
        defer { isRecording = before }
        return try body()
    }

    /// Forgets all that was recorded. Variables on the tape must not be used any more.
    public func reset() {
        records.removeAll(keepingCapacity: true)
        slotCount = 0
        generation &+= 1
    }

    /// Appends an operation and returns the first of its outputs' slots.
    func append(_ record: RecordedOperation) -> Int {
        let slot = takeSlots(record.outputCount)
        record.firstOutput = slot
        records.append(record)
        return slot
    }

    private func takeSlots(_ count: Int) -> Int {
        if slotCount == 0 {
            // A new computation begins: the values kept from the last one are freed.
            slotOfName.removeAll()
            namedValues.removeAll()
            namedGradients.removeAll()
            nonFinite = nil
            leafSlots.removeAll()
            stateGradients.removeAll()
        }
        defer { slotCount += count }
        return slotCount
    }

    func lookForNonFinite(_ value: Tensor, _ record: RecordedOperation, slot: Int) {
        guard nonFinite == nil, !value.withUnsafeElements({ $0.allSatisfy(\.isFinite) }) else { return }
        // The record itself is already the last of all.
        let leaf = leafSlot(at: record, before: records.dropLast())
        nonFinite = (NonFinite(operation: record.name, shape: value.shape, leafSlot: leaf), slot)
    }

    /// Searches the gradients that the record's backward step has added to its inputs.
    private func lookForNonFiniteGradients(of record: RecordedOperation) {
        guard nonFinite == nil else { return }
        for position in 0..<record.inputs.count {
            let slot = record.inputs[position]
            guard slot >= 0, let gradient = pass.gradient(atSlot: slot),
                !gradient.withUnsafeElements({ $0.allSatisfy(\.isFinite) })
            else { continue }
            let leaf = leafSlots.contains(slot) ? slot : leafSlot(at: record, before: records.prefix { $0 !== record })
            nonFinite = (
                NonFinite(operation: record.name, shape: gradient.shape, isGradient: true, leafSlot: leaf), slot
            )
            for (name, named) in slotOfName where named == slot { nonFinite?.found.name = name }
            return
        }
    }

    private func leafSlot(at record: RecordedOperation, before earlier: ArraySlice<RecordedOperation>) -> Int? {
        for record in [record] + earlier.reversed() {
            for position in 0..<record.inputs.count where leafSlots.contains(record.inputs[position]) {
                return record.inputs[position]
            }
        }
        return nil
    }

    // MARK: Inspecting a computation

    /// The number of operations recorded and not yet consumed.
    public var operationCount: Int { records.count }

    /// The names of the operations recorded and not yet consumed, in order.
    public var operationNames: [String] { records.map(\.name) }

    /// The first value since the computation began that was not finite or, if all were finite, the first such gradient
    /// in the backward pass. It is nil unless ``looksForNonFinite`` is true.
    public var firstNonFinite: NonFinite? { nonFinite?.found }

    /// Returns the value that was given this name with ``Variable/named(_:)``. It is kept until the next computation on
    /// this tape begins.
    public func value(named name: String) -> Tensor? { namedValues[name] }

    /// Returns the gradient of the value of this name, after the gradients were computed. It is kept until the next
    /// computation begins.
    public func gradient(named name: String) -> Tensor? { namedGradients[name] }

    func setName(_ name: String, slot: Int, value: Tensor) {
        slotOfName[name] = slot
        namedValues[name] = value
        if nonFinite?.slot == slot { nonFinite?.found.name = name }
    }

    // MARK: Gradients

    /// Which of these slots `output` depends on, each with the operation that takes it first; "" where it is the output
    /// itself. What only leads to values without a gradient, such as detached ones, is not among them.
    package func dependencies(of output: Variable, among slots: Set<Int>) -> [Int: String] {
        var leads = [Bool](repeating: false, count: slotCount)
        let last = checkedSlot(output)
        leads[last] = true
        var found: [Int: String] = slots.contains(last) ? [last: ""] : [:]
        for record in records.reversed() {
            let outputs = record.firstOutput..<record.firstOutput + record.outputCount
            guard outputs.contains(where: { leads[$0] }) else { continue }
            for position in 0..<record.inputs.count where record.inputs[position] >= 0 {
                leads[record.inputs[position]] = true
                if slots.contains(record.inputs[position]) { found[record.inputs[position]] = record.name }
            }
        }
        return found
    }

    /// Computes the gradients of `output` with respect to `inputs`.
    ///
    /// - Parameters:
    ///   - output: A value computed from variables on this tape. A constant, which depends on none of them, stops the
    ///     program.
    ///   - outputGradient: The gradient of the final quantity with respect to `output`, of the shape of `output`. By
    ///     default 1, and then `output` must hold one element.
    ///   - inputs: Any variables on this tape, leaves or not. If `output` does not depend on one of them, its gradient
    ///     is zeros.
    ///   - retainingRecord: Whether the record and its saved tensors are kept, so that more gradients can be computed
    ///     from it.
    public func gradients(
        of output: Variable, outputGradient: Tensor? = nil, withRespectTo inputs: [Variable],
        retainingRecord: Bool = false
    ) -> [Tensor] {
        require(
            outputGradient != nil || output.value.count == 1,
            "gradients: a value of shape \(output.shape) needs an outputGradient; "
                + "only where it has one element is that 1"
        )
        require(
            output.tape != nil,
            "gradients: the value of shape \(output.shape) is a constant: "
                + "nothing that it was computed from is on a tape"
        )
        return gradients(
            of: [(output, outputGradient ?? Tensor.ones(output.shape))], withRespectTo: inputs,
            retainingRecord: retainingRecord)
    }

    /// Computes the gradients with respect to `inputs` of `sum_k sum(output_k * gradient_k)`. An output that is a
    /// constant adds nothing to them.
    public func gradients(
        of outputs: [(variable: Variable, gradient: Tensor)], withRespectTo inputs: [Variable],
        retainingRecord: Bool = false
    ) -> [Tensor] {
        pass.begin(slotCount: slotCount)
        pass.keepsStateGradients = keepsStateGradients
        for input in inputs {
            require(input.tape === self, "gradients: an input of shape \(input.shape) is not on this tape")
            pass.keep(checkedSlot(input))
        }
        for slot in slotOfName.values { pass.keep(slot) }
        for (output, gradient) in outputs {
            require(
                gradient.shape == output.shape,
                "gradients: the gradient of shape \(gradient.shape) does not fit the output \(output.shape)")
            guard output.tape != nil else { continue }
            require(output.tape === self, "gradients: an output of shape \(output.shape) is not on this tape")
            pass.start(checkedSlot(output), gradient)
        }
        walk(retainingRecord: retainingRecord)
        for (name, slot) in slotOfName { namedGradients[name] = pass.gradient(atSlot: slot) }
        stateGradients = pass.stateGradients.reversed().map { kept in
            StateGradient(
                operation: kept.operation, gradient: kept.gradient,
                weight: kept.weightSlot < 0 ? nil : inputs.firstIndex { Int($0.slot) == kept.weightSlot })
        }
        let gradients = inputs.map { input in
            pass.gradient(atSlot: Int(input.slot)) ?? Tensor.zeros(input.shape)
        }
        pass.end()
        if !retainingRecord { reset() }
        return gradients
    }

    private func walk(retainingRecord: Bool) {
        pass.isRetained = retainingRecord
        for record in records { pass.markNeeds(of: record) }
        if retainingRecord {
            for record in records.reversed() { step(back: record) }
        } else {
            while let record = records.popLast() { step(back: record) }
        }
    }

    private func step(back record: RecordedOperation) {
        pass.step(back: record)
        if looksForNonFinite { lookForNonFiniteGradients(of: record) }
    }

    private func checkedSlot(_ variable: Variable) -> Int {
        requireCurrent(variable)
        return Int(variable.slot)
    }

    func requireCurrent(_ variable: Variable) {
        require(
            variable.generation == generation,
            "Tape: a variable of shape \(variable.shape) belongs to a computation whose record was consumed or reset")
    }
}
