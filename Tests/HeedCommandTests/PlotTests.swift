import Foundation
import HeedPlot
import HeedTensor
import Testing

@testable import HeedCommand

#if canImport(FoundationXML)
import FoundationXML
#endif

@Suite struct PlotTests {
    private static let surroundings = Surroundings(
        threads: 2, instructionSet: "avx512", processor: "A<B> & \"C\" \u{1B}[31m\u{0}", version: "1.0",
        memoryBytes: 1 << 34, processors: 2, load: 0.25, date: Date(timeIntervalSince1970: 1_790_000_000))

    private static func measurement(
        _ arm: AttentionAlgorithm, length: Int, seconds: Double, bytes: Int, source: String? = nil
    ) -> AttentionMeasurement {
        let problem = AttentionProblem().with(length: length)
        return AttentionMeasurement(
            arm: arm, problem: problem,
            timing: Stopwatch.Timing(seconds: [seconds, seconds, seconds], yardsticks: [200, 200, 200]),
            extraBytes: bytes, maximumError: nil, errorRows: nil, tokensPerSecond: 1, source: source)
    }

    @Test func `a picture is well-formed whatever the processor's name holds`() {
        let measurements = [128, 256, 512].flatMap { length in
            AttentionArms.all.map {
                Self.measurement($0, length: length, seconds: Double(length) * 1e-5, bytes: length)
            }
        }
        let document = AttentionPlot(measurements, surroundings: Self.surroundings).document
        #expect(XMLParser(data: Data(document.utf8)).parse())
        #expect(document.contains("A&lt;B&gt; &amp; &quot;C&quot;"))
        #expect(!document.contains("nan") && !document.contains("inf"))
    }

    @Test func `one length, no memory and no time at all can be drawn`() {
        for (seconds, bytes) in [(1e-3, 0), (1e-9, 1), (0, 0), (100, 1 << 50)] {
            let document = AttentionPlot(
                [Self.measurement(.tiled, length: 1, seconds: seconds, bytes: bytes)], surroundings: Self.surroundings
            ).document
            #expect(XMLParser(data: Data(document.utf8)).parse())
            #expect(!document.contains("nan") && !document.contains("inf"))
        }
    }

    @Test func `a report escapes what comes from outside`() {
        let report = AttentionReport(
            [Self.measurement(.tiled, length: 128, seconds: 1e-3, bytes: 1, source: "<script>x</script>")],
            leftOut: ["naive left out <i>"], surroundings: Self.surroundings, command: "heed <b>"
        ).document
        #expect(!report.contains("<script") && !report.contains("heed <b>") && !report.contains("<i>"))
    }

    @Test func `a report says when, under what load and what was left out`() {
        let report = AttentionReport(
            [Self.measurement(.tiled, length: 128, seconds: 1e-3, bytes: 1)],
            leftOut: ["naive left out from length 4096 on: it is slow"], surroundings: Self.surroundings,
            command: "heed bench attention --sweep"
        ).document
        #expect(report.contains("2026-09-21T14:13:20Z, load 0.250 on 2 processors"))
        #expect(report.contains("<li>naive left out from length 4096 on: it is slow</li>"))
        #expect(report.contains("<pre>heed bench attention --sweep</pre>") && !report.contains("busy, so"))
    }

    @Test func `a busy machine is named in picture and report`() {
        let busy = Surroundings(
            threads: 2, instructionSet: "avx2", processor: "A", version: "1.0", memoryBytes: 1 << 34, processors: 2,
            load: 7, date: Date(timeIntervalSince1970: 0))
        let measurements = [Self.measurement(.tiled, length: 128, seconds: 1e-3, bytes: 1)]
        let picture = AttentionPlot(measurements, surroundings: busy).document
        let report = AttentionReport(measurements, leftOut: [], surroundings: busy, command: "heed").document
        for document in [picture, report] {
            #expect(document.contains("the load before the run was 7.00 on 2 processors"))
        }
    }

    @Test func `a picture has dark colours and the share of the peak`() {
        let document = AttentionPlot(
            [Self.measurement(.tiled, length: 128, seconds: 1e-3, bytes: 1)], surroundings: Self.surroundings
        ).document
        #expect(document.contains("prefers-color-scheme: dark") && document.contains(">100 %<"))
        for color in Palette.dark.keys where color != Palette.color(.naive) && color != Palette.color(.materialized) {
            #expect(document.contains(color))
        }
    }

    @Test func `a narrow picture breaks its texts and leaves lengths out`() throws {
        let busy = Surroundings(
            threads: 2, instructionSet: "avx2", processor: "Processor of a very long name, 96 cores of 2 threads each",
            version: "1.0", memoryBytes: 1 << 34, processors: 2, load: 70.5, date: Date(timeIntervalSince1970: 0))
        let measurements = AttentionSweep.lengths.map {
            Self.measurement(.tiled, length: $0, seconds: Double($0) * 1e-5, bytes: $0)
        }
        for layout in [AttentionPlot.Layout.wide, .narrow] {
            let document = AttentionPlot(measurements, surroundings: busy, layout: layout).document
            #expect(XMLParser(data: Data(document.utf8)).parse())
            // No text passes the right edge, at a character's usual width.
            for match in document.matches(
                of: /<text x="([0-9.]+)" y="[0-9.]+" font-size="([0-9.]+)"[^>]*"start"[^>]*>([^<]*)/)
            {
                let (x, size) = (try #require(Double(match.1)), try #require(Double(match.2)))
                #expect(x + Double(match.3.count) * size * 0.58 < layout.width, "\(match.3)")
            }
            let labels = AttentionSweep.lengths.filter { document.contains(">\($0)</text>") }
            #expect(labels == (layout == .wide ? AttentionSweep.lengths : [256, 1024, 4096, 16384]))
        }
    }

    @Test(arguments: [(5, 9, true), (9, 5, true), (7, 7, true), (5, 9, false), (9, 5, false), (1, 1, true)])
    func `pairs that are seen are counted as the mask sees them`(queries: Int, keys: Int, lowerRight: Bool) {
        var problem = AttentionProblem()
        (problem.queryLength, problem.keyLength, problem.causal) = (queries, keys, true)
        problem.alignment = lowerRight ? .lowerRight : .upperLeft
        var pairs = 0
        for i in 0..<queries { for j in 0..<keys where j <= i + problem.causalOffset { pairs += 1 } }
        #expect(problem.pairs == Double(pairs))
    }

    @Test func `names are fit for one line`() {
        #expect("a\nb\r\t\u{1B}[0m\u{202E}\u{2028}é".escapedForOneLine == #"a\nb\r\t\u{1B}[0m\u{202E}\u{2028}é"#)
    }

    @Test func `numbers are written as people read them`() {
        #expect(
            Units.seconds(0.0123) == "12.3 ms" && Units.seconds(2) == "2.00 s" && Units.seconds(9.996e-4) == "1.00 ms")
        #expect(Units.bytes(512) == "512 B" && Units.bytes(1_500_000) == "1.50 MB")
        #expect(Units.significant(.infinity) == "infinite" && Units.significant(0) == "0")
        #expect(Statistics.median([3, 1, 2]) == 2 && Statistics.median([4, 1, 2, 3]) == 2.5)
    }
}
