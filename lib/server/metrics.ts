/** GET /metrics: what there is to watch, for Prometheus. */

import type { DeviceStats, ExpertStats } from '../experts/stats.js';
import { version } from '../version.js';
import type { ServerContext } from './context.js';
import { type Metric, metricsText, type Sample } from './metrics-text.js';

export function metrics(context: ServerContext): string {
  const { model, settings, latencies, httpCounts, started } = context;
  const { experts, device, computeSeconds, scheduling } = model.stats();
  const tiers: Tier[] = [{ tier: 'memory', stats: experts }];
  if (device) tiers.push({ tier: 'device', stats: device });
  return metricsText([
    ...expertMetrics(tiers),
    counter('compute_seconds_total', 'Seconds that steps have computed, without waiting for experts.', computeSeconds),
    counter(
      'prediction_seconds_total',
      'Seconds of steps that were spent on knowing what experts to fetch ahead.',
      experts.predictionSeconds,
    ),
    counter('steps_total', 'Steps of the engine.', scheduling.steps),
    counter('prompt_tokens_total', 'Tokens of prompts that steps have read.', scheduling.promptTokens),
    counter('generated_tokens_total', 'Generated tokens that steps have read.', scheduling.generatedTokens),
    counter(
      'shared_tokens_total',
      'Tokens of prompts that were not read, as another sequence had read the same.',
      scheduling.sharedTokens,
    ),
    counter('pauses_total', 'How often a generation had to give up its key/value cache for others.', scheduling.pauses),
    gauge('requests_running', 'Generations that have begun.', scheduling.running),
    gauge('requests_waiting', 'Generations that wait for their turn.', scheduling.waiting),
    gauge('kv_cache_tokens', 'Tokens that the key/value cache has room for.', scheduling.kvCacheTokens),
    gauge('kv_cache_used_tokens', 'Of these, tokens in blocks that are in use.', scheduling.kvCacheTokensInUse),
    {
      name: 'moeflow_http_requests_total',
      type: 'counter',
      help: 'Requests that are over, by route and status; 499: the caller went away.',
      samples: httpCounts.samples(),
    },
    histogram(
      'time_to_first_token_seconds',
      'From a request to the first text of each choice.',
      latencies.firstToken.samples(),
    ),
    histogram(
      'time_between_tokens_seconds',
      'From one piece of text to the next, where the caller takes them as they come.',
      latencies.betweenTokens.samples(),
    ),
    gauge('model_info', 'Always 1; its labels say what runs.', 1, {
      model: settings.modelName,
      architecture: model.info.architecture,
      version: version(),
    }),
    process_('resident_memory_bytes', 'Resident memory of the process.', process.memoryUsage.rss()),
    process_('start_time_seconds', 'When the server was made, since 1970.', started / 1000),
  ]);
}

interface Tier {
  tier: string;
  stats: ExpertStats | DeviceStats;
}

function expertMetrics(tiers: readonly Tier[]): Metric[] {
  const of = (value: (stats: ExpertStats | DeviceStats) => number): Sample[] =>
    tiers.map(({ tier, stats }) => ({ labels: { tier }, value: value(stats) }));
  const metric = (name: string, help: string, samples: Sample[], type: 'counter' | 'gauge' = 'counter'): Metric => ({
    name: `moeflow_expert_${name}`,
    type,
    help,
    samples,
  });
  return [
    metric(
      'hits_total',
      'Experts that were there when a layer asked for them.',
      of(({ hits }) => hits),
    ),
    metric(
      'late_hits_total',
      'Experts that were on their way when a layer asked.',
      of(({ lateHits }) => lateHits),
    ),
    metric(
      'misses_total',
      'Experts that had to be read when a layer asked.',
      of(({ misses }) => misses),
    ),
    metric(
      'prefetches_total',
      'Experts that were fetched ahead of need.',
      of(({ prefetches }) => prefetches),
    ),
    metric(
      'wasted_prefetches_total',
      'Of these, experts left unused.',
      of(({ wastedPrefetches }) => wastedPrefetches),
    ),
    metric(
      'read_bytes_total',
      'Bytes of experts that were read from below.',
      of(({ bytesRead }) => bytesRead),
    ),
    metric(
      'stall_seconds_total',
      'Seconds that computing waited for experts.',
      of(({ stallSeconds }) => stallSeconds),
    ),
    metric(
      'slots',
      'Experts that there is room for.',
      of(({ slots }) => slots),
      'gauge',
    ),
    metric(
      'slot_bytes',
      'Bytes of that room.',
      of(({ budgetBytes }) => budgetBytes),
      'gauge',
    ),
  ];
}

function counter(name: string, help: string, value: number): Metric {
  return { name: `moeflow_${name}`, type: 'counter', help, samples: [{ value }] };
}

function gauge(name: string, help: string, value: number, labels: Record<string, string> = {}): Metric {
  return { name: `moeflow_${name}`, type: 'gauge', help, samples: [{ labels, value }] };
}

function histogram(name: string, help: string, samples: Sample[]): Metric {
  return { name: `moeflow_${name}`, type: 'histogram', help, samples };
}

/** Names that Prometheus gives to every process. */
function process_(name: string, help: string, value: number): Metric {
  return { name: `process_${name}`, type: 'gauge', help, samples: [{ value }] };
}
