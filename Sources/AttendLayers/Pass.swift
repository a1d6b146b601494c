import AttendBase
import AttendDispatch

/// What the layers of one call compute with. Belongs to one thread.
package struct Pass {
  package let engine: Engine
  package let workspace: Workspace

  package init(engine: Engine, workspace: Workspace) {
    self.engine = engine
    self.workspace = workspace
  }

  /// Runs `body` and gives back the scratch memory that it took.
  package func scoped<Result>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
    let mark = workspace.mark()
    defer { workspace.release(to: mark) }
    return try body()
  }
}
