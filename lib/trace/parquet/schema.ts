/** The columns of a trace in Parquet: a row is a token at all layers. */

import type { SchemaElement } from 'hyparquet';

/**
 * `experts` and `weights` are flat lists of layers x k elements, as lists of lists would lose the layer when SQL takes them
 * apart: element i (from 0) belongs to layer i / k (rounded down) and rank i % k.
 */
export function schema(weighted: boolean): SchemaElement[] {
  const list = (name: string, element: Omit<SchemaElement, 'name'>): SchemaElement[] => [
    { name, repetition_type: 'REQUIRED', num_children: 1, converted_type: 'LIST' },
    { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
    { name: 'element', repetition_type: 'REQUIRED', ...element },
  ];
  return [
    { name: 'schema', num_children: weighted ? 6 : 5 },
    { name: 'sequence', type: 'INT32', repetition_type: 'REQUIRED' },
    { name: 'position', type: 'INT32', repetition_type: 'REQUIRED' },
    // Null where it is not known.
    { name: 'token', type: 'INT32', repetition_type: 'OPTIONAL' },
    { name: 'phase', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'REQUIRED' },
    ...list('experts', { type: 'INT32', converted_type: 'INT_16' }),
    ...(weighted ? list('weights', { type: 'FLOAT' }) : []),
  ];
}
