/** As much of JSON Schema as docs/plan.schema.json uses. Names not known here are errors, so that nothing goes unchecked. */

type Schema = Record<string, unknown>;

/** What breaks the schema, with its place; empty if nothing. */
export function problemsOf(value: unknown, schema: Schema, root: Schema = schema, at = ''): string[] {
  return Object.entries(schema).flatMap(([keyword, argument]) => {
    const holds = keywords[keyword];
    if (!holds) return [`${at}: the schema uses ${keyword}, which is not known`];
    return holds(value, argument as never, root, at);
  });
}

type Keyword = (value: unknown, argument: never, root: Schema, at: string) => string[];

const unless = (holds: boolean, at: string, problem: string) => (holds ? [] : [`${at}: ${problem}`]);
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const nothing: Keyword = () => [];

const types: Record<string, (value: unknown) => boolean> = {
  object: isObject,
  array: Array.isArray,
  string: (value) => typeof value === 'string',
  boolean: (value) => typeof value === 'boolean',
  number: (value) => typeof value === 'number',
  integer: Number.isInteger,
};

const keywords: Record<string, Keyword> = {
  $schema: nothing,
  $defs: nothing,
  title: nothing,
  description: nothing,
  type: (value, type: string, _, at) => unless(types[type]?.(value) === true, at, `is no ${type}`),
  const: (value, wanted: unknown, _, at) => unless(value === wanted, at, `is not ${wanted}`),
  enum: (value, wanted: unknown[], _, at) => unless(wanted.includes(value), at, `is none of ${wanted}`),
  minimum: (value, low: number, _, at) => unless(typeof value !== 'number' || value >= low, at, `is below ${low}`),
  maximum: (value, high: number, _, at) => unless(typeof value !== 'number' || value <= high, at, `is above ${high}`),
  minItems: (value, least: number, _, at) =>
    unless(!Array.isArray(value) || value.length >= least, at, `has not ${least} items`),
  required: (value, names: string[], _, at) =>
    isObject(value) ? names.flatMap((name) => unless(name in value, at, `has no ${name}`)) : [],
  properties: (value, schemas: Record<string, Schema>, root, at) =>
    isObject(value)
      ? Object.entries(value).flatMap(([name, one]) =>
          schemas[name] ? problemsOf(one, schemas[name], root, `${at}/${name}`) : [],
        )
      : [],
  additionalProperties: (value, schema: Schema, root, at) =>
    isObject(value)
      ? Object.entries(value).flatMap(([name, one]) => problemsOf(one, schema, root, `${at}/${name}`))
      : [],
  items: (value, schema: Schema, root, at) =>
    Array.isArray(value) ? value.flatMap((one, index) => problemsOf(one, schema, root, `${at}/${index}`)) : [],
  allOf: (value, schemas: Schema[], root, at) => schemas.flatMap((schema) => problemsOf(value, schema, root, at)),
  anyOf: (value, schemas: Schema[], root, at) =>
    unless(
      schemas.some((schema) => problemsOf(value, schema, root, at).length === 0),
      at,
      'is none of what it may be',
    ),
  $ref: (value, path: string, root, at) => {
    const found = path
      .split('/')
      .slice(1)
      .reduce<unknown>((schema, name) => (schema as Schema)[name], root);
    return problemsOf(value, found as Schema, root, at);
  },
};
