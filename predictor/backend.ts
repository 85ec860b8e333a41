/** TensorFlow.js, which trains: on whatever the user has installed. */

import { MoeflowError } from '../lib/errors.js';
import { type Backend, backends } from './backends.js';

export type TensorFlow = typeof import('@tensorflow/tfjs-core');

const packages: Record<Backend, string> = {
  'tfjs-node-gpu': '@tensorflow/tfjs-node-gpu',
  'tfjs-node': '@tensorflow/tfjs-node',
  wasm: '@tensorflow/tfjs-backend-wasm',
  cpu: '@tensorflow/tfjs-backend-cpu',
};

export interface ChosenBackend {
  tf: TensorFlow;
  backend: Backend;
}

/**
 * The wanted back end, or with `auto` the fastest that is installed and works.
 *
 * @throws MoeflowError `UNSUPPORTED` naming the package to install, and why those that are there do not work
 */
export async function tensorFlow(wanted: Backend | 'auto' = 'auto'): Promise<ChosenBackend> {
  const failures: string[] = [];
  for (const backend of wanted === 'auto' ? backends : [wanted]) {
    try {
      return { tf: await load(backend), backend };
    } catch (error) {
      if (!isMissing(error, packages[backend])) failures.push(`${packages[backend]}: ${(error as Error).message}`);
    }
  }
  const missing = packages[wanted === 'auto' ? 'wasm' : wanted];
  const broken = failures.length > 0 ? ` (${failures.join('; ')})` : '';
  throw new MoeflowError(
    'UNSUPPORTED',
    `training needs TensorFlow.js, which is not installed${broken}. Install it with: npm install ${missing}`,
  );
}

async function load(backend: Backend): Promise<TensorFlow> {
  // Not a literal, as the compiler need not find it.
  const name: string = packages[backend];
  if (backend === 'tfjs-node-gpu' || backend === 'tfjs-node') {
    const tf = (await import(name)) as TensorFlow & { default?: TensorFlow };
    return tf.default ?? tf;
  }
  const tf = await import('@tensorflow/tfjs-core');
  // Otherwise the plain back end writes a banner to the console.
  tf.enableProdMode();
  await import(name);
  if (!(await tf.setBackend(backend))) throw new Error(`the back end ${backend} does not start`);
  await tf.ready();
  return tf;
}

function isMissing(error: unknown, name: string): boolean {
  const { code, message } = error as { code?: string; message?: string };
  return code === 'ERR_MODULE_NOT_FOUND' && (message ?? '').includes(name);
}
