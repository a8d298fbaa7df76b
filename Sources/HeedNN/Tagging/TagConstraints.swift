import HeedTensor

/// How the tags of a sequence mark spans of several steps, such as names of persons.
public enum TaggingScheme: String, Sendable, CaseIterable {
    /// `B-X` begins a span of kind X, `I-X` continues it, `O` is outside of all (IOB2).
    case bio
    /// `B-X` begins a span, `I-X` continues it, `E-X` ends it, `S-X` is a span of one step, `O` is outside.
    case bioes
}

/// Names of tags that are not those of a ``TaggingScheme``.
public struct TaggingError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What was wrong, with the tag's name and number, and what was expected.
    public let description: String
}

/// What a sequence of tags may not do: go from one tag to another, begin with a tag, or end with it.
///
/// A ``ConditionalRandomField`` gives what is forbidden the probability 0.
public struct TagConstraints: Sendable, Equatable {
    /// The number of tags.
    public let tags: Int
    private var forbidden: [Bool]
    private var forbiddenStarts: [Bool]
    private var forbiddenEnds: [Bool]

    /// Makes constraints that allow everything.
    public init(tags: Int) {
        require(tags >= 0, "TagConstraints: \(tags) tags")
        self.tags = tags
        forbidden = Array(repeating: false, count: tags * tags)
        forbiddenStarts = Array(repeating: false, count: tags)
        forbiddenEnds = forbiddenStarts
    }

    /// Makes the constraints of a tagging scheme from the tags' names, in the order of their numbers.
    ///
    /// - `.bio`: `I-X` follows only `B-X` and `I-X`, and no sequence begins with it.
    /// - `.bioes`: `I-X` and `E-X` follow only `B-X` and `I-X`, and only they follow those; no sequence begins with
    ///   `I-X` or `E-X` or ends with `B-X` or `I-X`.
    ///
    /// - Throws: ``TaggingError`` if a name is not of the scheme, occurs twice, or is of a tag that no sequence could
    ///   ever have, such as `I-X` where there is no `B-X`.
    public init(names: [String], scheme: TaggingScheme) throws(TaggingError) {
        self.init(tags: names.count)
        var seen: Set<String> = []
        var parts: [(letter: Character, kind: Substring)] = []
        for (number, name) in names.enumerated() {
            guard seen.insert(name).inserted else {
                throw TaggingError(description: "tag \(number), \"\(name)\", has the name of one before it")
            }
            let letters = scheme == .bio ? "BI" : "BIES"
            if name == "O" {
                parts.append(("O", ""))
            } else if let first = name.first, letters.contains(first), name.dropFirst().first == "-", name.count > 2 {
                parts.append((first, name.dropFirst(2)))
            } else {
                let expected = letters.map { "\($0)-KIND" }.joined(separator: ", ")
                throw TaggingError(
                    description: "tag \(number), \"\(name)\", is not O or one of \(expected), as the scheme "
                        + "\(scheme.rawValue) has them")
            }
        }
        for (to, target) in parts.enumerated() {
            let continues = target.letter == "I" || target.letter == "E"
            forbiddenStarts[to] = continues
            forbiddenEnds[to] = scheme == .bioes && (target.letter == "B" || target.letter == "I")
            for (from, source) in parts.enumerated() {
                let isInside = source.letter == "B" || source.letter == "I"
                let fits = isInside && source.kind == target.kind
                let isAllowed = continues ? fits : scheme == .bio || !isInside
                forbidden[from * tags + to] = !isAllowed
            }
        }
        try requireUse(of: names)
    }

    /// Throws for the first tag that nothing else leads to, or that leads to nothing else.
    private func requireUse(of names: [String]) throws(TaggingError) {
        for tag in 0..<tags {
            let others = (0..<tags).filter { $0 != tag }
            let begins = allows(startingWith: tag) || others.contains { allows(from: $0, to: tag) }
            let ends = allows(endingWith: tag) || others.contains { allows(from: tag, to: $0) }
            guard begins, ends else {
                throw TaggingError(
                    description: "tag \(tag), \"\(names[tag])\", could never be in a sequence: no tag "
                        + (begins ? "continues or ends" : "begins") + " a span of its kind")
            }
        }
    }

    /// Forbids the transition from one tag to another.
    public mutating func forbid(from: Int, to: Int) { forbidden[position(from, to)] = true }
    /// Forbids sequences that begin with a tag.
    public mutating func forbid(startingWith tag: Int) { forbiddenStarts[position(tag)] = true }
    /// Forbids sequences that end with a tag.
    public mutating func forbid(endingWith tag: Int) { forbiddenEnds[position(tag)] = true }

    /// Returns whether a transition is allowed.
    public func allows(from: Int, to: Int) -> Bool { !forbidden[position(from, to)] }
    /// Returns whether sequences may begin with a tag.
    public func allows(startingWith tag: Int) -> Bool { !forbiddenStarts[position(tag)] }
    /// Returns whether sequences may end with a tag.
    public func allows(endingWith tag: Int) -> Bool { !forbiddenEnds[position(tag)] }

    /// Returns the first step whose tag may not stand where it does, or nil if the whole sequence is allowed. Use it to
    /// find faults in data: the loss of a sequence that takes what is forbidden is infinite.
    public func firstViolation(in sequence: [Int]) -> Int? {
        for (step, tag) in sequence.enumerated() {
            let isAllowed = step == 0 ? allows(startingWith: tag) : allows(from: sequence[step - 1], to: tag)
            if !isAllowed || (step + 1 == sequence.count && !allows(endingWith: tag)) { return step }
        }
        return nil
    }

    private func position(_ tag: Int) -> Int {
        require((0..<tags).contains(tag), "TagConstraints: tag \(tag) is not from 0 to \(tags - 1)")
        return tag
    }
    private func position(_ from: Int, _ to: Int) -> Int { position(from) * tags + position(to) }

    /// The scores with minus infinity in place of what is forbidden.
    func applied(transitions: Tensor, start: Tensor, end: Tensor) -> (transitions: Tensor, start: Tensor, end: Tensor) {
        func masked(_ tensor: Tensor, _ forbidden: [Bool]) -> Tensor {
            guard forbidden.contains(true) else { return tensor }
            var copy = tensor.contiguous()
            copy.withUnsafeMutableElements { elements in
                for (number, isForbidden) in forbidden.enumerated() where isForbidden { elements[number] = -.infinity }
            }
            return copy
        }
        return (masked(transitions, forbidden), masked(start, forbiddenStarts), masked(end, forbiddenEnds))
    }
}
