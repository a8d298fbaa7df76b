import Foundation

/// Folders and files of `Tests/Fixtures` and of the package, found from where this source file lies.
public enum Fixtures {
    /// The root of the package.
    public static let packageRoot = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// `Tests/Fixtures/NAME`.
    public static func url(_ name: String) -> URL {
        packageRoot.appendingPathComponent("Tests/Fixtures").appendingPathComponent(name)
    }

    /// The path of `Tests/Fixtures/NAME`.
    public static func path(_ name: String) -> String { url(name).path }
}
