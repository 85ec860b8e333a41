/** moeflow/ai-sdk: moeflow as a provider of language models for Vercel's AI SDK, the package `ai`. */

export type { MoeflowProviderOptions } from './call-settings.js';
export { createMoeflow, type MoeflowProvider } from './provider.js';
export type { MoeflowProviderMetadata } from './result.js';
export type { MoeflowModelSettings, MoeflowProviderSettings } from './settings.js';
