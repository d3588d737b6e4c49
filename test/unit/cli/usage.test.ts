import { expect } from 'chai'
import { inside } from '../../support/inside.js'

const nowhere = ['--server', '/nonexistent/socket']

describe('Wrong usage of the command line', () => {
  const wrong: [args: string[], says: RegExp, env?: Record<string, string>][] = [
    [['pipe', 'foo', ...nowhere], /--format is needed: the name 'foo' does not tell it/],
    [['pipe', 'x.bin', ...nowhere], /--format is needed/],
    [['pipe', 'a.csv', '--rows', '0'], /whole number from 1/],
    [['pipe', 'a.csv', '--to', 'x', '--name', 'y'], /cannot be used with/],
    [['serve', '--socket', 's', '--ui', 'abc'], /'abc' is invalid.*port/],
    [['serve', '--socket', 's', '--ui', '99999'], /'99999' is invalid.*port/],
    [['serve', '--socket', 's', '--metrics', '99999'], /'99999' is invalid.*port/],
    [['serve', '--socket', 's', '--metrics', 'a b'], /must be host:port/],
    [['serve', '--socket', 's', '--rpc', '99999'], /'99999' is invalid.*port/],
    [['serve', '--socket', 's', '--rpc', '0.0.0.0:0'], /"username" and "password" are needed/],
    [['serve', '--socket', 's', '--size', 'abc'], /'abc' is invalid.*"size".*'256Mi'/],
    [['serve', '--socket', 's', '--size', '99Ti'], /"size" option must be less than/],
    [['serve', '--socket', ''], /must be a path/],
    [['serve', '--socket', 's', '--password', 'x'], /--password needs --username/],
    [['serve', '--socket', 's', '--username', 'x'], /--username needs --password or \$VINEYARD_PASSWORD/],
    [['serve', '--socket', 's'], /\$VINEYARD_PASSWORD is set.*--username/, { VINEYARD_PASSWORD: 'x' }],
    [['status', '--password', 'x', ...nowhere], /--password needs --username/],
    [['status', '--username', 'x', ...nowhere], /--username needs --password/],
    [['status', '--server', ''], /'-s, --server <address>'.*must be a string that is not empty/],
    [['status', '--server', 'http://x'], /a path or tcp:\/\/host:port/],
    [['status', '--server', 'tcp://a b'], /must be host:port/],
    [['cat'], /missing required argument/],
    [['cat', 'x', '--format', 'xml'], /Allowed choices are/],
    [['cat', 'x', '--formt', 'csv'], /unknown option '--formt' \(Did you mean --format\?\)/],
    [['top', '--interval', '0'], /number of seconds/],
    [['lss'], /unknown command 'lss' \(Did you mean ls\?\)/]
  ]
  for (const [args, says, env = {}] of wrong) {
    it(`${args.join(' ')}${env['VINEYARD_PASSWORD'] === undefined ? '' : ' with a password'}: one line that says so, and 2`, async () => {
      const { code, stdout, stderr } = await inside(args, { env })
      expect({ code, stdout }, stderr).to.deep.equal({ code: 2, stdout: '' })
      expect(stderr)
        .to.match(/^vineyard-streams: [^\n]+\n$/)
        .and.match(says)
    })
  }

  it('a password of the environment is nothing that a client without a user was told', async () => {
    const { code, stderr } = await inside(['status', ...nowhere], { env: { VINEYARD_PASSWORD: 'x' } })
    expect(code).to.equal(3)
    expect(stderr).to.contain('ERR_VINEYARD_CONNECT')
  })

  it('help is data: it says where a server is looked for, and has examples', async () => {
    const help = await inside(['ls', '--help'])
    expect(help).to.include({ code: 0, stderr: '' })
    expect(help.stdout.replaceAll(/\s+/g, ' ')).to.contain(
      'default: $VINEYARD_IPC_SOCKET, $VINEYARD_RPC_ENDPOINT'
    )
    const top = await inside(['--help'])
    expect(top).to.include({ code: 0, stderr: '' })
    expect(top.stdout).to.match(/Examples:\n {2}\$ vineyard-streams serve/)
  })
})
