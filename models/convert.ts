// npm run model:convert -- <folder> <out.gguf> --type F16|Q8_0 [--name "a name"]
import { parseArgs } from 'node:util';
import { parseTensorType, type TensorType } from './gguf/tensor-types.js';
import { convertQwen3Moe } from './hugging-face/qwen3moe.js';

const types: TensorType[] = ['F32', 'F16', 'BF16', 'Q8_0', 'Q4_0', 'Q4_K'];
const usage = `usage: npm run model:convert -- <folder with model.safetensors, config.json, tokenizer.json> <out.gguf> --type ${types.join('|')} [--name NAME]`;

try {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { type: { type: 'string' }, name: { type: 'string' } },
  });
  const [folder, output, ...rest] = positionals;
  if (!folder || !output || rest.length > 0 || !values.type) throw new Error(usage);
  const bytes = await convertQwen3Moe(folder, output, parseTensorType(values.type, types), values.name);
  console.log(`${output}: ${(bytes / 1e6).toFixed(1)} MB`);
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
