// Sizes that the layouts of weights, keys and scratch memory share.

/// Columns of a panel: weights and keys are kept in panels, `[inputs][32]`, and every kernel reads whole panels.
@inlinable package var panelWidth: Int { 32 }

/// Positions whose scores are held at once while attention runs over the keys, aligned to absolute positions.
@inlinable package var attentionTile: Int { 128 }

/// Inputs of one scale in 4-bit weights.
@inlinable package var quantizedGroup: Int { 32 }

/// Columns of a block of logits: log-sum-exp adds up each block by itself, and then the blocks.
@inlinable package var logitBlock: Int { 256 }
