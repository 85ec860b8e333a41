/** Kinds of fields in a request's body. Null counts as absent, as clients send it for what was not set. */

import { isDeepStrictEqual } from 'node:util';
import * as z from 'zod';

export function optional<Type extends z.ZodType>(type: Type) {
  return type.nullish().transform((value) => value ?? undefined);
}

export function number(low: number, high: number) {
  const error = `must be a number from ${low} to ${high}`;
  return optional(z.number({ error }).min(low, { error }).max(high, { error }));
}

export function integer(low: number, high: number) {
  const wanted =
    high === Number.MAX_SAFE_INTEGER ? `an integer of at least ${low}` : `an integer from ${low} to ${high}`;
  const error = `must be ${wanted}`;
  return optional(z.number({ error }).int({ error }).min(low, { error }).max(high, { error }));
}

export const boolean = optional(z.boolean({ error: 'must be true or false' }));

export const text = optional(z.string({ error: 'must be a string' }));

/** As `z.array`, but the first element that is wrong ends the check: a body has room for millions of them. */
export function arrayOf<Element extends z.ZodType>(element: Element, error: string) {
  return z.custom<unknown[]>(Array.isArray, { error }).transform((values, context) => {
    const elements: z.output<Element>[] = [];
    for (const [index, value] of values.entries()) {
      const parsed = element.safeParse(value);
      if (!parsed.success) {
        const issue = parsed.error.issues[0] as z.core.$ZodIssue;
        context.issues.push({ ...issue, path: [index, ...issue.path], input: value } as z.core.$ZodRawIssue);
        return z.NEVER;
      }
      elements.push(parsed.data);
    }
    return elements;
  });
}

/** Something that is not done: accepted only with values that ask for nothing. `why` follows the field's name. */
export function neutral(values: readonly unknown[], why: string) {
  const isNeutral = (value: unknown) => value == null || values.some((one) => isDeepStrictEqual(one, value));
  return z
    .unknown()
    .refine(isNeutral, { error: `is not supported: ${why}`, params: { unsupported: true } })
    .optional();
}

/** Something that clients send and that changes nothing here. */
export const ignored = z.unknown().optional();
