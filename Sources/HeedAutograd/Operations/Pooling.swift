import HeedTensor

/// Pools images; see the function of tensors.
public func pool2d(_ input: Variable, _ pooling: Pooling) -> Variable {
    let call = PoolingCall(input: input.shape, pooling)
    let (output, indices) = call.output(input.value, savesIndices: input.tape?.isRecording == true)
    return Variable.recorded(output, from: [input]) { PoolingOperation(call, indices) }
}

/// The gradient of a mean is spread over its window; that of a maximum goes to its element.
private final class PoolingOperation: RecordedOperation {
    let call: PoolingCall
    let indices: IndexTensor?

    init(_ call: PoolingCall, _ indices: IndexTensor?) {
        (self.call, self.indices) = (call, indices)
        super.init("pool2d")
    }

    override func backward(_ pass: BackwardPass) {
        pass.add(call.gradient(pass.takeGradient(), indices: indices), toInput: 0)
    }
}
