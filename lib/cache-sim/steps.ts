/** The tokens of a trace as steps of a model: what is computed together. */

import { InvalidArgumentError } from '../errors.js';
import type { NativeRouteSteps } from '../native/cache-sim.js';
import { DECODE, type TraceHeader, type TraceTokens } from '../trace/trace.js';

export interface Steps extends NativeRouteSteps {
  /** [tokens] */
  ids: Int32Array;
  sequences: Int32Array;
  /** A sequence begins that finds the caches empty. */
  begins?: boolean;
}

/** Gets the chunks of a trace one after another, and gives whole steps as soon as it has them. */
export interface StepFormer {
  add(tokens: TraceTokens): Iterable<Steps>;
  /** What was still missing something. */
  end(): Iterable<Steps>;
}

/**
 * In the order of the trace: each decoded token is a step, and so are up to `promptTokens` tokens of a prompt that follow
 * each other.
 */
export function stepsAsRecorded({ layers, k }: TraceHeader, promptTokens: number): StepFormer {
  const row = layers * k;
  let prompt: { sequence: number; ids: Int32Array; experts: Int32Array } | undefined;

  function* add({ count, sequence, token, phase, experts }: TraceTokens): Iterable<Steps> {
    const between = (first: number, next: number): Steps => ({
      routes: experts.subarray(first * row, next * row),
      ids: token.subarray(first, next),
      sequences: sequence.subarray(first, next),
    });
    if (!prompt && phase.subarray(0, count).every((value) => value === DECODE)) {
      yield between(0, count);
      return;
    }
    for (let first = 0; first < count; ) {
      const isPrompt = phase[first] !== DECODE;
      const samePrompt = (at: number) => phase[at] !== DECODE && sequence[at] === sequence[first];
      if (prompt && !(isPrompt && prompt.sequence === sequence[first])) yield* end();
      const waiting: number = prompt ? prompt.ids.length : 0;
      let next = first + 1;
      if (isPrompt) {
        while (next < count && next - first < promptTokens - waiting && samePrompt(next)) next++;
      } else {
        while (next < count && phase[next] === DECODE) next++;
      }
      const steps = between(first, next);
      if (isPrompt) {
        prompt = {
          sequence: sequence[first] as number,
          ids: joined(prompt?.ids, token.subarray(first, next)),
          experts: joined(prompt?.experts, steps.routes),
        };
        if (prompt.ids.length === promptTokens) yield* end();
      } else {
        yield steps;
      }
      first = next;
    }
  }

  function* end(): Iterable<Steps> {
    if (!prompt) return;
    const { sequence, ids, experts } = prompt;
    prompt = undefined;
    const tokens = ids.length;
    yield {
      routes: experts,
      stepTokens: Int32Array.of(tokens),
      generating: new Uint8Array(tokens),
      ids,
      sequences: new Int32Array(tokens).fill(sequence),
    };
  }

  return { add, end };
}

/** So many tokens at most in what is handed on at once. */
export const pieceTokens = 8192;

/**
 * In groups of `batch` sequences, in the order in which they begin, one group after another. In a group, sequences that
 * have a prompt token next read on in their prompts, one after another in steps of up to `promptTokens` tokens; then each
 * sequence that is not over decodes one token, in one step; and so on until all are over.
 *
 * @param lengths tokens of each sequence of the trace
 * @param begins  whether each group finds the caches empty
 */
export function stepsSideBySide(
  { layers, k }: TraceHeader,
  {
    batch,
    promptTokens,
    lengths,
    begins,
  }: {
    batch: number;
    promptTokens: number;
    lengths: ReadonlyMap<number, number>;
    begins: boolean;
  },
): StepFormer {
  const row = layers * k;
  const groups: BufferedSequence[][] = [];
  const sequences = new Map<number, BufferedSequence>();

  function* add({ count, sequence, token, phase, experts }: TraceTokens): Iterable<Steps> {
    for (let first = 0; first < count; ) {
      let next = first + 1;
      while (next < count && sequence[next] === sequence[first]) next++;
      bufferOf(sequence[first] as number).add({
        ids: token.slice(first, next),
        phase: phase.slice(first, next),
        experts: experts.slice(first * row, next * row),
      });
      first = next;
    }
    yield* emit(({ missing }) => missing === 0);
  }

  function bufferOf(sequence: number): BufferedSequence {
    let buffer = sequences.get(sequence);
    if (!buffer) {
      buffer = new BufferedSequence(sequence, lengths.get(sequence) ?? 0, row);
      sequences.set(sequence, buffer);
      const last = groups.at(-1);
      // A group that is gone is not added to: it was full.
      if (last && last.length < batch) last.push(buffer);
      else groups.push([buffer]);
    }
    return buffer;
  }

  /** Groups from the first on, as long as all of their sequences are complete. */
  function* emit(isComplete: (sequence: BufferedSequence) => boolean): Iterable<Steps> {
    while (groups[0]?.every(isComplete) && (groups[0].length === batch || sequences.size === lengths.size)) {
      yield* stepsOfGroup(groups.shift() as BufferedSequence[], promptTokens, row, begins);
    }
  }

  return { add, end: () => emit(() => true) };
}

/** Tokens of one sequence that follow each other. */
interface Part {
  ids: Int32Array;
  phase: Uint8Array;
  experts: Int32Array;
}

/** One token. */
export interface Taken {
  sequence: number;
  id: number;
  route: Int32Array;
}

class BufferedSequence {
  private readonly parts: Part[] = [];
  private position = 0;

  constructor(
    private readonly sequence: number,
    public missing: number,
    private readonly row: number,
  ) {}

  add(part: Part): void {
    this.parts.push(part);
    this.missing -= part.ids.length;
  }

  /** Of the next token; undefined when it is over. */
  get phase(): number | undefined {
    return this.parts[0]?.phase[this.position];
  }

  take(): Taken {
    const { ids, experts } = this.parts[0] as Part;
    const { position, row, sequence } = this;
    const route = experts.subarray(position * row, (position + 1) * row);
    const taken = { sequence, id: ids[position] as number, route };
    if (++this.position === ids.length) {
      this.parts.shift();
      this.position = 0;
    }
    return taken;
  }
}

function* stepsOfGroup(group: BufferedSequence[], promptTokens: number, row: number, begins: boolean): Iterable<Steps> {
  let piece = new Piece(row);
  let first = true;
  const flush = () => {
    const steps = { ...piece.steps(), begins: begins && first };
    first = false;
    piece = new Piece(row);
    return steps;
  };
  while (group.some(({ phase }) => phase !== undefined)) {
    for (const sequence of group) {
      while (sequence.phase !== undefined && sequence.phase !== DECODE) {
        let tokens = 0;
        for (; tokens < promptTokens && sequence.phase !== undefined && sequence.phase !== DECODE; tokens++) {
          piece.add(sequence.take(), false);
        }
        piece.endStep(tokens);
        if (piece.tokens >= pieceTokens) yield flush();
      }
    }
    let tokens = 0;
    for (const sequence of group) {
      if (sequence.phase === undefined) continue;
      piece.add(sequence.take(), true);
      tokens++;
    }
    if (tokens > 0) piece.endStep(tokens);
    if (piece.tokens >= pieceTokens) yield flush();
  }
  if (piece.tokens > 0) yield flush();
}

/** Steps that are handed on together. */
export class Piece {
  tokens = 0;
  private routes: Int32Array;
  private readonly stepTokens: number[] = [];
  private readonly generating: number[] = [];
  private readonly ids: number[] = [];
  private readonly sequences: number[] = [];

  constructor(private readonly row: number) {
    this.routes = new Int32Array(256 * row);
  }

  add({ sequence, id, route }: Taken, generating: boolean): void {
    const at = this.tokens * this.row;
    if (at === this.routes.length) {
      const larger = new Int32Array(2 * at);
      larger.set(this.routes);
      this.routes = larger;
    }
    this.routes.set(route, at);
    this.generating.push(generating ? 1 : 0);
    this.ids.push(id);
    this.sequences.push(sequence);
    this.tokens++;
  }

  endStep(tokens: number): void {
    this.stepTokens.push(tokens);
  }

  steps(): Steps {
    return {
      routes: this.routes.subarray(0, this.tokens * this.row),
      stepTokens: Int32Array.from(this.stepTokens),
      generating: Uint8Array.from(this.generating),
      ids: Int32Array.from(this.ids),
      sequences: Int32Array.from(this.sequences),
    };
  }
}

function joined(a: Int32Array | undefined, b: Int32Array): Int32Array {
  const all = new Int32Array((a?.length ?? 0) + b.length);
  if (a) all.set(a);
  all.set(b, a?.length ?? 0);
  return all;
}

/** Says which tokens are the last ones of their sequences. `missing`: tokens of each that are still to come. */
export function* withEnds(steps: Iterable<Steps>, missing: Map<number, number>): Iterable<Steps> {
  for (const step of steps) {
    const { sequences } = step;
    const last = Uint8Array.from(sequences, (sequence) => {
      const left = (missing.get(sequence) ?? 0) - 1;
      missing.set(sequence, left);
      return left === 0 ? 1 : 0;
    });
    yield { ...step, last };
  }
}

/** @throws InvalidArgumentError if the arrays of a chunk do not fit each other */
export function checkLengths({ layers, k }: TraceHeader, { count, sequence, phase, experts }: TraceTokens): void {
  const wrong = (name: string, length: number, wanted: number) => {
    throw new InvalidArgumentError(
      `the trace has ${length} values of ${name} for ${count} tokens; ${wanted} are needed`,
    );
  };
  if (sequence.length < count) wrong('sequence', sequence.length, count);
  if (phase.length < count) wrong('phase', phase.length, count);
  if (experts.length < count * layers * k) wrong('experts', experts.length, count * layers * k);
}
