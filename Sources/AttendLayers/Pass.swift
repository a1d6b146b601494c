import AttendBase
import AttendDispatch

/// The engine and the scratch memory of one call. Belongs to one thread.
package struct Pass {
  package let engine: Engine
  package let workspace: Workspace
  /// Keeps the attention maps; nil: nobody wants them.
  package let recorder: AttentionRecorder?

  package init(engine: Engine, workspace: Workspace, recorder: AttentionRecorder? = nil) {
    self.engine = engine
    self.workspace = workspace
    self.recorder = recorder
  }

  /// The same with attention maps that nobody wants.
  var withoutRecorder: Pass { Pass(engine: engine, workspace: workspace) }

  /// Counts a layer as done for `rows` tokens. Throws `cancelled` where the caller wants no more.
  package func finishedLayer(rows: Int) throws(Failure) {
    engine.cancellation?.advance(rows)
    try engine.cancellation?.check()
  }

  /// Throws `cancelled` where the caller wants no more: what was computed since the last look may be unfinished, and is
  /// not to be kept.
  package func checkCancellation() throws(Failure) { try engine.cancellation?.check() }

  /// Runs `body` and gives back the scratch memory that it took.
  package func scoped<Result>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
    let mark = workspace.mark()
    defer { workspace.release(to: mark) }
    return try body()
  }
}
