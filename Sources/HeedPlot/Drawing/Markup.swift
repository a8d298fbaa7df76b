/// Text in XML and HTML.
package enum Markup {
    /// `&`, `<`, `>` and quotes as entities; control characters, which XML cannot hold, left out.
    package static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            case _ where scalar.properties.generalCategory == .control || (0xFFFE...0xFFFF).contains(scalar.value):
                break
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
