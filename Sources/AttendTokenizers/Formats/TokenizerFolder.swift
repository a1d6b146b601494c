import AttendBase
import AttendCheckpoints
import Glibc

extension TokenizerParts {
  /// Finds the tokenizer of a folder, or reads the file given.
  init(path: String) throws(Failure) {
    var status = stat()
    guard stat(path, &status) == 0 else { throw Failure(.notFound, "\(path) does not exist") }
    if status.st_mode & S_IFMT == S_IFDIR {
      let file = path + "/tokenizer.json"
      guard access(file, F_OK) == 0 else { throw Failure(.notFound, "\(path) holds no tokenizer (tokenizer.json)") }
      self = try TokenizerJSON(root: try JSON.file(file)).parts()
    } else {
      self = try TokenizerJSON(root: try JSON.file(path)).parts()
    }
  }
}
