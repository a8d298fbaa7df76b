/// Finds what a mistyped name was meant to be.
package enum Nearest {
    /// Returns the name that is so near to a word that it was probably meant: it differs by two letters at the most (by
    /// one if the word is short), or one is a part of the other. Nil if there is none.
    package static func name(to word: String, among names: [String]) -> String? {
        let word = word.lowercased()
        guard word.count > 1, word.count < 64 else { return nil }
        let limit = word.count < 5 ? 1 : 2
        let near = names.map { (name: $0, distance: distance(word, $0.lowercased())) }
            .filter { $0.distance <= limit }.min { $0.distance < $1.distance }
        if let near { return near.name }
        let related = names.filter { word.count > 2 && ($0.contains(word) || word.contains($0)) }
        return related.count == 1 ? related[0] : nil
    }

    /// The number of letters to insert, remove, replace or exchange with their neighbour (optimal string alignment).
    static func distance(_ first: String, _ second: String) -> Int {
        let (first, second) = (Array(first), Array(second))
        var before: [Int] = []
        var last = Array(0...second.count)
        for i in first.indices {
            var row = [i + 1]
            for j in second.indices {
                var least = min(last[j + 1] + 1, row[j] + 1, last[j] + (first[i] == second[j] ? 0 : 1))
                if i > 0, j > 0, first[i] == second[j - 1], first[i - 1] == second[j] {
                    least = min(least, before[j - 1] + 1)
                }
                row.append(least)
            }
            (before, last) = (last, row)
        }
        return last[second.count]
    }
}
