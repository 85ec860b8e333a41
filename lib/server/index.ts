/** moeflow/server: an HTTP server for a loaded model, by the OpenAI API. */

export { createServer, type ListenOptions, type ModelServer } from './server.js';
export type { ServerOptions } from './settings.js';
