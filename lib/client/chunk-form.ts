import { BatchPlan } from '../objects/arrow/batch-plan.js'
import { Template } from '../protocol/template.js'

/** What the chunks of one template have in common for their reader. */
export class ChunkForm {
  readonly template: Template
  /** How they become record batches without a look at their metadata, where they are such. */
  readonly plan: BatchPlan | undefined

  /** Throws an Error for a text that is no template. */
  constructor(text: string) {
    this.template = new Template(text)
    this.plan = BatchPlan.of(this.template)
  }
}
