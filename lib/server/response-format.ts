/** The form that an answer must have: `response_format`. */

import * as z from 'zod';
import type { GenerateOptions } from '../generation/options.js';
import { unsupported } from './errors.js';
import { optional } from './fields.js';

const types = ['text', 'json_object', 'json_schema'] as const;

export const responseFormat = optional(
  z.looseObject(
    { type: z.enum(types, { error: `must be one of ${types.join(', ')}` }) },
    { error: 'must be an object such as { "type": "text" }' },
  ),
);

/**
 * The engine does not keep its tokens to a grammar yet, so whoever asks for JSON is refused.
 *
 * @throws ApiError 400
 */
export function formatOptions(format: z.output<typeof responseFormat>): GenerateOptions {
  if (format === undefined || format.type === 'text') return {};
  throw unsupported('response_format', `response_format ${format.type} is not supported yet: only text is`);
}
