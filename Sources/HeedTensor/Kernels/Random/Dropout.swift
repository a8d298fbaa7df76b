internal import CKernels

/// Computes dropout: `y[i] = x[i] / (1 - probability)` where the mask keeps `i`, else 0 (Srivastava et al. 2014, scaled
/// while training).
///
/// The mask is drawn by counting from seed, stream and place, and never stored: the gradient of the input is the same
/// function of the gradient of the output, with the same seed, stream and offset. An element that is dropped has no
/// effect, even if it is NaN.
///
/// - Parameters:
///   - input: A tensor of any shape. Places count its elements in row-major order.
///   - probability: The probability that an element is dropped, 0 to 1.
///   - seed: The seed of the masks. Use another one for each call.
///   - stream: One of the seed's sequences.
///   - offset: The place of the first element in the sequence.
/// - Returns: A contiguous tensor of the input's shape.
/// - Precondition: the probability is in 0 ... 1.
public func dropout(_ input: Tensor, probability: Float, seed: UInt64, stream: UInt64 = 0, offset: UInt64 = 0) -> Tensor
{
    var random = HeedRandom(seed: seed, stream: stream, offset: offset)
    return Tensor(shape: input.shape) { output in
        input.withUnsafeElements { elements in
            trapping { () throws(TensorError) in
                try heed_dropout_forward(
                    &random, probability, elements.count, elements.baseAddress, output.baseAddress
                ).check("dropout", "input \(input.shape), probability \(probability)")
            }
        }
    }
}
