import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'chai'
import { Glob } from '#dist/store/glob.js'
import { matchAll } from '#dist/store/patterns.js'

describe('Glob', () => {
  const cases: [string, string, boolean][] = [
    ['*', '', true],
    ['*', 'vineyard::Tensor<int64>', true],
    ['vineyard::*', 'vineyard::Blob', true],
    ['vineyard::B*b', 'vineyard::Blob', true],
    ['a?c', 'abc', true],
    ['a?c', 'ac', false],
    ['[a-c]x', 'bx', true],
    ['[!a-c]x', 'bx', false],
    ['[^a-c]x', 'dx', true],
    ['[]]', ']', true],
    ['[[:digit:]]*', '5x', true],
    ['[[:upper:]]', 'a', false],
    ['[ab', '[ab', true],
    ['\\*', '*', true],
    ['\\*', 'a', false],
    ['a\\', 'a\\', false],
    ['*a*b*c*', 'xxaxxbxxcxx', true],
    ['*a*b*c', 'xxaxxbxxcxx', false],
    ['a', 'A', false],
    ['', '', true],
    ['?', '😀', true],
    ['*/*', 'a/b', true]
  ]
  for (const [pattern, text, result] of cases) {
    it(`${pattern} ${result ? 'matches' : 'does not match'} '${text}'`, () => {
      expect(new Glob(pattern).matches(text)).to.equal(result)
    })
  }

  it('does bounded work for a pattern full of stars', () => {
    expect(new Glob(`${'*a'.repeat(1000)}b`).matches('a'.repeat(3000))).to.equal(false)
  })
})

describe('matchAll', () => {
  it('matches expressions against the whole text', () => {
    expect(matchAll('a|b', true, ['a', 'b', 'ab'])).to.deep.equal([true, true, false])
  })

  it('matches nothing with what is no expression', () => {
    expect(matchAll('(', true, ['(', 'a'])).to.deep.equal([false, false])
  })

  it('gives up on a glob that takes too long', () => {
    const texts = Array.from({ length: 100 }, () => 'a'.repeat(20_000))
    expect(() => matchAll(`*${'a'.repeat(500)}b`, false, texts)).to.throw('too long')
    expect(() => matchAll('*'.repeat(100_000), false, texts)).to.throw('longer')
  })

  it('gives up on an expression that does not end', () => {
    expect(() => matchAll('(a+)+b', true, ['a'.repeat(60)])).to.throw('too long')
  })

  it('does not count the time in which others have the processor', async () => {
    // An expression of 20 to 40 ms, many times.
    const program = `
      import { matchAll } from ${JSON.stringify(import.meta.resolve('#dist/store/patterns.js'))}
      let text = 'a'.repeat(15)
      for (let used = 0; used < 20_000; used = process.cpuUsage(used).user) {
        used = process.cpuUsage()
        text += 'a'
        new RegExp('^(?:(a+)+b)$').test(text)
      }
      console.log('begins')
      for (let time = 0; time < 50; time += 1) matchAll('(a+)+b', true, [text])`
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit']
    })
    const exit = once(child, 'exit')
    await Promise.race([once(child.stdout, 'data'), exit])
    while (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGSTOP')
      await Promise.race([delay(300), exit])
      child.kill('SIGCONT')
      await Promise.race([delay(200), exit])
    }
    expect((await exit)[0]).to.equal(0)
  })
})
