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

/** @throws ApiError 400 for a schema, which the engine does not keep its tokens to */
export function formatOptions(format: z.output<typeof responseFormat>): GenerateOptions {
  if (format === undefined || format.type === 'text') return {};
  if (format.type === 'json_object') return { json: true };
  throw unsupported(
    'response_format',
    'response_format json_schema is not supported: json_object is, without a schema',
  );
}
