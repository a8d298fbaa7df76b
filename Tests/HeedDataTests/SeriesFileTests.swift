import Testing

@testable import HeedData

@Suite struct SeriesFileTests {
    static let head = "# from the archive\n@problemName Two\n@timeStamps false\n@classLabel true a b\n"

    @Test func readsVectorsOfDifferentLengths() throws {
        let file = try SeriesFile(
            text: Self.head + "@dimensions 2\n\n@data\n1,2.5,-3e1:4,5,6:b\n7: 8 : a\n", source: "t")
        #expect(file.dimensions == 2 && file.classes == ["a", "b"])
        #expect(
            file.series == [
                LabelledSeries(values: [1, 4, 2.5, 5, -30, 6], length: 3, label: "b"),
                LabelledSeries(values: [7, 8], length: 1, label: "a"),
            ])
        let simple = try SeriesFile(text: "@univariate true\n" + Self.head + "@data\n1,2:a", source: "t")
        #expect(simple.dimensions == 1)
        #expect(try SeriesFile(text: Self.head + "@data\n1:2:3:a\n4:5:6:b", source: "t").dimensions == 3)
    }

    @Test(arguments: [
        (head + "@data\n1,2\n", 6, "it has no colon"), (head + "@data\n1,?:a\n", 6, "\"?\" is not a finite number"),
        (head + "@data\n1,2:3:a", 6, "dimension 2 has 1 values"), (head + "@data\n1:c", 6, "its class \"c\" is not"),
        (head + "@data\n1:a\n1:2:b", 7, "it has 2 dimensions, and 1"),
        (head + "@data\n1,:a", 6, "\"\" is not a finite"),
        (head + "@data\nnan:a", 6, "\"nan\" is not a finite"), (head + "1:a", 5, "it stands before @data"),
        (head + "@dimensions 0", 5, "a number of dimensions"), ("@data\n1:a", 1, "no line @classLabel"),
        ("@classLabel false", 1, "it has no classes"), ("@classLabel true a a", 1, "different names"),
        ("@timestamps true", 1, "it has time stamps"), ("@missing TRUE", 1, "it has missing values"),
        ("@univariate true\n@dimensions 3", 2, "3 dimensions, and 1"),
    ]) func namesTheLine(text: String, line: Int, reason: String) {
        let error = #expect(throws: DataError.self) { try SeriesFile(text: text, source: "t") }
        #expect(error?.line == line && error?.reason.hasPrefix(reason) == true, "\(String(describing: error))")
    }

    @Test func refusesNoSeries() {
        for text in ["", "# only\n", Self.head, Self.head + "@data\n\n"] {
            #expect(throws: DataError.self) { try SeriesFile(text: text, source: "t") }
        }
    }
}
