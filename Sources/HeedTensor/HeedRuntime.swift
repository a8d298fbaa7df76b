/// What the engine found on this machine and what it decided: instruction set, threads, memory, peaks.
public enum HeedRuntime {
    /// The version of Heed.
    public static let version = "0.1.0"
}
