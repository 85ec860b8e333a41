/** Where moeflow keeps what it has measured. */

import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

type Environment = Readonly<Record<string, string | undefined>>;

/** MOEFLOW_CACHE_DIR if that is set, else where this platform keeps what can be made again. It need not exist. */
export function cacheDirectory(
  environment: Environment = process.env,
  platform: string = process.platform,
  home: string = homedir(),
): string {
  if (environment.MOEFLOW_CACHE_DIR) return environment.MOEFLOW_CACHE_DIR;
  if (platform === 'darwin') return join(home, 'Library', 'Caches', 'moeflow');
  if (platform === 'win32') return join(environment.LOCALAPPDATA || join(home, 'AppData', 'Local'), 'moeflow');
  const shared = environment.XDG_CACHE_HOME;
  // As its specification has it: a path that is not absolute does not count.
  return join(shared && isAbsolute(shared) ? shared : join(home, '.cache'), 'moeflow');
}
