import Heed

extension RandomGenerator {
    /// The generator of a benchmark's operands: the same numbers in every run and on every machine.
    static var benchmark: RandomGenerator { RandomGenerator(seed: 0x4865_6564) }
}
