import type { LoadModelOptions, loadModel, Model, planMemory } from '../../lib/index.js';
import { collectGarbage } from './garbage.js';

/** moeflow as it is published, or as this tool was compiled with. */
interface Runtime {
  loadModel: typeof loadModel;
  planMemory: typeof planMemory;
}

/** Loads a model with places for just that share of its experts (0 to 1), 2% more or less, whatever else takes memory. */
export async function loadWithShare(
  { loadModel, planMemory }: Runtime,
  file: string,
  options: LoadModelOptions,
  share: number,
): Promise<Model> {
  const { expertBytes, experts } = await planMemory(file, { ...options, ram: undefined });
  const wanted = Math.round(share * experts);
  // The least that works says what else there is; what the process has already is not the same twice.
  let ram = (await planMemory(file, options)).processBytes + 2 * expertBytes + 32 * 2 ** 20;
  for (let attempt = 0; attempt < 32; attempt++) {
    // What earlier attempts left would count as taken.
    collectGarbage();
    const model = await loadModel(file, { ...options, ram });
    const missing = wanted - model.info.memory.expertSlots;
    if (Math.abs(missing) <= wanted / 50) return model;
    await model.dispose();
    ram += Math.round((missing * expertBytes) / experts);
  }
  throw new Error(`no budget gave places for ${wanted} experts of ${experts}, 2% more or less`);
}
