/** A request's body against a schema, and an error that says what is wrong with it and where. */

import type * as z from 'zod';
import { describe, shortened, suggestion } from '../options.js';
import { ApiError } from './errors.js';

/** @throws ApiError 400 for the first thing that is wrong */
export function parseBody<Schema extends z.ZodObject>(schema: Schema, body: unknown): z.output<Schema> {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  throw errorOf(parsed.error.issues[0] as z.core.$ZodIssue, body, Object.keys(schema.shape));
}

function errorOf(issue: z.core.$ZodIssue, body: unknown, known: string[]): ApiError {
  const { path, message } = issue;
  if (issue.code === 'unrecognized_keys') {
    const name = issue.keys[0] as string;
    const param = shortened(name);
    return new ApiError(400, `unknown parameter ${param}${suggestion(name, known)}`, {
      param,
      code: 'unknown_parameter',
    });
  }
  if (path.length === 0) return new ApiError(400, `the body must be a JSON object, is ${describe(body)}`);
  const param = fieldName(path);
  if (issue.code === 'custom' && issue.params?.unsupported === true) {
    return new ApiError(400, `${param} ${message}`, { param, code: 'unsupported' });
  }
  const value = path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key], body);
  return new ApiError(
    400,
    `${param} ${message}${value === undefined ? '; it is missing' : `, is ${describe(value)}`}`,
    {
      param,
    },
  );
}

/** As in messages[0].content. */
function fieldName(path: readonly PropertyKey[]): string {
  return path.map((key, i) => (typeof key === 'number' ? `[${key}]` : `${i > 0 ? '.' : ''}${String(key)}`)).join('');
}
