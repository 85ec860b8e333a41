// npm run bench:synthetic -- --shape olmoe-1b-7b --type Q4_0 --out bench/data/olmoe-q4_0.gguf [--layers 16] [--seed 1]
//   [--reuse 0.4]
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { writeGguf } from '../../models/gguf/gguf-writer.js';
import { parseTensorType, type TensorType } from '../../models/gguf/tensor-types.js';
import { program } from '../shared/program.js';
import { localityFor } from './locality.js';
import { modelBytes, syntheticModel } from './model.js';
import { type Shape, shapes } from './shapes.js';

const types: TensorType[] = ['F16', 'BF16', 'Q8_0', 'Q4_0', 'Q4_K'];
/** Without --layers a shape is cut to what fits on a small machine. OLMoE, 7 GB in Q8_0, stays whole. */
const cutBytes = { olmoe: 8e9, qwen3moe: 5e9 };

await program(async () => {
  const { values } = parseArgs({
    options: {
      shape: { type: 'string' },
      type: { type: 'string' },
      out: { type: 'string' },
      layers: { type: 'string' },
      seed: { type: 'string', default: '1' },
      reuse: { type: 'string' },
    },
  });
  const shapeName = values.shape ?? '';
  const shape = shapes[shapeName];
  if (!shape) throw new Error(`--shape ${values.shape ?? 'is missing'}: use one of ${Object.keys(shapes).join(', ')}`);
  if (!values.out) throw new Error('--out is missing: name the .gguf file to write');
  const type = parseTensorType(values.type ?? 'is missing', types);
  const layers = values.layers === undefined ? layersThatFit(shape, type) : wholeNumber('--layers', values.layers);
  const locality = values.reuse === undefined ? undefined : localityFor(shapeName, Number(values.reuse));
  await mkdir(dirname(values.out), { recursive: true });
  const contents = syntheticModel({ ...shape, layers }, type, wholeNumber('--seed', values.seed), locality);
  const bytes = await writeGguf(values.out, contents);
  console.log(
    `${values.out}: ${shape.name}, ${layers} of ${shape.layers} layers, ${type}, ${(bytes / 1e9).toFixed(2)} GB`,
  );
});

function layersThatFit(shape: Shape, type: TensorType): number {
  let layers = shape.layers;
  while (layers > 1 && modelBytes({ ...shape, layers }, type) > cutBytes[shape.architecture]) layers--;
  return layers;
}

function wholeNumber(option: string, text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new Error(`${option} ${text}: a whole number above 0 is needed`);
  return Number(text);
}
