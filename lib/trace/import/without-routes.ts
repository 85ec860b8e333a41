/** Files about routing that hold no routes: recognised, so that the error says what they lack. */

import { UnsupportedError } from '../../errors.js';
import type { Sample } from './format.js';

const kinds: { what: string; matches(sample: Sample): boolean; instead: string }[] = [
  {
    what: 'counts of experts over many tokens',
    matches: ({ text }) => /^\s*\{/.test(text) && /"(expert_counts\w*|all_workloads)"\s*:/.test(text),
    instead: 'which tokens they belong to is lost; record the routes themselves',
  },
  {
    what: 'a list of popular experts',
    matches: ({ text }) => /^\s*\{/.test(text) && /"popular"\s*:\s*\[/.test(text),
    instead: 'it can be the hot list of the policy `static`, after its `popular` is written to a file of its own',
  },
  {
    what: 'usage counters of colibrì',
    matches: ({ path }) => path.endsWith('.coli_usage'),
    instead: 'which tokens they belong to is lost; record the routes themselves',
  },
  {
    what: 'a PyTorch file',
    matches: ({ path, head }) => path.endsWith('.pt') || head.toString('latin1', 0, 4) === 'PK\x03\x04',
    instead:
      'reading it would run its pickled code; save its expert ids, a tensor [tokens, layers, k], by numpy.save(path, ids.numpy())',
  },
];

/** @throws UnsupportedError if it is one of them */
export function refuseFilesWithoutRoutes(sample: Sample): void {
  const kind = kinds.find(({ matches }) => matches(sample));
  if (kind) throw new UnsupportedError(`${sample.path} is ${kind.what}, not a trace: ${kind.instead}`);
}
