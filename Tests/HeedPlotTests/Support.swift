import Foundation
import Testing

#if canImport(FoundationXML)
import FoundationXML
#endif

/// A picture as an XML reader sees it.
final class ParsedPicture: NSObject, XMLParserDelegate {
    private(set) var counts: [String: Int] = [:]
    private(set) var texts: [String] = []
    private(set) var attributes: [[String: String]] = []
    private var isText = false
    private(set) var isWellFormed = false

    init(_ document: String) {
        super.init()
        let parser = XMLParser(data: Data(document.utf8))
        parser.delegate = self
        isWellFormed = parser.parse()
    }

    func parser(
        _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
        attributes: [String: String] = [:]
    ) {
        counts[name, default: 0] += 1
        self.attributes.append(attributes)
        isText = name == "text"
        if isText { texts.append("") }
    }

    func parser(_ parser: XMLParser, foundCharacters characters: String) {
        if isText { texts[texts.count - 1] += characters }
    }

    func parser(_ parser: XMLParser, didEndElement: String, namespaceURI: String?, qualifiedName: String?) {
        isText = false
    }

    /// The width and height of the drawing.
    var size: (width: Double, height: Double) {
        let box = attributes.first?["viewBox"]?.split(separator: " ").compactMap { Double($0) } ?? []
        return box.count == 4 ? (box[2], box[3]) : (0, 0)
    }

    /// Holds a picture to what every one promises: well-formed, all numbers finite, every text and cell inside.
    func requireWhole(_ document: String, sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(isWellFormed, sourceLocation: sourceLocation)
        let (width, height) = size
        for attribute in attributes.dropFirst() {
            for key in ["x", "y", "cx", "cy", "width", "height", "fill-opacity"] {
                guard let text = attribute[key] else { continue }
                let number = Double(text)
                #expect(number?.isFinite == true, "\(key)=\(text)", sourceLocation: sourceLocation)
                guard let number, width > 0 else { continue }
                let most = ["x", "cx", "width"].contains(key) ? width : height
                #expect(number >= 0 && number <= most, "\(key)=\(text) of \(most)", sourceLocation: sourceLocation)
            }
        }
        let hasStrayNumber = attributes.contains { $0["points"]?.contains("n") == true }
        #expect(!hasStrayNumber, sourceLocation: sourceLocation)
    }
}
