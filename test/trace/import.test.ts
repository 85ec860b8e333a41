/** Each format by a small file of its own, written by hand. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type OpenTraceOptions, openTrace } from '../../lib/index.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { contentOf } from './tokens.js';

function file(name: string, content: string | Uint8Array): string {
  const path = join(temporaryDirectory(), name);
  writeFileSync(path, content);
  return path;
}

async function read(path: string | string[], options?: OpenTraceOptions) {
  return contentOf(await openTrace(path, options));
}

async function problemOf(path: string | string[], options?: OpenTraceOptions): Promise<string> {
  return read(path, options).then(
    () => '',
    ({ message }: Error) => message,
  );
}

/** numpy.lib.format version 1.0. */
function npy(type: string, shape: number[], elements: Uint8Array, order = 'False'): Uint8Array {
  const text = `{'descr': '${type}', 'fortran_order': ${order}, 'shape': (${shape.join(', ')}${shape.length === 1 ? ',' : ''}), }`;
  const head = text.padEnd(117, ' ');
  return Buffer.concat([
    Buffer.from('\x93NUMPY\x01\x00', 'latin1'),
    Buffer.from([118, 0]),
    Buffer.from(`${head}\n`),
    elements,
  ]);
}

describe('warp', () => {
  const path = () =>
    file('trace.jsonl', '{"tok": 3, "layers": [[0, 2], [1, 3]]}\n{"tok": 4, "layers": [[2, 4], [0, 1]]}\n');

  it('is tokens of one sequence whose order of experts is lost', async () => {
    expect(await read(path())).toMatchObject({
      header: { layers: 2, experts: 5, k: 2, ranked: false },
      sequence: [0, 0],
      position: [0, 1],
      phase: [1, 1],
      token: [-1, -1],
      experts: [0, 2, 1, 3, 2, 4, 0, 1],
      weights: [],
    });
  });

  it('takes the number of experts from outside, which must hold all ids', async () => {
    expect((await read(path(), { experts: 64 })).header.experts).toBe(64);
    expect(await problemOf(path(), { experts: 4 })).toMatch(/trace\.jsonl:2: layer 0: expert 4; ids go from 0 to 3$/);
  });

  it('with a line that is wrong is an error with the line', async () => {
    const start = '{"tok": 0, "layers": [[0, 1], [1, 2]]}\n';
    const after = async (line: string) => (await problemOf(file('t.jsonl', start + line))).replace(/^.*t\.jsonl/, '');
    expect(await after('{"tok": 1, "layers": [[0, 1]]}')).toBe(':2: routes of 1 layers; the trace has 2');
    expect(await after('{"tok": 1, "layers": [[0, 1], [1, 2, 3]]}')).toBe(
      ':2: layer 1: 3 experts; the trace has 2 per token',
    );
    expect(await after('{"tok": 1, "layers": [[0, 1], [1, 1]]}')).toBe(':2: layer 1: expert 1 is there twice');
    expect(await after('{"tok": 1, "layers": [[0, 1], [1, -2]]}')).toContain(':2: layer 1: expert -2');
    expect(await after('{"tok": 1, "layers": [[0, 1], [1, 1.5]]}')).toBe(
      ':2: layer 1: expert 1.5 is no whole number below 2^31',
    );
    expect(await after('{"tok": 1, "layers": [[0, 1], [1')).toMatch(/^:2: not JSON .* was the file cut off\?$/);
    const large = file('t.jsonl', `${start}{"tok": 1, "layers": [[0, 1], [1, 4294967298]]}`);
    expect(await problemOf(large, { experts: 5 })).toContain(':2: layer 1: expert 4294967298 is no whole number');
    expect(await after('{"tok": "x", "layers": []}')).toBe(':2: tok is "x", not a number');
  });
});

describe('big-moe-on-edge', () => {
  const preamble = [
    '# route_trace v1',
    '# model=/a/b/tiny.gguf arch=qwen3moe n_layer=2 n_expert=4 n_expert_used=2',
    '# layer=0 expert_bytes=100 dense_bytes=7',
    '# layer=1 expert_bytes=200 dense_bytes=7',
  ];
  const columns = 'turn,phase,step,layer,slot,expert,weight,residency,expert_bytes';
  // Two tokens of a prompt, layer by layer, the last layer for the last token only; then a generated one.
  const rows = [
    ...['0,0,0,0,0,3,0.6,0,100', '0,0,0,0,1,1,0.4,1,0', '0,0,1,0,0,2,0.5,0,100', '0,0,1,0,1,0,0.5,0,100'],
    ...['0,0,1,1,0,1,0.9,0,200', '0,0,1,1,1,2,0.1,0,200'],
    ...['0,1,2,0,0,0,0.7,1,0', '0,1,2,0,1,3,0.3,1,0', '0,1,2,1,0,2,0.8,1,0', '0,1,2,1,1,1,0.2,1,0'],
  ];
  const text = (lines = rows) => [...preamble, columns, ...lines].join('\n');

  it('puts prompts together again, which come layer by layer', async () => {
    const trace = await read(file('tiny.route.csv', text()));
    expect(trace).toMatchObject({
      header: { layers: 2, experts: 4, k: 2, ranked: true, model: 'tiny.gguf', architecture: 'qwen3moe' },
      position: [0, 1, 2],
      phase: [0, 0, 1],
      experts: [3, 1, -1, -1, 2, 0, 1, 2, 0, 3, 2, 1],
    });
    expect(trace.header.expertBytes).toEqual([100, 200]);
    expect(trace.weights[0]).toBeCloseTo(0.6);
  });

  it('finds columns by their names, and has no weights where the engine did not know them', async () => {
    const more = rows.map((row) => row.replace(/,0\.\d,/, ',nan,').replace(/^/, '0,'));
    const path = file('t.csv', [...preamble, `dropped,${columns}`, ...more].join('\n'));
    expect(await read(path)).toMatchObject({ position: [0, 1, 2], weights: [] });
  });

  it('may begin with a mark of its byte order', async () => {
    expect(await read(file('t.csv', `\uFEFF${text()}`))).toMatchObject({ position: [0, 1, 2] });
  });

  it('with lines that are missing or wrong is an error with the line', async () => {
    const problem = async (change: (lines: string[]) => string[]) =>
      (await problemOf(file('t.csv', text(change([...rows]))))).replace(/^.*t\.csv/, '');
    expect(await problem((lines) => lines.toSpliced(8, 1))).toBe(':14: slot 1 of layer 1 comes when slot 0 should');
    expect(await problem((lines) => lines.toSpliced(9, 1))).toBe(':12: layer 1: 1 experts; the trace has 2 per token');
    expect(await problem((lines) => lines.with(6, '0,1,2,0,0,4,0.7,1,0'))).toContain(': layer 0: expert 4; ids go');
    expect(await problem((lines) => lines.with(6, '0,1,2,2,0,0,0.7,1,0'))).toBe(':12: layer 2 of 2');
    expect(await problem((lines) => lines.with(6, '0,1,2,0,0,0,nan,1,0'))).toContain('the weight of expert 0 is NaN');
    expect(await problem((lines) => lines.with(6, '0,1,2,0'))).toBe(':12: 4 values for 9 columns');
    expect(await problem((lines) => lines.with(6, '0,1,x,0,0,0,0.7,1,0'))).toBe(':12: step is "x", not an integer');
    expect(await problemOf(file('t.csv', preamble.join('\n')))).toContain('there are no routes in it');
    const huge = text().replace('n_layer=2', 'n_layer=2000000000');
    expect(await problemOf(file('t.csv', huge))).toContain('2000000000 layers of 4 experts are more than');
  });
});

describe('expert-fingerprinting', () => {
  const folder = (experts: number[], sequences = [{ first_pos: 2, n_tokens: 2, offset: 0 }]) => {
    const path = join(temporaryDirectory(), 'set');
    mkdirSync(path);
    const index = { model: 'm', layers: 2, experts: 4, topk: 2, tokens: 2, sequences };
    writeFileSync(join(path, 'm_index.json'), JSON.stringify(index));
    writeFileSync(join(path, 'm_experts.u8'), Uint8Array.from(experts));
    writeFileSync(join(path, 'm_probs.u8'), Uint8Array.of(204, 51, 255, 0, 128, 127, 200, 55));
    writeFileSync(join(path, 'm_token_ids.json'), JSON.stringify({ ids: [[5, 6, 7, 8, 9]] }));
    return path;
  };

  it('is read by its folder, its index or its bytes', async () => {
    const path = folder([0, 1, 2, 3, 3, 2, 1, 0]);
    for (const one of [path, join(path, 'm_index.json'), join(path, 'm_experts.u8')]) {
      const trace = await read(one);
      expect(trace).toMatchObject({ position: [2, 3], token: [7, 8], experts: [0, 1, 2, 3, 3, 2, 1, 0] });
      expect(trace.weights[0]).toBeCloseTo(0.8);
    }
  });

  it('that ends too early, or holds ids that are none, is an error with the place', async () => {
    expect(await problemOf(folder([0, 1, 2, 3, 3, 2, 1]))).toMatch(
      /ends at byte 7, before sequence 0 of .* does \(8\)/,
    );
    expect(await problemOf(folder([0, 1, 2, 3, 3, 2, 1, 4]))).toMatch(/m_experts\.u8: token 1: layer 1: expert 4/);
  });
});

describe('stratamoe', () => {
  const trace = {
    expertsPerLayer: 3,
    layers: 2,
    selections: [
      [[0], [2]],
      [[1], [1]],
      [[2], [0]],
    ],
    topK: 1,
  };

  it('is prompts, whose ends are in a file beside it', async () => {
    const path = file('router-trace.v2.json', JSON.stringify(trace));
    const whole = { header: { layers: 2, experts: 3, k: 1 }, phase: [0, 0, 0], experts: [0, 2, 1, 1, 2, 0] };
    expect(await read(path)).toMatchObject({ ...whole, sequence: [0, 0, 0], position: [0, 1, 2] });
    const spans = [1, 3].map((token_end_exclusive) => ({ token_end_exclusive }));
    writeFileSync(join(path, '../capture-metadata.json'), JSON.stringify({ prompt_spans: spans }));
    expect(await read(path)).toMatchObject({ ...whole, sequence: [0, 1, 1], position: [0, 0, 1] });
    writeFileSync(join(path, '../capture-metadata.json'), JSON.stringify({ prompt_spans: spans.slice(0, 1) }));
    expect(await problemOf(path)).toContain('do not cover the 3 tokens');
  });

  it('with routes of another shape is an error with the token', async () => {
    const ragged = { ...trace, selections: [...trace.selections, [[0, 1], [2]]] };
    expect(await problemOf(file('t.json', JSON.stringify(ragged)))).toMatch(/selections\[3\]: layer 0: 2 experts/);
  });
});

describe('megatron', () => {
  const line = (step: number, layer: number, rank: number, top_indices: number[][]) =>
    `${JSON.stringify({ step, stage: 0, block: 0, layer, rank, num_tokens: top_indices.length, topk: 2, top_indices })}\n`;

  it('has a sequence for each rank, and numbers layers by those that occur', async () => {
    const lines = [
      line(0, 3, 0, [
        [0, 1],
        [1, 2],
      ]),
      line(0, 3, 1, [[2, 0]]),
      line(0, 5, 0, [
        [2, 1],
        [0, 2],
      ]),
      line(0, 5, 1, [[1, 0]]),
      line(1, 3, 0, [[1, 0]]),
      line(1, 5, 0, [[0, 1]]),
    ];
    const trace = await read(file('t.jsonl', lines.join('')));
    expect(trace.header).toMatchObject({ layers: 2, experts: 3, k: 2 });
    const rows = trace.sequence.map((s, i) => [s, trace.position[i], ...trace.experts.slice(4 * i, 4 * i + 4)]);
    expect(rows.sort()).toEqual([
      [0, 0, 0, 1, 2, 1],
      [0, 1, 1, 2, 0, 2],
      [0, 2, 1, 0, 0, 1],
      [1, 0, 2, 0, 1, 0],
    ]);
  });

  it('whose numbers do not agree is an error with the line', async () => {
    const wrong = line(0, 3, 0, [[0, 1]]).replace('"num_tokens":1', '"num_tokens":2');
    expect(await problemOf(file('t.jsonl', wrong))).toMatch(/t\.jsonl:1: 1 rows of top_indices for 2 tokens$/);
  });
});

describe('llama.cpp', () => {
  const rows = (layer: number, ...experts: number[]) => experts.map((expert) => `${layer},${expert}\n`).join('');
  // A prompt of three tokens, of which the last layer has one; two generated tokens.
  const text = `layer,expert\n${rows(1, 0, 1, 2, 3, 1, 0)}${rows(2, 3, 2)}${rows(1, 2, 0)}${rows(2, 1, 0)}${rows(1, 3, 1)}${rows(2, 0, 2)}`;

  it('finds k in the lengths of its runs, and the prompt in the longer ones', async () => {
    expect(await read(file('moe_trace.csv', text))).toMatchObject({
      header: { layers: 2, experts: 4, k: 2 },
      position: [0, 1, 2, 3, 4],
      phase: [0, 0, 0, 1, 1],
      experts: [0, 1, -1, -1, 2, 3, -1, -1, 1, 0, 3, 2, 2, 0, 1, 0, 3, 1, 0, 2],
    });
  });

  it('takes k from outside if it goes into the runs', async () => {
    expect((await read(file('t.csv', text), { k: 1 })).header.k).toBe(1);
    expect(await problemOf(file('t.csv', text), { k: 3 })).toContain('k = 3 does not divide');
    expect(await problemOf(file('t.csv', `${text}1,x\n`))).toMatch(/t\.csv:18: expert is "x", not an integer$/);
  });
});

describe('npy', () => {
  it('is tokens x layers x k of any integer type, or tokens x layers', async () => {
    const ids = [0, 1, 2, 0, 1, 2, 2, 1];
    const arrays: [string, Uint8Array][] = [
      ['|u1', Uint8Array.from(ids)],
      ['<i2', new Uint8Array(Int16Array.from(ids).buffer)],
      ['<u2', new Uint8Array(Uint16Array.from(ids).buffer)],
      ['<i4', new Uint8Array(Int32Array.from(ids).buffer)],
      ['<i8', new Uint8Array(BigInt64Array.from(ids, BigInt).buffer)],
    ];
    for (const [type, elements] of arrays) {
      const trace = await read(file('t.npy', npy(type, [2, 2, 2], elements)));
      expect(trace).toMatchObject({ header: { layers: 2, experts: 3, k: 2 }, position: [0, 1], experts: ids });
      const top1 = await read(file('t.npy', npy(type, [2, 4], elements)));
      expect(top1).toMatchObject({ header: { layers: 4, k: 1 }, experts: ids });
    }
  });

  it('of several files is a sequence for each', async () => {
    const one = file('a.npy', npy('|u1', [1, 2, 1], Uint8Array.of(0, 1)));
    const two = file('b.npy', npy('|u1', [2, 2, 1], Uint8Array.of(4, 1, 2, 2)));
    expect(await read([one, two])).toMatchObject({
      header: { experts: 5 },
      sequence: [0, 1, 1],
      experts: [0, 1, 4, 1, 2, 2],
    });
  });

  it('of another type, order or shape, or cut off, is an error', async () => {
    const problem = (bytes: Uint8Array) => problemOf(file('t.npy', bytes));
    const large = new Uint8Array(BigInt64Array.of(4294967299n).buffer);
    expect(await problem(npy('<i8', [1, 1, 1], large))).toContain('token 0: expert 4294967299 is no id');
    expect(await problem(npy('|u1', [1, 2 ** 30, 2 ** 10], new Uint8Array(2)))).toContain('1073741824 layers of 1024');
    expect(await problem(npy('<f4', [1, 1, 1], new Uint8Array(4)))).toContain('elements of type <f4');
    expect(await problem(npy('|u1', [1, 1, 2], new Uint8Array(2), 'True'))).toContain('numpy.ascontiguousarray');
    expect(await problem(npy('|u1', [4], new Uint8Array(4)))).toContain('has the shape (4,)');
    expect(await problem(npy('|u1', [3, 1, 2], Uint8Array.of(0, 1, 1, 2)))).toContain('ends after 2 of its 3 tokens');
    expect(await problem(npy('|u1', [0, 1, 2], new Uint8Array()))).toContain('there are no routes in it');
    expect(await problem(npy('|u1', [1, 1, 1], Uint8Array.of(1)).subarray(0, 40))).toContain(
      'not one of a NumPy array',
    );
  });
});

describe('what holds no routes, or is not known', () => {
  it.each([
    ['counts.json', '{"data": {"expert_counts": {}}}', 'counts of experts'],
    ['popular.json', '{"model": "m", "popular": [[0, 1]]}', 'a list of popular experts'],
    ['a.coli_usage', 'x', 'usage counters'],
    ['recorded.pt', 'PK\x03\x04', 'numpy.save'],
    ['letter.txt', 'Dear Sir', 'in no format that is known'],
  ])('%s is refused with a reason', async (name, content, reason) => {
    expect(await problemOf(file(name, content))).toContain(reason);
  });

  it('a format that is forced is taken at its word', async () => {
    expect(await problemOf(file('letter.txt', 'Dear Sir'), { format: 'warp' })).toMatch(/letter\.txt:1: not JSON/);
    await expect(openTrace(file('a.txt', ''), { format: 'word' })).rejects.toThrow(
      'format must be one of parquet, jsonl',
    );
  });

  it('a file that is not there, and traces of different shapes, are errors', async () => {
    expect(await problemOf('/nowhere/trace.csv')).toContain('cannot read /nowhere/trace.csv');
    expect(await problemOf('/tmp/no-such-*.npy')).toContain('there is no such file');
    const one = file('a.npy', npy('|u1', [1, 2, 1], Uint8Array.of(0, 1)));
    const two = file('b.npy', npy('|u1', [1, 3, 1], Uint8Array.of(0, 1, 1)));
    expect(await problemOf([one, two])).toContain('b.npy has 3 layers and 1 experts per token');
  });
});
