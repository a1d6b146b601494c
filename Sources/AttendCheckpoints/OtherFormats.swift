// Folders whose weights are in a format that this library does not read: which file is there, and what is needed.
import AttendBase

/// The formats of models that are met in folders like those of Hugging Face, by the names of their files.
enum OtherFormats {
  /// Endings of names with the format; the first that any file has is the one that is told.
  private static let endings = [
    ("adapter_config.json", "an adapter of PEFT, which needs its base model: merge the two with merge_and_unload"),
    (
      "adapter_model.safetensors", "an adapter of PEFT, which needs its base model: merge the two with merge_and_unload"
    ),
    (".gguf", "GGUF"), (".ggml", "GGML"), (".onnx", "ONNX"), ("tf_model.h5", "Keras"),
    ("rust_model.ot", "rust-bert"),
    ("openvino_model.bin", "OpenVINO"), (".mlmodel", "Core ML"), (".mlpackage", "Core ML"), (".tflite", "LiteRT"),
    (".ckpt.index", "TensorFlow"), (".npz", "NumPy"), ("consolidated.safetensors", "Mistral's own names"),
    ("consolidated.00.pth", "Llama's own names"),
    (".pth", "one of several files of PyTorch: name the one that is meant"),
    (".pt", "one of several files of PyTorch: name the one that is meant"),
    ("model.bin", "neither of CTranslate2 nor called pytorch_model.bin"),
    (".safetensors", "safetensors under another name than model.safetensors"),
    (".bin", "no pytorch_model.bin, nor a part that a pytorch_model.bin.index.json names"),
  ]

  /// Beginnings of names of what trainers write beside a model.
  static let leftovers = ["optimizer", "scheduler", "rng_state", "scaler", "training_"]

  /// A file in the folder, or in its folder `onnx`, that holds a model in another format, and that format; nil where
  /// there is none.
  static func find(in folder: HuggingFaceFolder) -> (file: String, format: String)? {
    for (ending, format) in endings {
      func isModel(_ name: String) -> Bool {
        name.hasSuffix(ending) && WeightFormat(rawValue: name) == nil && !leftovers.contains { name.hasPrefix($0) }
      }
      if let name = folder.firstName(where: isModel) { return (name, format) }
      if let name = folder.folder("onnx").firstName(where: isModel) { return ("onnx/\(name)", format) }
    }
    return nil
  }

  /// Why a folder without weights of ours cannot be used.
  static func refusal(_ folder: HuggingFaceFolder) -> Failure {
    let needed =
      "model.safetensors, pytorch_model.bin or flax_model.msgpack, alone or in shards with an index.json, or "
      + "CTranslate2's model.bin, or a file in GGUF"
    guard let (file, format) = find(in: folder) else {
      return Failure(.notFound, "\(folder.path) holds no weights: it needs \(needed)")
    }
    return Failure(
      .unsupported,
      "\(folder.path) has its weights in \(file) only (\(format)); needed are \(needed)\(advice(format))")
  }

  /// What to do with a format; empty where its name says it.
  private static func advice(_ format: String) -> String {
    switch format {
    case "Keras", "TensorFlow":
      ": transformers 4 converts it, from_pretrained(folder, from_tf=True).save_pretrained(folder)"
    case "ONNX", "OpenVINO", "Core ML", "LiteRT":
      ": a program that was made of a model is not turned back; take the checkpoint that it was exported from"
    default: ": save_pretrained of transformers writes them"
    }
  }
}

/// State dicts of PyTorch under names of their own.
enum StateDicts {
  /// The only file of the folder whose name ends like that of a state dict; nil where there is none, or several.
  static func only(in folder: HuggingFaceFolder) -> String? {
    let names = folder.names { name in
      (name.hasSuffix(".pt") || name.hasSuffix(".pth")) && !name.hasPrefix("consolidated.")
        && !OtherFormats.leftovers.contains { name.hasPrefix($0) }
    }
    return names.count == 1 ? names[0] : nil
  }
}
