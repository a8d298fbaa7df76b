/// Cuts a text into words, punctuation and line breaks, from left to right.
///
/// - A word is a longest stretch of letters, digits and the marks that combine with them. One apostrophe or hyphen
///   between two of them belongs to the word ("don't", "well-known"), and so does a point or comma between two digits
///   ("3.14", "1,000").
/// - A line break is a piece of its own, `"\n"`: LF, CR, CR LF, NEL, or the separators of lines and paragraphs.
/// - Other white space only separates, and leaves no piece.
/// - Any other scalar is a piece of its own.
///
/// A script that puts no spaces between words, such as Chinese, gives one long word per stretch: read it character by
/// character.
struct TextWords: Sequence, IteratorProtocol {
    static let lineBreak = "\n"

    private let scalars: String.UnicodeScalarView
    private var index: String.UnicodeScalarView.Index

    init(of text: String) {
        scalars = text.unicodeScalars
        index = scalars.startIndex
    }

    mutating func next() -> String? {
        while index < scalars.endIndex {
            let start = index
            let scalar = scalars[index]
            scalars.formIndex(after: &index)
            // Words first: most scalars are theirs.
            if Self.isOfWord(scalar) {
                skipWord(from: start)
                return String(scalars[start..<index])
            }
            if Self.breaksLine(scalar) {
                if scalar == "\r", index < scalars.endIndex, scalars[index] == "\n" {
                    scalars.formIndex(after: &index)
                }
                return Self.lineBreak
            }
            if scalar.properties.isWhitespace { continue }
            return String(scalars[start..<index])
        }
        return nil
    }

    /// Moves to the end of the word that begins at `start`.
    private mutating func skipWord(from start: String.UnicodeScalarView.Index) {
        var last = scalars[start]
        while index < scalars.endIndex {
            let scalar = scalars[index]
            if !Self.isOfWord(scalar) {
                let following = scalars.index(after: index)
                guard following < scalars.endIndex, Self.joins(scalar, last, scalars[following]) else { return }
            }
            last = scalar
            scalars.formIndex(after: &index)
        }
    }

    private static func joins(_ scalar: Unicode.Scalar, _ left: Unicode.Scalar, _ right: Unicode.Scalar) -> Bool {
        switch scalar {
        case "'", "\u{2019}", "-", "\u{2010}", "\u{2011}": isOfWord(left) && isOfWord(right)
        case ".", ",": isDigit(left) && isDigit(right)
        default: false
        }
    }

    static func isOfWord(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII {
            return ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar) || ("0"..."9").contains(scalar)
        }
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .nonspacingMark,
            .spacingMark, .enclosingMark, .decimalNumber, .letterNumber, .otherNumber:
            return true
        default: return false
        }
    }

    private static func isDigit(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.generalCategory == .decimalNumber
    }

    private static func breaksLine(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "\n", "\r", "\u{85}", "\u{2028}", "\u{2029}": true
        default: false
        }
    }
}
