let directory: string | undefined

/** From now on Node processes write what V8 samples in them to this directory. */
export function profileInto(path: string | undefined): void {
  directory = path
}

export function profiling(): boolean {
  return directory !== undefined
}

/** Options for a Node process, to be profiled under this name if profiles are wanted. */
export function profiled(name: string): string[] {
  if (directory === undefined) return []
  return ['--cpu-prof', `--cpu-prof-dir=${directory}`, `--cpu-prof-name=${name}-${Date.now()}.cpuprofile`]
}
