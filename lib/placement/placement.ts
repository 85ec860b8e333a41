/** Where experts are. */

import { InvalidArgumentError } from '../errors.js';

/**
 * [layer][expert] its GPU, or a list of GPUs if it has copies (the same one twice if two copies are there).
 */
export type Placement = (number | number[])[][];

/** The same for loops. GPUs of expert e of layer l: those of `gpus` from `starts[l * experts + e]` to the next start. */
export interface FlatPlacement {
  layers: number;
  experts: number;
  starts: Int32Array;
  gpus: Int32Array;
}

export function flatten(placement: Placement): FlatPlacement {
  const lists = placement.flat().map((gpus) => (typeof gpus === 'number' ? [gpus] : gpus)) as number[][];
  const starts = new Int32Array(lists.length + 1);
  lists.forEach((list, at) => {
    starts[at + 1] = (starts[at] as number) + list.length;
  });
  const gpus = Int32Array.from(lists.flat());
  return { layers: placement.length, experts: placement[0]?.length ?? 0, starts, gpus };
}

/** From [layers][experts], one GPU each. */
export function unflatten(gpus: Int32Array, layers: number): Placement {
  const experts = gpus.length / layers;
  return Array.from({ length: layers }, (_, layer) =>
    Array.from(gpus.subarray(layer * experts, (layer + 1) * experts)),
  );
}

/**
 * From EPLB's form, [layer][slot] the expert in each of a layer's places, as many on each GPU.
 * Expert e of the slots from g * slots / gpus on is on GPU g.
 */
export function fromSlots(slots: readonly (readonly number[])[], experts: number, gpus: number): Placement {
  return slots.map((layer) => {
    const lists: number[][] = Array.from({ length: experts }, () => []);
    layer.forEach((expert, slot) => {
      lists[expert]?.push(Math.floor((slot * gpus) / layer.length));
    });
    return lists.map((list) => (list.length === 1 ? (list[0] as number) : list));
  });
}

/**
 * [layer][slot] the expert in each place, `physical_to_logical_map` of EPLB, vLLM and SGLang: those of GPU 0 first, on each
 * GPU in the order of their numbers.
 *
 * @throws InvalidArgumentError if a layer does not put as many experts on each GPU, naming it
 */
export function toSlots(placement: Placement, gpus: number): number[][] {
  return placement.map((layer, index) => {
    const onGpu: number[][] = Array.from({ length: gpus }, () => []);
    layer.forEach((list, expert) => {
      for (const gpu of typeof list === 'number' ? [list] : list) onGpu[gpu]?.push(expert);
    });
    const uneven = onGpu.findIndex((list) => list.length !== onGpu[0]?.length);
    if (uneven > 0) {
      throw new InvalidArgumentError(
        `layer ${index} has ${onGpu[0]?.length} experts on GPU 0 and ${onGpu[uneven]?.length} on GPU ${uneven}, but a map of slots needs as many on each: plan without a capacity`,
      );
    }
    return onGpu.flat();
  });
}

/** Copies of experts in all, over the layers. */
export function copiesOf(placement: Placement): number {
  return placement.flat().reduce<number>((sum, gpus) => sum + (typeof gpus === 'number' ? 1 : gpus.length), 0);
}

/**
 * @throws InvalidArgumentError naming the layer and expert that is nowhere, or on a GPU that does not exist
 */
export function checkPlacement(placement: unknown, gpus: number, what: string): asserts placement is Placement {
  const wrong = (where: string, problem: string): never => {
    throw new InvalidArgumentError(`${what}: ${where} ${problem}`);
  };
  if (!Array.isArray(placement) || placement.length === 0) return wrong('placement', 'must be an array of layers');
  placement.forEach((layer: unknown, index) => {
    const width = (placement[0] as unknown[]).length;
    if (!Array.isArray(layer) || layer.length === 0) return wrong(`placement[${index}]`, 'must be an array of experts');
    if (layer.length !== width) {
      return wrong(`placement[${index}]`, `has ${layer.length} experts, but placement[0] has ${width}`);
    }
    layer.forEach((entry: unknown, expert) => {
      const list: unknown[] = Array.isArray(entry) ? entry : [entry];
      const sound = list.length > 0 && list.every((gpu) => Number.isInteger(gpu) && (gpu as number) >= 0);
      if (!sound) wrong(`placement[${index}][${expert}]`, 'must be a GPU, or an array of GPUs with one at least');
      const beyond = list.find((gpu) => (gpu as number) >= gpus);
      if (beyond !== undefined) wrong(`placement[${index}][${expert}]`, `is GPU ${beyond}, but there are ${gpus}`);
    });
  });
}
