/// Places the names of lines at their ends so that none covers another or a line.
package struct LabelPlacement {
    package struct Box: Sendable, Equatable {
        package let x: Double
        package let y: Double
        package let width: Double
        package let height: Double

        package init(x: Double, y: Double, width: Double, height: Double) {
            self.x = x
            self.y = y
            self.width = width
            self.height = height
        }

        package func intersects(_ other: Box) -> Bool {
            x < other.x + other.width && other.x < x + width && y < other.y + other.height && other.y < y + height
        }

        /// Whether a segment runs through the box, by looking at points of it.
        package func isCrossed(from first: PlotPoint, to second: PlotPoint) -> Bool {
            (0...32).contains { step in
                let part = Double(step) / 32
                let px = first.x + (second.x - first.x) * part
                let py = first.y + (second.y - first.y) * part
                return px > x && px < x + width && py > y && py < y + height
            }
        }
    }

    private let lines: [[PlotPoint]]
    private let area: Box
    private var taken: [Box] = []

    /// Labels for these lines in this area.
    package init(lines: [[PlotPoint]], area: Box) {
        self.lines = lines
        self.area = area
    }

    /// Returns a place next to the end of a line, within the drawing: the first free one of right, below, above and
    /// left, or the one that covers least.
    package mutating func besideEnd(_ end: PlotPoint, width: Double, height: Double) -> Box {
        let candidates = [
            (12, -height / 2), (10, 6), (10, 20), (-width - 12, -height - 2), (-width / 2, -height - 10),
            (4, -height - 10), (10, 36), (-width - 12, 6), (-width / 2, 12), (10, -height - 26), (10, 52),
        ].map { Box(x: end.x + $0, y: end.y + $1, width: width, height: height) }
            .filter { $0.x >= area.x && $0.y >= area.y && $0.y + $0.height <= area.y + area.height }
        let counted = candidates.map { (box: $0, covered: covered(by: $0)) }
        let box =
            counted.min { $0.covered < $1.covered }?.box
            ?? Box(x: end.x + 12, y: end.y - height / 2, width: width, height: height)
        taken.append(box)
        return box
    }

    /// The number of labels, segments and points of lines under a box.
    private func covered(by box: Box) -> Int {
        let near = Box(
            x: box.x - Self.markerRadius, y: box.y - Self.markerRadius, width: box.width + 2 * Self.markerRadius,
            height: box.height + 2 * Self.markerRadius)
        let segments = lines.map { line in
            zip(line, line.dropFirst()).count { box.isCrossed(from: $0, to: $1) }
                + line.count { near.isCrossed(from: $0, to: $0) }
        }
        // Text over text cannot be read at all.
        return segments.reduce(0, +) + 8 * taken.count(where: box.intersects)
    }

    private static let markerRadius = 6.0

    /// Returns heights for labels in one column: each as near to its wish as `spacing` allows, within `range`, in the
    /// order of the wishes.
    package static func column(_ wishes: [Double], spacing: Double, range: ClosedRange<Double>) -> [Double] {
        let order = wishes.indices.sorted { (wishes[$0], $0) < (wishes[$1], $1) }
        // Neighbours that would overlap are merged into a block around the mean of their wishes.
        var blocks: [(members: [Int], center: Double)] = []
        for index in order {
            var block = (members: [index], center: wishes[index])
            while let last = blocks.last {
                let gap = block.center - last.center
                let needed = spacing * Double(last.members.count + block.members.count) / 2
                guard gap < needed else { break }
                blocks.removeLast()
                let members = last.members + block.members
                block = (members, members.map { wishes[$0] }.reduce(0, +) / Double(members.count))
            }
            let half = spacing * Double(block.members.count - 1) / 2
            let lowest = range.lowerBound + half
            block.center = min(max(block.center, lowest), max(range.upperBound - half, lowest))
            blocks.append(block)
        }
        var heights = wishes
        for block in blocks {
            let top = block.center - spacing * Double(block.members.count - 1) / 2
            for (position, index) in block.members.enumerated() { heights[index] = top + spacing * Double(position) }
        }
        return heights
    }
}
