import type { GgufContents, TensorSource } from '../../models/gguf/gguf-writer.js';
import { float32, type MetadataValue, string, uint32 } from '../../models/gguf/metadata.js';
import { quantize } from '../../models/gguf/quantize.js';
import { fileTypes, type TensorType, tensorBytes } from '../../models/gguf/tensor-types.js';
import { type Locality, type RowStart, restDeviation, rowStarts } from './locality.js';
import type { Shape } from './shapes.js';
import { vocabularyMetadata } from './vocabulary.js';
import { WeightPool } from './weights.js';

/**
 * Size of what attention adds to the residual stream: an eighth of the usual. Random attention averages over the context,
 * which is nearly the same at every position; at full size, 16 layers of that drown the token itself, every token leads to
 * the same next one, and all sequences of a batch to the same few experts.
 */
const attentionShare = 1 / 8;

/**
 * A whole file of a shape: every matrix in one type, norms 1, routers random in F32. The seed decides every byte.
 *
 * @param locality makes neighbouring tokens choose the same experts more often than by chance
 */
export function syntheticModel(shape: Shape, type: TensorType, seed: number, locality?: Locality): GgufContents {
  return {
    metadata: new Map([
      ['general.architecture', string(shape.architecture)],
      ['general.type', string('model')],
      ['general.name', string(shape.name)],
      ['general.file_type', uint32(fileTypes[type])],
      ['general.quantization_version', uint32(2)],
      ...hyperparameters(shape).map(([key, value]): [string, MetadataValue] => [`${shape.architecture}.${key}`, value]),
      ...vocabularyMetadata(shape.vocabulary, shape.preTokenizer),
    ]),
    tensors: syntheticTensors(shape, type, new WeightPool(seed), locality),
  };
}

/** Bytes of all tensors; the header adds a few megabytes for a big vocabulary. */
export function modelBytes(shape: Shape, type: TensorType): number {
  return syntheticTensors(shape, type, new WeightPool(0)).reduce(
    (sum, tensor) => sum + tensorBytes(tensor.name, tensor.type, tensor.dimensions),
    0,
  );
}

function hyperparameters(shape: Shape): [string, MetadataValue][] {
  const common: [string, MetadataValue][] = [
    ['block_count', uint32(shape.layers)],
    ['context_length', uint32(shape.contextLength)],
    ['embedding_length', uint32(shape.width)],
    ['feed_forward_length', uint32(shape.feedForwardWidth)],
    ['attention.head_count', uint32(shape.heads)],
    ['attention.head_count_kv', uint32(shape.keyValueHeads)],
    ['rope.freq_base', float32(shape.ropeBase)],
    ['attention.layer_norm_rms_epsilon', float32(shape.normEpsilon)],
    ['expert_count', uint32(shape.experts)],
    ['expert_used_count', uint32(shape.expertsUsed)],
  ];
  if (shape.architecture === 'olmoe') return common;
  return [
    ...common,
    ['attention.key_length', uint32(shape.headWidth)],
    ['attention.value_length', uint32(shape.headWidth)],
    ['expert_feed_forward_length', uint32(shape.expertWidth)],
  ];
}

function syntheticTensors(shape: Shape, type: TensorType, pool: WeightPool, locality?: Locality): TensorSource[] {
  const { width, heads, keyValueHeads, headWidth, experts, expertWidth, vocabulary } = shape;
  const matrix = (
    name: string,
    dimensions: number[],
    as: TensorType = type,
    deviation?: number,
    startOf?: RowStart,
  ): TensorSource => {
    const [rowLength = 0, ...outer] = dimensions;
    const rows = outer.reduce((product, dimension) => product * dimension, 1);
    const data = () =>
      startOf
        ? pool.matrixWithStarts(name, as, rowLength, rows, startOf, deviation)
        : pool.matrix(name, as, rowLength, rows, deviation);
    return { name, type: as, dimensions, data };
  };
  const norm = (name: string, length: number): TensorSource => ({
    name,
    type: 'F32',
    dimensions: [length],
    data: () => [quantize('F32', new Float32Array(length).fill(1))],
  });
  // olmoe normalises queries and keys over all heads at once, qwen3moe head by head.
  const wholeWidth = shape.architecture === 'olmoe';

  const starts = locality && rowStarts(shape, type);

  const layer = (index: number): TensorSource[] => {
    const block = `blk.${index}`;
    // Only the first layer's attention looks at the near past.
    const near = index === 0 ? locality : undefined;
    const queryDeviation = near && restDeviation(width);
    const attended = near ? near.strength : attentionShare;
    return [
      norm(`${block}.attn_norm.weight`, width),
      matrix(`${block}.attn_q.weight`, [width, heads * headWidth], type, queryDeviation, near && starts?.nearPast),
      matrix(
        `${block}.attn_k.weight`,
        [width, keyValueHeads * headWidth],
        type,
        queryDeviation,
        near && starts?.nearPast,
      ),
      matrix(`${block}.attn_v.weight`, [width, keyValueHeads * headWidth], type, undefined, starts?.blind),
      matrix(`${block}.attn_output.weight`, [heads * headWidth, width], type, attended / Math.sqrt(heads * headWidth)),
      norm(`${block}.attn_q_norm.weight`, wholeWidth ? heads * headWidth : headWidth),
      norm(`${block}.attn_k_norm.weight`, wholeWidth ? keyValueHeads * headWidth : headWidth),
      norm(`${block}.ffn_norm.weight`, width),
      matrix(`${block}.ffn_gate_inp.weight`, [width, experts], 'F32', undefined, starts?.blind),
      matrix(`${block}.ffn_gate_exps.weight`, [width, expertWidth, experts]),
      matrix(`${block}.ffn_up_exps.weight`, [width, expertWidth, experts]),
      matrix(`${block}.ffn_down_exps.weight`, [expertWidth, width, experts]),
    ];
  };
  return [
    // Embeddings of size 1 outweigh what attention adds; see attentionShare.
    matrix('token_embd.weight', [width, vocabulary], type, 1, starts?.constants),
    ...Array.from({ length: shape.layers }, (_, index) => layer(index)).flat(),
    norm('output_norm.weight', width),
    matrix('output.weight', [width, vocabulary], type, undefined, starts?.blind),
  ];
}
