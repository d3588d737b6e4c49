import type { Schema } from 'apache-arrow'
import { IpcPlan } from './ipc-plan.js'

/** More schemas than a program reads in turn. */
const maxPlans = 16
/** A schema whose message is longer is decoded each time. */
const maxMessage = 64 * 1024

/** The plans of the schemas that were met last. */
export class IpcPlans {
  /** The one that was used last comes first. */
  readonly #plans: IpcPlan[] = []

  /** The plan of a stream, if its schema is known. */
  find(bytes: Uint8Array): IpcPlan | undefined {
    const index = this.#plans.findIndex(plan => plan.suits(bytes))
    const plan = this.#plans[index]
    if (plan !== undefined && index > 0) this.#toFront(index, plan)
    return plan
  }

  /**
   * Remembers a schema, which `decode` makes of its message: of a copy, because a producer who changes the message afterwards
   * would have the streams of others decoded with it.
   */
  learn(message: Uint8Array, decode: (message: Uint8Array) => Schema): void {
    if (message.byteLength > maxMessage || this.#plans.some(plan => plan.suits(message))) return
    const copy = Buffer.from(message)
    const plan = IpcPlan.of(copy, decode(copy))
    if (plan === undefined) return
    this.#plans.unshift(plan)
    if (this.#plans.length > maxPlans) this.#plans.pop()
  }

  #toFront(index: number, plan: IpcPlan): void {
    this.#plans.splice(index, 1)
    this.#plans.unshift(plan)
  }
}
