/// A part that few descriptions have, in memory of its own: the towers of a model lie side by side in an array, whose
/// memory is the language runtime's and is to stay below 1 KB.
package indirect enum Boxed<Value: Sendable>: Sendable {
  case of(Value)

  package var value: Value {
    switch self {
    case .of(let value): value
    }
  }
}
