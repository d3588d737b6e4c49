import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { needsVineyard, python } from '../support/vineyardd.js'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const folder = `${root}docs/deploying/`

/** The documents of a YAML file, by a parser that is there anyway. */
function parse(file: string): any[] {
  const script = 'import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(open(sys.argv[1])))))'
  return JSON.parse(execFileSync(python, ['-c', script, folder + file], { encoding: 'utf8' }))
}

interface Fields {
  [name: string]: Fields | true
}

/** What v6d's operator knows in `spec` of a Vineyardd, as far as it is given (k8s/apis/k8s/v1alpha1/vineyardd_types.go, v0.24.2). */
const vineyarddFields: Fields = {
  replicas: true,
  etcdReplicas: true,
  service: { type: true, port: true },
  vineyard: {
    image: true,
    imagePullPolicy: true,
    syncCRDs: true,
    socket: true,
    size: true,
    reserveMemory: true,
    streamThreshold: true,
    spill: true,
    env: true,
    memory: true,
    cpu: true
  },
  pluginImage: true,
  metric: { enable: true, image: true, imagePullPolicy: true },
  volume: { pvcName: true, mountPath: true },
  securityContext: true,
  volumes: true,
  volumeMounts: true
}

/** Kubernetes drops fields that a resource does not have, without a word. */
function unknownFields(spec: Record<string, any>, fields: Fields): string[] {
  return Object.entries(spec).flatMap(([name, value]) => {
    const known = Object.hasOwn(fields, name) ? fields[name] : undefined
    if (known === undefined) return [name]
    return known === true ? [] : unknownFields(value, known)
  })
}

/** Of a size such as 4Gi or 1280m, as Kubernetes, Docker and vineyardd write them. */
function mebibytes(size: string | undefined): number {
  const [, count, unit] = /^(\d+)(Gi|Mi|m)$/.exec(size ?? '') ?? []
  return Number(count) * (unit === 'Gi' ? 1024 : 1)
}

describe('Files for deploying', () => {
  before(function () {
    needsVineyard(this)
  })

  it('the compose file is YAML whose services, volumes and sockets fit together', () => {
    const [compose] = parse('compose.yaml')
    const services: Record<string, any> = compose.services
    const { vineyardd, producer, consumer, etcd } = services
    for (const service of Object.values(services)) {
      if (service.build === undefined) expect(service.image).to.be.a('string')
      else expect(existsSync(`${folder}${service.build.context}/${service.build.dockerfile}`)).to.be.true
      for (const [other, { condition }] of Object.entries<any>(service.depends_on ?? {})) {
        expect(condition).to.equal('service_healthy')
        expect(services[other].healthcheck.test[0]).to.equal('CMD')
      }
      for (const volume of service.volumes ?? []) {
        expect(Object.keys(compose.volumes)).to.include(String(volume).split(':')[0])
      }
    }
    const [socket] = [producer, consumer].map(job => job.environment.VINEYARD_IPC_SOCKET)
    expect(vineyardd.command).to.include(`--socket=${socket}`)
    expect(vineyardd.healthcheck.test).to.include(socket)
    expect(vineyardd.environment.MY_HOST_NAME).to.equal('vineyardd')
    expect(vineyardd.command).to.include('--etcd_endpoint=http://etcd:2379')
    expect(etcd.command).to.include('--advertise-client-urls=http://etcd:2379')
  })

  it('the Dockerfile takes what npm pack makes, and the example from it', () => {
    const lines = readFileSync(`${folder}Dockerfile`, 'utf8').split('\n')
    const { version, dependencies, files } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'))
    const arrow = `apache-arrow@${dependencies['apache-arrow'].split('.')[0]}`
    expect(lines).to.include(`COPY vineyard-streams-${version}.tgz .`)
    expect(lines).to.include(`RUN npm install ./vineyard-streams-${version}.tgz ${arrow}`)
    const [, example = ''] = /^RUN cp node_modules\/vineyard-streams\/(\S+) /m.exec(lines.join('\n')) ?? []
    expect(existsSync(root + example)).to.be.true
    expect(files).to.include(example.split('/')[0])
    const guide = readFileSync(`${root}docs/deploying.md`, 'utf8')
    for (const command of ['docker compose', 'docker build'])
      expect(guide).to.include(`npm pack\n${command} `)
  })

  it('a server has the memory of its pool and 256 MiB', () => {
    const [{ services }] = parse('compose.yaml')
    const [{ spec }] = parse('vineyardd.yaml')
    const [, composed] = /--size=(\S+)/.exec(services.vineyardd.command.join('\n')) ?? []
    expect(mebibytes(services.vineyardd.mem_limit)).to.equal(mebibytes(composed) + 256)
    expect(mebibytes(spec.vineyard.memory)).to.equal(mebibytes(spec.vineyard.size) + 256)
  })

  it('the manifests have kinds, names, and mounts that exist', () => {
    const [daemon] = parse('vineyardd.yaml')
    expect(unknownFields(daemon.spec, vineyarddFields)).to.deep.equal([])
    expect(daemon).to.deep.include({ apiVersion: 'k8s.v6d.io/v1alpha1', kind: 'Vineyardd' })
    const jobs = parse('job.yaml')
    expect(jobs.map(job => job.metadata.name)).to.deep.equal(['consumer', 'producer'])
    expect(jobs[0].spec.completions).to.equal(daemon.spec.replicas)
    const { namespace, name: daemonName } = daemon.metadata
    for (const { apiVersion, kind, metadata, spec } of jobs) {
      expect({ apiVersion, kind }).to.deep.equal({ apiVersion: 'batch/v1', kind: 'Job' })
      expect(metadata.namespace).to.equal(namespace)
      const { containers, volumes, affinity } = spec.template.spec
      const [{ volumeMounts, env }] = containers
      expect(volumeMounts).to.have.length(1)
      expect(env[0].value).to.equal(`${volumeMounts[0].mountPath}/vineyard.sock`)
      expect(volumes[0].name).to.equal(volumeMounts[0].name)
      const paths = daemon.spec.vineyard.socket
        .replace('{{.Namespace}}', namespace)
        .replace('{{.Name}}', daemonName)
      expect(volumes[0].hostPath.path).to.equal(paths)
      const [term] = affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution
      expect(term.labelSelector.matchLabels['app.kubernetes.io/name']).to.equal(daemonName)
    }
  })
})
