import AttendBase

#if ATTEND_AVX512
  private let name = "avx512"
#elseif ATTEND_FMA
  private let name = "avx2"
#else
  private let name = "portable"
#endif

/// The kernels of this instruction set. To be called only where the CPU has it.
@inline(never)
package func kernelTable() -> KernelTable {
  KernelTable(
    name: name, attentionRows: tileRows,
    multiply: { multiply($0, $1, $2) },
    finish: { finish($0, $1, $2, $3) },
    pack: { pack($0, $1, $2, $3) },
    convert: { convert($0, $1, $2, $3, $4, $5) },
    layerNorm: { layerNorm($0, $1) },
    rmsNorm: { rmsNorm($0, $1) },
    add: { add($0, $1, $2) },
    activate: { activate($0, $1, $2, $3) },
    attention: { attention($0, $1, $2) },
    logSoftmax: { logSoftmax($0, $1, $2) },
    topK: { topK($0, $1, $2, $3, $4) })
}
