/** Plans in the forms that other programs read. */

import { InvalidArgumentError } from '../errors.js';
import { type Placement, toSlots } from './placement.js';

export const planFormats = ['moeflow', 'sglang', 'eplb', 'exflow'] as const;
export type PlanFormat = (typeof planFormats)[number];

interface Placed {
  gpus: number;
  experts: number;
  placement: Placement;
}

/**
 * A plan as text. `sglang`: JSON for `--init-expert-location`. `eplb`: JSON with the three maps that EPLB returns and vLLM keeps.
 * `exflow`: CSV, a line per expert. `moeflow`: the plan itself.
 *
 * @param denseLayers layers of the model before the first one with experts: SGLang counts all layers, and gets rows for
 *   these that place experts in order
 * @throws InvalidArgumentError if the plan cannot be said in that form
 */
export function formatPlan(plan: Placed, format: PlanFormat, denseLayers = 0): string {
  switch (format) {
    case 'sglang':
      return `${JSON.stringify({ physical_to_logical_map: [...denseRows(plan, denseLayers), ...toSlots(plan.placement, plan.gpus)] })}\n`;
    case 'eplb':
      return `${JSON.stringify(eplbMaps(plan))}\n`;
    case 'exflow':
      return exflowCsv(plan);
    default:
      return `${JSON.stringify(plan)}\n`;
  }
}

function denseRows({ placement, gpus, experts }: Placed, count: number): number[][] {
  const slots = toSlots(placement, gpus)[0]?.length ?? 0;
  return Array.from({ length: count }, () => Array.from({ length: slots }, (_, slot) => slot % experts));
}

/** phy2log, log2phy (padded with -1) and logcnt of EPLB. */
function eplbMaps({ placement, gpus, experts }: Placed) {
  const slots = toSlots(placement, gpus);
  const places = slots.map((layer) => {
    const lists: number[][] = Array.from({ length: experts }, () => []);
    layer.forEach((expert, slot) => lists[expert]?.push(slot));
    return lists;
  });
  const most = Math.max(...places.flat().map((list) => list.length));
  return {
    physical_to_logical_map: slots,
    logical_to_physical_map: places.map((layer) =>
      layer.map((list) => [...list, ...Array<number>(most - list.length).fill(-1)]),
    ),
    logical_replica_count: places.map((layer) => layer.map((list) => list.length)),
  };
}

/** `Expert,Node`: expert e of layer l is number l * experts + e, and each GPU is what ExFlow calls a node. */
function exflowCsv({ placement, experts }: Placed): string {
  const rows = placement.flatMap((layer, index) =>
    layer.map((gpu, expert) => {
      if (typeof gpu === 'number') return `${index * experts + expert},${gpu}\n`;
      throw new InvalidArgumentError(
        `layer ${index}, expert ${expert} has ${gpu.length} copies, but ExFlow's file has one GPU per expert: plan without replicas`,
      );
    }),
  );
  return `Expert,Node\n${rows.join('')}`;
}
