/** What `moeflow generate` says about a finished generation. */

import { type DeviceStats, type GenerationResult, type LayerStats, type ModelInfo, nestRouting } from '../index.js';
import { formatBytes, formatCount, formatNumber, formatShare } from '../report/format.js';

/** For people, on stderr. The seed is named where it was drawn and matters. */
export function statisticsLine(result: GenerationResult, info: ModelInfo, seedDrawn: boolean): string {
  const { stats } = result;
  const speed = (tokens: number, perSecond: number) =>
    `${formatCount(tokens)} tokens${perSecond > 0 ? ` at ${formatNumber(perSecond)} tokens/s` : ''}`;
  const parts = [
    `prompt ${speed(stats.promptTokens, stats.promptTokensPerSecond)}`,
    `generated ${speed(stats.generatedTokens, stats.generatedTokensPerSecond)}`,
    `experts used ${formatCount(stats.expertsUsed)} of ${formatCount(stats.expertsTotal)}`,
    placement(result, info),
    ...(stats.device ? [deviceText(stats.device)] : []),
    `memory ${formatBytes(stats.residentBytes)}`,
    `${info.cpu}, ${info.threads} ${info.threads === 1 ? 'thread' : 'threads'}`,
    ...(seedDrawn ? [`seed ${result.seed}`] : []),
  ];
  return `[${parts.join(' | ')}]\n`;
}

/** Where the experts were: nobody should read a speed without knowing that. */
function placement({ stats: { experts, expertsTotal } }: GenerationResult, { memory }: ModelInfo): string {
  if (experts.policy === 'resident') return 'all in memory';
  const parts = [
    `${formatCount(experts.slots)} of ${formatCount(expertsTotal)} in memory (${experts.policy}`,
    ...(memory.budgetBytes ? [`budget ${formatBytes(memory.budgetBytes)}`] : []),
    `hit rate ${formatShare(experts.hitRate)}`,
    `${formatBytes(experts.bytesRead)} read)`,
  ];
  return parts.join(', ');
}

function deviceText({ slots, hitRate, bytesRead }: DeviceStats): string {
  return `device: ${formatCount(slots)} experts, hit rate ${formatShare(hitRate)}, ${formatBytes(bytesRead)} copied`;
}

/** For programs: one object on one line. A seed beyond 2^53 is a string, as JSON numbers cannot carry it. */
export function jsonOf(result: GenerationResult, layers?: LayerStats[]): string {
  const { text, tokens, finishReason, seed, stats, routing } = result;
  return `${JSON.stringify({
    text,
    tokens,
    finishReason,
    seed: typeof seed === 'bigint' ? seed.toString() : seed,
    stats,
    ...(layers ? { layers } : {}),
    ...(routing ? { routing: nestRouting(routing) } : {}),
  })}\n`;
}
