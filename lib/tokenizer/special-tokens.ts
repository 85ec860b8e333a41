/** Finds tokens that stand in the text by name, such as <|im_start|>, and makes such names harmless. */

/** A stretch of the text: plain, or one token found by its name. */
export type Segment = { readonly text: string } | { readonly tokenId: number };

export class SpecialTokenMatcher {
  readonly #idByName: ReadonlyMap<string, number>;
  readonly #names: string | undefined;

  constructor(idByName: ReadonlyMap<string, number>) {
    this.#idByName = idByName;
    // Alternatives are tried in order, so the longest name comes first.
    const names = [...idByName.keys()].sort((a, b) => b.length - a.length);
    this.#names = names.length === 0 ? undefined : names.map(escapeExpression).join('|');
  }

  /** The token of this name. */
  idOf(name: string): number | undefined {
    return this.#idByName.get(name);
  }

  /** Cuts the text at the names, from the left, the longest name first. Empty stretches are left out. */
  segments(text: string): Segment[] {
    if (this.#names === undefined) return text === '' ? [] : [{ text }];
    const result: Segment[] = [];
    let position = 0;
    for (const match of text.matchAll(new RegExp(this.#names, 'g'))) {
      if (match.index > position) result.push({ text: text.slice(position, match.index) });
      result.push({ tokenId: this.#idByName.get(match[0]) as number });
      position = match.index + match[0].length;
    }
    if (position < text.length) result.push({ text: text.slice(position) });
    return result;
  }

  /** Puts `mark` behind the first UTF-16 unit of every name in the text, overlapping ones included: none is left. */
  escape(text: string, mark: string): string {
    if (this.#names === undefined) return text;
    return text.replace(new RegExp(`(?=${this.#names})[^]`, 'g'), (first) => first + mark);
  }
}

function escapeExpression(name: string): string {
  return name.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}
