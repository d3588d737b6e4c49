import { expect } from 'chai'
import fc from 'fast-check'
import { alignment, Allocator, type Block } from '#dist/store/allocator.js'

const size = 4 * 2 ** 20

type Step = { take: number } | { giveBack: number } | { shrink: number; to: number }

const steps = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.record({ take: fc.integer({ min: 1, max: 300_000 }) }) },
    { weight: 2, arbitrary: fc.record({ take: fc.integer({ min: 1, max: 5000 }) }) },
    { weight: 5, arbitrary: fc.record({ giveBack: fc.nat() }) },
    { weight: 1, arbitrary: fc.record({ shrink: fc.nat(), to: fc.integer({ min: 1, max: 300_000 }) }) }
  ),
  { maxLength: 120 }
)

/** The longest stretch that nobody holds, by the simplest means. */
function longestGap(held: Iterable<Block>): number {
  let end = 0
  let longest = 0
  const blocks = [...held].sort((a, b) => a.offset - b.offset)
  for (const block of blocks) {
    expect(block.offset, 'blocks overlap').to.be.at.least(end)
    longest = Math.max(longest, block.offset - end)
    end = block.offset + block.size
  }
  return Math.max(longest, size / alignment - end) * alignment
}

describe('Allocator', () => {
  it('never hands out memory twice, and refuses only what no gap could hold', () => {
    fc.assert(
      fc.property(steps, list => {
        const allocator = new Allocator(size)
        const held: Block[] = []
        for (const step of list as Step[]) {
          if ('take' in step) {
            const gap = longestGap(held)
            const block = allocator.allocate(step.take)
            expect(block !== undefined).to.equal(gap >= Allocator.footprint(step.take))
            if (block) {
              expect(block.size * alignment).to.equal(Allocator.footprint(step.take))
              held.push(block)
            }
          } else if (held.length > 0 && 'giveBack' in step) {
            allocator.free(held.splice(step.giveBack % held.length, 1)[0]!)
          } else if (held.length > 0 && 'shrink' in step) {
            allocator.shrink(held[step.shrink % held.length]!, step.to)
          }
          allocator.check()
          longestGap(held)
          const sum = held.reduce((total, block) => total + block.size * alignment, 0)
          expect(allocator.used).to.equal(sum)
        }
        for (const block of held) allocator.free(block)
        allocator.check()
        expect(allocator.used).to.equal(0)
        expect([...allocator.freeRanges()]).to.deep.equal([{ offset: 0, length: size }])
      }),
      { numRuns: 300 }
    )
  })

  it('foretells what would fit if some of it were given back', () => {
    fc.assert(
      fc.property(
        steps,
        fc.integer({ min: 1, max: size }),
        fc.integer({ min: 2, max: 4 }),
        (list, bytes, every) => {
          const allocator = new Allocator(size)
          const held: Block[] = []
          for (const step of list as Step[]) {
            const block = 'take' in step ? allocator.allocate(step.take) : undefined
            if (block) held.push(block)
          }
          const freed = new Set(held.filter((_, index) => index % every === 0))
          const fits = allocator.wouldFit(freed, bytes, bytes)
          const sum = allocator.wouldFit(freed, bytes, 1)
          for (const block of freed) allocator.free(block)
          expect(sum).to.equal(Allocator.footprint(bytes) <= size - allocator.used)
          expect(allocator.allocate(bytes) !== undefined).to.equal(fits)
        }
      ),
      { numRuns: 300 }
    )
  })

  it('takes the most recently freed memory first', () => {
    const allocator = new Allocator(size)
    const blocks = Array.from({ length: 9 }, () => allocator.allocate(1000)!)
    for (const index of [2, 4, 6]) allocator.free(blocks[index]!)
    expect(allocator.allocate(1000)).to.equal(blocks[6])
    expect(allocator.allocate(1000)).to.equal(blocks[4])
  })

  it('goes into untouched memory only when nothing that was used fits', () => {
    const allocator = new Allocator(size)
    const first = allocator.allocate(100_000)!
    const guard = allocator.allocate(64)!
    allocator.free(first)
    const { frontier } = allocator
    allocator.allocate(50_000)
    allocator.allocate(40_000)
    expect(allocator.frontier).to.equal(frontier)
    allocator.allocate(60_000)
    expect(allocator.frontier).to.be.above(frontier)
    expect(guard.offset).to.be.above(0)
  })

  it('extends the free end of the used memory instead of leaving it behind', () => {
    const allocator = new Allocator(size)
    allocator.free(allocator.allocate(100_000)!)
    expect(allocator.allocate(200_000)!.offset).to.equal(0)
    expect(allocator.frontier).to.equal(Allocator.footprint(200_000))
  })

  it('hands out the whole pool', () => {
    const allocator = new Allocator(size)
    const block = allocator.allocate(size)!
    expect(allocator.allocate(1)).to.equal(undefined)
    allocator.free(block)
    expect(allocator.allocate(size)).to.not.equal(undefined)
    expect(allocator.allocate(1)).to.equal(undefined)
  })

  it('costs the same with many blocks', () => {
    const allocator = new Allocator(2 ** 30)
    const blocks = Array.from({ length: 200_000 }, (_, index) => allocator.allocate(64 + (index % 50) * 64)!)
    for (let i = 0; i < blocks.length; i += 2) allocator.free(blocks[i]!)
    allocator.check()
    for (let i = 0; i < 100_000; i += 1) allocator.free(allocator.allocate(64 + (i % 70) * 64)!)
    allocator.check()
  })
})
