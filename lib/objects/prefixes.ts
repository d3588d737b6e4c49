/** Names seen are remembered up to this many: real ones are few, and a writer could make up any number. */
const maxRemembered = 256

/** Finds what is registered for a typename: the longest name it begins with, as upstream's resolvers are chosen. */
export class PrefixTable<T extends { readonly typenames: readonly string[] }> {
  readonly #entries: readonly { typename: string; type: T }[]
  readonly #remembered = new Map<string, T>()

  constructor(types: readonly T[]) {
    this.#entries = types
      .flatMap(type => type.typenames.map(typename => ({ typename, type })))
      .sort((a, b) => b.typename.length - a.typename.length)
  }

  find(typename: string): T | undefined {
    const known = this.#remembered.get(typename)
    if (known !== undefined) return known
    const type = this.#entries.find(entry => typename.startsWith(entry.typename))?.type
    if (type !== undefined && this.#remembered.size < maxRemembered) this.#remembered.set(typename, type)
    return type
  }
}
