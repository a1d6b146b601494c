import AttendKernelInterface
import CInstructions

/// The name of this set of kernels; with tiles it has one of its own.
private func name(_ features: UInt32) -> String {
  #if ATTEND_AVX512
    features & UInt32(ATTEND_CPU_AMX_INT8) != 0 ? "amx" : "avx512"
  #elseif ATTEND_FMA
    "avx2"
  #else
    "portable"
  #endif
}

/// The kernels of this instruction set, with the extensions that `features` (ATTEND_CPU_ bits) holds. To be called only where the CPU has
/// the set.
@inline(never) package func kernelTable(features: UInt32) -> KernelTable {
  KernelTable(
    name: name(features), products: products(features),
    conversions: .init(
      pack: { pack($0, $1, $2, $3) }, convert: { convert($0, $1, $2, $3, $4, $5) }, prepareBFloat16: { prepareBFloat16($0, $1, $2) },
      prepareInt8: { prepareInt8($0, $1, $2) }, compressBFloat16: { compressBFloat16($0) }, compressInt8: { compressInt8($0) },
      compressInt4: { compressInt4($0) }, rotate: { hadamard($0, $1, $2, $3) }, rotatePanel: { hadamardPanel($0, $1, $2) }),
    rows: .init(
      layerNorm: { layerNorm($0, $1) }, rmsNorm: { rmsNorm($0, $1) }, rotate: { rotate($0, $1) }, add: { add($0, $1, $2, $3) },
      scale: { scale($0, $1, $2, $3) }, softmax: { softmax($0, $1, $2) }, activate: { activate($0, $1, $2, $3) },
      logSoftmax: { logSoftmax($0, $1, $2) }, logSumOfExponentials: { logSumOfExponentials($0, $1, $2) },
      exponentials: { exponentials($0, $1, $2, $3) }, topK: { topK($0, $1, $2, $3, $4) }),
    blocks: .init(
      summarize: { summarizeBlocks($0, $1, $2, $3) }, logSumOfExponentials: { logSumOfExponentials($0, $1, $2, $3) },
      topK: { topK($0, $1, bounds: $2, $3, $4, $5) }, stream: { stream($0, $1, $2) }), evaluate: { evaluate($0, $1, $2, $3) },
    finish: { finish($0, $1, $2, $3) },
    recurrent: .init(cell: { recurrentCell($0, $1) }, additive: { additiveAttention($0) }), attentionRows: tileRows,
    attention: .init(
      float32: .init(store: { storeKeyValues($0) }, attend: { attention($0, $1, $2, $3) }), bfloat16: bfloat16Attention(features),
      int8: .init(store: { storeKeyValuesInt8($0) }, attend: { attentionInt8($0, $1, $2, $3) }),
      int4: .init(store: { storeKeyValuesInt4($0) }, attend: { attentionInt4($0, $1, $2, $3) })))
}

private func bfloat16Attention(_ features: UInt32) -> KernelTable.Attention {
  #if ATTEND_AVX512
    if features & UInt32(ATTEND_CPU_AVX512_BF16) != 0 {
      return .init(store: { storeKeyValuesBFloat16($0) }, attend: { attentionBFloat16($0, $1, $2, $3) })
    }
  #endif
  return .init(store: { storeKeyValuesBFloat16($0) }, attend: { attentionBFloat16Widened($0, $1, $2, $3) })
}

private func products(_ features: UInt32) -> KernelTable.Products {
  var bfloat16: KernelTable.Multiply = { multiplyBFloat16Widened($0, $1, $2, $3) }
  var widensBFloat16 = true, widensInt8 = true
  var int8: KernelTable.Multiply = { multiplyInt8Widened($0, $1, $2, $3) }
  var int8Paired: KernelTable.Multiply = { multiplyInt8Paired($0, $1, $2, $3) }
  var int4: KernelTable.Multiply = { multiplyInt4Paired($0, $1, $2, $3) }
  #if ATTEND_AVX512
    if features & UInt32(ATTEND_CPU_AVX512_BF16) != 0 {
      bfloat16 = { multiplyBFloat16($0, $1, $2, $3) }
      widensBFloat16 = false
    }
    let dotProducts = features & UInt32(ATTEND_CPU_AVX512_VNNI) != 0
  #else
    let dotProducts = features & UInt32(ATTEND_CPU_AVX_VNNI) != 0
  #endif
  #if ATTEND_FMA
    if dotProducts {
      int8 = { multiplyInt8($0, $1, $2, $3) }
      int8Paired = int8
      widensInt8 = false
      int4 = { multiplyInt4($0, $1, $2, $3) }
    }
  #endif
  #if ATTEND_AVX512
    if features & UInt32(ATTEND_CPU_AMX_INT8) != 0 {
      int8 = { multiplyInt8Tiles($0, $1, $2, $3) }
      int8Paired = int8
    }
  #endif
  return .init(
    float32: { multiplyFloat32($0, $1, $2, $3) }, bfloat16: bfloat16, widensBFloat16: widensBFloat16, int8: int8, widensInt8: widensInt8,
    int8Paired: int8Paired, int4: int4)
}
