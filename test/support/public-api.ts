import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const types = fileURLToPath(new URL('../../../dist/index.d.ts', import.meta.url))
const isFunction = (flags: ts.SymbolFlags): boolean =>
  (flags & (ts.SymbolFlags.Method | ts.SymbolFlags.Accessor)) !== 0

/**
 * Every class that users see, and what can be called or asked of it: `name()` of methods, `name` of accessors,
 * `Class.name()` of static methods. Classes and methods that the types do not show are not among them.
 */
export function publicClasses(): Map<string, string[]> {
  const options: ts.CompilerOptions = {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ESNext,
    lib: ['lib.esnext.d.ts'],
    types: []
  }
  const host = ts.createCompilerHost(options)
  // What the types of others say makes no difference, and takes seconds to read.
  host.resolveModuleNameLiterals = (literals, from) =>
    literals.map(({ text }) =>
      text.startsWith('.')
        ? ts.resolveModuleName(text, from, options, host, undefined, undefined, ts.ModuleKind.ESNext)
        : { resolvedModule: undefined }
    )
  const program = ts.createProgram([types], options, host)
  const checker = program.getTypeChecker()
  const index = checker.getSymbolAtLocation(program.getSourceFile(types)!)!
  const classes = new Map<string, string[]>()
  for (const exported of checker.getExportsOfModule(index)) {
    const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported
    if ((symbol.flags & ts.SymbolFlags.Class) === 0) continue
    const own = ({ declarations = [] }: ts.Symbol): boolean =>
      declarations.some(declaration => !declaration.getSourceFile().fileName.includes('node_modules'))
    const named = (member: ts.Symbol): string => {
      // `__@asyncDispose@123` of a well-known symbol.
      const name = member.name.replace(/^__@(\w+)@\d+$/, '[Symbol.$1]')
      return member.flags & ts.SymbolFlags.Method ? `${name}()` : name
    }
    const members = checker.getDeclaredTypeOfSymbol(symbol).getProperties()
    const statics = checker.getTypeOfSymbol(symbol).getProperties()
    classes.set(exported.name, [
      ...members.filter(member => isFunction(member.flags) && own(member)).map(named),
      ...statics
        .filter(member => isFunction(member.flags) && own(member))
        .map(member => `${exported.name}.${named(member)}`)
    ])
  }
  return classes
}
