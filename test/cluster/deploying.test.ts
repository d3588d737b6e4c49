import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { needsVineyard, python } from '../support/vineyardd.js'

const folder = fileURLToPath(new URL('../../../docs/deploying/', import.meta.url))

/** The documents of a YAML file, by a parser that is there anyway. */
function parse(file: string): any[] {
  const script = 'import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(open(sys.argv[1])))))'
  const env = { ...process.env, LD_PRELOAD: '' }
  return JSON.parse(execFileSync(python, ['-c', script, folder + file], { env, encoding: 'utf8' }))
}

describe('Files for deploying', () => {
  before(function () {
    needsVineyard(this)
  })

  it('the compose file is YAML whose services, volumes and sockets fit together', () => {
    const [compose] = parse('compose.yaml')
    const names = Object.keys(compose.services)
    for (const service of Object.values<any>(compose.services)) {
      expect(service.image).to.be.a('string')
      for (const other of service.depends_on ?? []) expect(names).to.include(other)
      for (const volume of service.volumes ?? []) {
        const [source] = String(volume).split(':')
        if (!String(source).startsWith('.')) expect(Object.keys(compose.volumes)).to.include(source)
      }
    }
    const socket = compose.services.app.environment.VINEYARD_IPC_SOCKET
    expect(compose.services.vineyardd.command).to.include(`--socket=${socket}`)
  })

  it('the manifests have kinds, names, and mounts that exist', () => {
    const [daemon] = parse('vineyardd.yaml')
    expect(daemon).to.deep.include({ apiVersion: 'k8s.v6d.io/v1alpha1', kind: 'Vineyardd' })
    const [job] = parse('job.yaml')
    expect(job).to.deep.include({ apiVersion: 'batch/v1', kind: 'Job' })
    const { containers, volumes } = job.spec.template.spec
    for (const { volumeMounts } of containers) {
      for (const { name } of volumeMounts) expect(volumes.map((volume: any) => volume.name)).to.include(name)
    }
    const { path } = volumes[0].hostPath
    expect(path).to.equal(
      daemon.spec.vineyard.socket
        .replace('{{.Namespace}}', daemon.metadata.namespace)
        .replace('{{.Name}}', daemon.metadata.name)
    )
  })
})
