import Heed

extension RandomGenerator {
    /// Where benchmarks take their operands from: the same numbers in every run and on every machine.
    static var benchmark: RandomGenerator { RandomGenerator(seed: 0x4865_6564) }
}
