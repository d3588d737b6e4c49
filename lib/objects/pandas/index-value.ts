import type { Vector } from 'apache-arrow'
import type { Label } from './labels.js'

/** The labels of rows: a pandas Index. */
export class Index {
  constructor(
    /** Name of the index; null for none. */
    readonly name: Label,
    /** The labels, one for each row. */
    readonly values: Vector
  ) {}
}
