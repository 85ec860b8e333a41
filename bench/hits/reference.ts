import type { PublishedTrace } from './published-traces.js';

/**
 * Values of published traces, counted once by a script of its own that shares no code with moeflow. One cache per layer, empty
 * at the beginning of each sequence, decoded tokens only, uses one by one in the order of the file.
 */

export interface Reference {
  trace: PublishedTrace;
  accesses: number;
  /** Uses by a token of experts that the token before in the sequence used in the same layer, and the uses that have one before. */
  reuse: readonly [reused: number, uses: number];
  /** Places per layer, hits of lru, hits of the optimum. */
  hits: readonly (readonly [slots: number, lru: number, belady: number])[];
}

export const references: readonly Reference[] = [
  {
    trace: 'gpt-oss-20b',
    accesses: 4_063_776,
    reuse: [1_764_872, 4_052_256],
    hits: [
      [4, 1_394_463, 2_245_039],
      [8, 2_525_417, 3_203_500],
      [12, 3_199_092, 3_624_883],
      [16, 3_608_252, 3_833_561],
      [24, 3_937_048, 3_970_590],
    ],
  },
  {
    trace: 'OLMoE-1B-7B',
    accesses: 38_272,
    reuse: [16_600, 38_144],
    hits: [
      [8, 12_220, 21_552],
      [16, 21_838, 28_598],
      [32, 29_902, 34_510],
    ],
  },
  {
    trace: 'Kimi-Linear-48B',
    accesses: 62_400,
    reuse: [20_870, 62_192],
    hits: [
      [8, 14_623, 29_922],
      [32, 35_941, 46_291],
      [64, 45_264, 52_679],
      [128, 54_019, 56_794],
    ],
  },
  {
    trace: 'Qwen3-30B-A3B',
    accesses: 36_864,
    reuse: [13_881, 36_576],
    hits: [
      [6, 10_148, 18_607],
      [12, 18_131, 25_616],
      [32, 29_494, 32_552],
      [64, 33_616, 33_773],
    ],
  },
  {
    trace: 'Gemma-4-26B',
    accesses: 23_040,
    reuse: [8_163, 22_860],
    hits: [
      [6, 5_870, 11_477],
      [12, 11_177, 15_830],
      [32, 17_779, 19_969],
      [64, 20_852, 21_015],
    ],
  },
  {
    trace: 'gpt-oss-120b',
    accesses: 4_608,
    reuse: [811, 4_536],
    hits: [
      [2, 687, 1_308],
      [4, 1_425, 2_266],
      [32, 3_281, 3_316],
    ],
  },
];

/** OLMoE-1B-7B, one cache for all layers: places, hits of lru. It hits nothing below the experts of one token, 128. */
export const globalHits = [
  [64, 0],
  [127, 4_377],
  [128, 12_220],
  [256, 21_622],
  [512, 30_011],
] as const;

/**
 * gpt-oss-20b with several sequences side by side: the 72 sequences of at least 300 tokens in the order e[29 j mod 72], whole
 * groups of `batch` of them, the first 300 tokens of each. Needs are the experts of a layer that any of a step's tokens uses. Slots
 * per layer; hits of lru, residents first and strict; and what perfect prediction would hit.
 */
export const batched = [
  {
    batch: 4,
    needs: 1_552_060,
    hits: [
      [8, 664_521, 27_658, 1_028_712],
      [16, 1_202_048, 1_101_014, 1_552_060],
      [24, 1_467_480, 1_455_549, 1_552_060],
    ],
  },
  {
    batch: 16,
    needs: 646_390,
    hits: [
      [8, 198_840, 1_425, 229_404],
      [16, 397_307, 5_991, 454_994],
      [24, 575_147, 424_908, 632_990],
    ],
  },
] as const;
