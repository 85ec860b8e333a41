// What workers share: the request, the prompts and the lines they print.
import { readFileSync } from 'node:fs';

/**
 * @typedef {object} Request
 * @property {string} file GGUF file
 * @property {number} threads
 * @property {number} promptTokens length of each sequence's prompt
 * @property {number} decodeTokens tokens generated after it
 * @property {number} vocabulary prompts use ids below this
 * @property {number[]} batches bench/peers: how many sequences to decode together, one measurement each
 * @property {Settings} [settings] bench/peers, llama.cpp
 * @property {number} decodeSeconds bench/offload: decoding ends after this time, with fewer tokens
 * @property {string} [prompt] bench/offload, moeflow: its first tokens are the prompt, instead of random ones
 * @property {number} [expertShare] bench/offload, moeflow: instead of `ram`, of the experts, how many have a place
 * @property {object} [sampling] bench/offload, moeflow: options of generate, in place of greedy decoding
 * @property {object} [load] bench/offload, moeflow: options of loadModel
 * @property {number} [ram] bench/offload, moeflow: the budget in bytes; without it all stays in memory
 * @property {boolean} [repacked] bench/offload, llama.cpp: weights may be repacked
 * @property {boolean} [tuned] bench/offload, llama.cpp: its mapping has been given advice
 *
 * @typedef {object} Settings
 * @property {boolean} useMmap
 * @property {boolean} flashAttention
 *
 * @typedef {object} Line what a worker prints, one JSON object per line
 * @property {string} measure 'load', 'prefill', 'decode', 'memory', 'note'; bench/offload has more (its measures.ts)
 * @property {number} [sequences]
 * @property {number} [value] seconds for load, tokens per second for prefill and decode, bytes for memory
 * @property {string} [text] of a note
 * @property {number} [steps] decoding steps the batch took; as many as tokens per sequence if all were in step
 * @property {number[]} [tokens] the first tokens of the first sequence, to see that both did the same work
 * @property {Routes} [routes] the experts of all tokens
 *
 * @typedef {object} Routes
 * @property {number} promptTokens how many of the tokens are the prompt's
 * @property {number} layers
 * @property {number} k experts per token and layer
 * @property {number} experts per layer
 * @property {number[]} expertBytes [layer] of an expert
 * @property {number[]} ids of the tokens
 * @property {number[]} chosen [token][layer][k], flat
 */

/** @returns {Request} the worker's only argument */
export function readRequest() {
  return JSON.parse(process.argv[2] ?? '{}');
}

/** @param {Line} line */
export function print(line) {
  console.log(JSON.stringify(line));
}

/**
 * Prompts that look like nothing in particular and are the same in every runtime; a different one per sequence, so that
 * sequences of a batch route to different experts.
 *
 * @param {Request} request
 * @param {number} sequences
 * @returns {number[][]}
 */
export function prompts({ promptTokens, vocabulary }, sequences) {
  let state = 12345;
  const next = () => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return Math.floor((state / 0x80000000) * (vocabulary - 1));
  };
  return Array.from({ length: sequences }, () => Array.from({ length: promptTokens }, next));
}

/** Seconds since a `process.hrtime.bigint()`. */
export function secondsSince(/** @type {bigint} */ start) {
  return Number(process.hrtime.bigint() - start) / 1e9;
}

/** Most memory this process ever had resident, in bytes; Linux only, undefined elsewhere. */
export function peakResidentBytes() {
  try {
    const [, kilobytes] = /VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
    return kilobytes && Number(kilobytes) * 1024;
  } catch {
    return undefined;
  }
}

/** Bytes that this process has had read from disks so far, mapped files and read-ahead included; Linux only. */
export function readBytes() {
  return Number(/^read_bytes: (\d+)/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1]);
}
