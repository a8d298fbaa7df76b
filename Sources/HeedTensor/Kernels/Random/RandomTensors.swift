internal import CKernels

// Many random numbers at once, drawn by the vectorised kernels: the same bits for any number of threads and on every
// machine.

extension StridedTensor where Scalar == Float {
    /// Returns numbers from `range.lowerBound` to below `range.upperBound`, each as likely as the others. They are
    /// drawn from the generator's next whole block of 64 words on, so that a tensor's numbers depend only on seed,
    /// stream and that block. The generator continues after them.
    ///
    /// - Precondition: the bounds are finite.
    public static func uniform(
        _ shape: Shape, in range: Range<Float>, using generator: inout RandomGenerator
    ) -> Tensor {
        drawn("Tensor.uniform", shape, using: &generator) { random, count, output in
            heed_random_uniform(&random, range.lowerBound, range.upperBound, count, output)
        }
    }

    /// Returns numbers of a normal distribution (Box and Muller 1958), drawn as in ``uniform(_:in:using:)``.
    ///
    /// - Precondition: mean and standard deviation are finite, and the latter is not negative.
    public static func normal(
        _ shape: Shape, mean: Float = 0, standardDeviation: Float = 1, using generator: inout RandomGenerator
    ) -> Tensor {
        drawn("Tensor.normal", shape, using: &generator) { random, count, output in
            heed_random_normal(&random, mean, standardDeviation, count, output)
        }
    }

    /// Draws the same from the default source, ``RandomGenerator/init()``.
    public static func uniform(_ shape: Shape, in range: Range<Float>) -> Tensor {
        var generator = RandomGenerator()
        return uniform(shape, in: range, using: &generator)
    }

    /// Draws the same from the default source, ``RandomGenerator/init()``.
    public static func normal(_ shape: Shape, mean: Float = 0, standardDeviation: Float = 1) -> Tensor {
        var generator = RandomGenerator()
        return normal(shape, mean: mean, standardDeviation: standardDeviation, using: &generator)
    }

    private static func drawn(
        _ name: String, _ shape: Shape, using generator: inout RandomGenerator,
        _ draw: (inout HeedRandom, Int, UnsafeMutablePointer<Float>) -> HeedStatus
    ) -> Tensor {
        var random = HeedRandom(
            seed: generator.seed, stream: generator.stream, offset: generator.takeBlocks(count: shape.count))
        return Tensor(shape: shape) { output in
            guard let start = output.baseAddress, shape.count > 0 else { return }
            trapping { () throws(TensorError) in
                try draw(&random, shape.count, start).check(name, "shape \(shape)")
            }
        }
    }
}
