import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { writeGguf } from '../gguf/gguf-writer.js';
import { float32, type Metadata, type MetadataValue, string, uint32 } from '../gguf/metadata.js';
import { Safetensors } from '../gguf/safetensors.js';
import { fileTypes, type TensorType } from '../gguf/tensor-types.js';
import { type Qwen3MoeConfig, readConfig } from './config.js';
import { qwen3MoeTensors } from './tensors.js';
import { tokenizerMetadata } from './tokenizer.js';

/**
 * Converts a Hugging Face Qwen3-MoE folder (config.json, tokenizer.json, model.safetensors) to GGUF, laid out as
 * llama.cpp's converter does it.
 *
 * @param name for `general.name`; the folder's name unless given
 * @returns the size of the file written, in bytes
 * @throws Error naming the file, key or tensor that does not fit.
 */
export async function convertQwen3Moe(
  folder: string,
  output: string,
  type: TensorType,
  name?: string,
): Promise<number> {
  const weights = join(folder, 'model.safetensors');
  if (!existsSync(weights)) {
    throw new Error(`${weights}: no such file; a model in several safetensors files must be merged into one first`);
  }
  const config = readConfig(join(folder, 'config.json'));
  const tokenizer = tokenizerMetadata(join(folder, 'tokenizer.json'), config.vocabulary);
  const file = Safetensors.open(weights);
  try {
    const tensors = qwen3MoeTensors(file, config, type);
    const label = sizeLabel(file, config.experts);
    const metadata = modelMetadata(config, name ?? basename(resolve(folder)), label, type);
    return await writeGguf(output, {
      metadata: new Map([...metadata, ...tokenizer, ...specialTokens(config)]),
      tensors,
    });
  } finally {
    file.close();
  }
}

function modelMetadata(config: Qwen3MoeConfig, name: string, label: string, type: TensorType): Metadata {
  const entries: [string, MetadataValue][] = [
    ['block_count', uint32(config.layers)],
    ['context_length', uint32(config.contextLength)],
    ['embedding_length', uint32(config.width)],
    ['feed_forward_length', uint32(config.feedForwardWidth)],
    ['attention.head_count', uint32(config.heads)],
    ['attention.head_count_kv', uint32(config.keyValueHeads)],
    ['rope.freq_base', float32(config.ropeBase)],
    ['attention.layer_norm_rms_epsilon', float32(config.normEpsilon)],
    ['expert_count', uint32(config.experts)],
    ['expert_used_count', uint32(config.expertsUsed)],
    ['attention.key_length', uint32(config.headWidth)],
    ['attention.value_length', uint32(config.headWidth)],
    ['expert_feed_forward_length', uint32(config.expertWidth)],
  ];
  return new Map([
    ['general.architecture', string('qwen3moe')],
    ['general.type', string('model')],
    ['general.name', string(name)],
    ['general.size_label', string(label)],
    ['general.file_type', uint32(fileTypes[type])],
    ['general.quantization_version', uint32(2)],
    ...entries.map(([key, value]): [string, MetadataValue] => [`qwen3moe.${key}`, value]),
  ]);
}

function specialTokens({ beginToken, endToken, paddingToken }: Qwen3MoeConfig): [string, MetadataValue][] {
  const ids: [string, number | undefined][] = [
    ['eos', endToken],
    ['padding', paddingToken],
    ['bos', beginToken],
  ];
  return ids.flatMap(([name, id]) => (id === undefined ? [] : [[`tokenizer.ggml.${name}_token_id`, uint32(id)]]));
}

/** "32x3.7M": experts, and parameters when each layer has one of them; as gguf-py's size_label. */
function sizeLabel(file: Safetensors, experts: number): string {
  let parameters = 0;
  for (const name of file.names) {
    const values = file.shape(name).reduce((product, dimension) => product * dimension, 1);
    parameters += name.includes('.experts.') ? values / experts : values;
  }
  const units: [number, string][] = [
    [1e12, 'T'],
    [1e9, 'B'],
    [1e6, 'M'],
    [1e3, 'K'],
  ];
  const [unit, suffix] = units.find(([size]) => parameters >= size) ?? [1e3, 'K'];
  const scaled = parameters / unit;
  return `${experts}x${scaled.toFixed(scaled < 9.5 ? 1 : 0)}${suffix}`;
}
