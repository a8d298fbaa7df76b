/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
package enum SplitMix64 {
    /// What the state grows by from number to number: 2^64 divided by the golden ratio, made odd.
    package static let increment: UInt64 = 0x9E37_79B9_7F4A_7C15

    /// The number behind a state, a bijection: the state grown by ``increment``, then mixed.
    package static func number(behind state: UInt64) -> UInt64 {
        var mixed = state &+ increment
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
