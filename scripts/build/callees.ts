/**
 * Which function a call of a bundle calls, where only one is possible: functions of the module, and
 * methods whose class is certain.
 */
import type { Scope, Variable } from 'eslint-scope'
import type {
  Class,
  FunctionDeclaration,
  FunctionExpression,
  MethodDefinition,
  Node,
  ObjectExpression,
  SimpleCallExpression,
} from 'estree'
import type { Member, MemberTypes } from './member-types.ts'
import type { MovedScript } from './moved-script.ts'
import { type ParsedScript, type Positioned, visitChildren } from './parsed-script.ts'

export interface Callee {
  readonly name: string
  readonly node: Positioned<FunctionDeclaration | FunctionExpression>
  /** What goes when nobody calls it any more. */
  readonly declaration: Positioned<Node>
  readonly isMethod: boolean
  /**
   * How many calls of it there are, certain or not; Infinity when it can be reached in other ways
   * than by calls.
   */
  readonly uses: number
}

interface Method {
  readonly owner: Class
  readonly definition: MethodDefinition
  readonly member: Member
}

export class Callees {
  private readonly parsed: ParsedScript
  private readonly moved: MovedScript
  private readonly types: MemberTypes
  private readonly byVariable = new Map<Variable, Callee>()
  private readonly byMember = new Map<string, Callee>()
  private readonly classes: Class[] = []
  private readonly classOf = new Map<Variable, Class>()
  private readonly literals: ObjectExpression[] = []
  /** Uses of members by key, other than the definition. */
  private readonly uses = new Map<string, number>()
  private readonly assigned = new Set<string>()
  /** Names of members that something uses which TypeScript has not told the declaration of. */
  private readonly unknownNames = new Set<string>()
  private readonly memberNames = new Map<Class | ObjectExpression, Set<string>>()

  constructor(parsed: ParsedScript, moved: MovedScript, types: MemberTypes) {
    this.parsed = parsed
    this.moved = moved
    this.types = types
    this.findFunctions()
    if (types.size > 0) this.findMethods()
  }

  /** The function that is called, if only one can be. */
  of({ callee, optional }: SimpleCallExpression): Callee | undefined {
    if (optional) return undefined
    if (callee.type === 'Identifier') {
      const variable = this.parsed.variables.get(callee)
      return variable && this.byVariable.get(variable)
    }
    if (callee.type !== 'MemberExpression' || callee.computed || callee.optional) return undefined
    if (callee.object.type === 'Super' || isInChain(callee.object)) return undefined
    const member = this.memberAt(callee.property)
    return member && !member.isMade ? this.byMember.get(member.key) : undefined
  }

  /** All of which there may be one call less. */
  all(): Callee[] {
    return [...this.byVariable.values(), ...this.byMember.values()]
  }

  private memberAt(name: Node): Member | undefined {
    const { start } = name as Positioned<Node>
    return this.moved.isOriginal(start) ? this.types.get(this.moved.originOf(start)) : undefined
  }

  private findFunctions(): void {
    const module = this.parsed.manager.scopes.find(({ type }) => type === 'module')
    for (const variable of module?.variables ?? []) {
      const [definition, second] = variable.defs
      if (definition?.type !== 'FunctionName' || second !== undefined) continue
      if (variable.references.some((reference) => reference.isWrite())) continue
      const node = definition.node as unknown as Positioned<FunctionDeclaration>
      const isCalled = variable.references.every(({ identifier }) => {
        const parent = this.parsed.parents.get(identifier as unknown as Node)
        return parent?.type === 'CallExpression' && parent.callee === (identifier as unknown)
      })
      const isOwn = this.parsed.parents.get(node)?.type === 'Program'
      const uses = isCalled && isOwn ? variable.references.length : Number.POSITIVE_INFINITY
      const { name } = variable
      this.byVariable.set(variable, { name, node, declaration: node, isMethod: false, uses })
    }
  }

  private findMethods(): void {
    const methods: Method[] = []
    const visit = (node: Node): void => {
      if (node.type === 'ClassDeclaration' || node.type === 'ClassExpression') {
        this.addClass(node, methods)
      } else if (node.type === 'ObjectExpression') this.literals.push(node)
      else if (node.type === 'MemberExpression') this.noteUse(node)
      visitChildren(node, visit)
    }
    visitChildren(this.parsed.program, visit)
    for (const method of methods) {
      if (!this.isCertain(method)) continue
      const { definition, member } = method
      const name = nameOf(definition.key)!
      const isReached = !member.isPrivate || this.unknownNames.has(name)
      this.byMember.set(member.key, {
        name,
        node: definition.value as Positioned<FunctionExpression>,
        declaration: definition as Positioned<MethodDefinition>,
        isMethod: true,
        uses: isReached ? Number.POSITIVE_INFINITY : (this.uses.get(member.key) ?? 0),
      })
    }
  }

  private addClass(node: Class, methods: Method[]): void {
    this.classes.push(node)
    const { parents, manager } = this.parsed
    const parent = parents.get(node)
    const holders = [node, ...(parent?.type === 'VariableDeclarator' ? [parent] : [])]
    for (const holder of holders) {
      for (const variable of manager.getDeclaredVariables(holder as never)) {
        this.classOf.set(variable, node)
      }
    }
    for (const definition of node.body.body) {
      if (definition.type !== 'MethodDefinition' || definition.static) continue
      if (definition.kind !== 'method' || definition.computed) continue
      const member = this.memberAt(definition.key)
      if (member !== undefined) methods.push({ owner: node, definition, member })
    }
  }

  private noteUse(node: Node & { type: 'MemberExpression' }): void {
    const name = node.computed ? undefined : nameOf(node.property)
    if (node.computed && node.property.type === 'Literal')
      this.unknownNames.add(String(node.property.value))
    if (name === undefined) return
    const member = this.memberAt(node.property)
    if (member === undefined) {
      this.unknownNames.add(name)
      return
    }
    this.uses.set(member.key, (this.uses.get(member.key) ?? 0) + 1)
    const parent = this.parsed.parents.get(node)
    const isCalled = parent?.type === 'CallExpression' && parent.callee === node
    if (!isCalled) this.uses.set(member.key, Number.POSITIVE_INFINITY)
    if (parent?.type === 'AssignmentExpression' && parent.left === node) {
      this.assigned.add(member.key)
    }
  }

  /** Whether every object of the method's class, as types have it, has this very method. */
  private isCertain({ owner, definition, member }: Method): boolean {
    if (this.assigned.has(member.key)) return false
    const name = nameOf(definition.key)!
    const needed = this.namesOf(owner)
    const others = [...this.classes, ...this.literals].filter(
      (it) => it !== owner && this.namesOf(it).has(name),
    )
    return others.every((other) => {
      if (other.type !== 'ObjectExpression') {
        if (this.descends(other, owner)) return !this.defines(other, name)
        if (this.descends(owner, other)) return true
        if (this.hasUnknownAncestor(other)) return false
      }
      // Types are structural: what has all members of a class passes for it.
      const names = this.namesOf(other)
      return [...needed].some((it) => !names.has(it))
    })
  }

  private defines(node: Class, name: string): boolean {
    return node.body.body.some((it) => 'key' in it && nameOf(it.key) === name)
  }

  /** A class that an expression makes, or a name of the bundle that is no class, might be any. */
  private hasUnknownAncestor(node: Class): boolean {
    let current = node
    for (let parent = this.superOf(current); parent !== undefined; parent = this.superOf(current)) {
      current = parent
    }
    const { superClass } = current
    if (superClass === null || superClass === undefined) return false
    return superClass.type !== 'Identifier' || this.parsed.variables.has(superClass)
  }

  private descends(node: Class, ancestor: Class): boolean {
    let current = this.superOf(node)
    for (; current instanceof Object && current !== ancestor; ) current = this.superOf(current)
    return current === ancestor
  }

  private superOf(node: Class): Class | undefined {
    const { superClass } = node
    if (superClass?.type !== 'Identifier') return undefined
    const variable = this.parsed.variables.get(superClass)
    return variable && this.classOf.get(variable)
  }

  /** What an object of a class, or a literal, has by name. */
  private namesOf(node: Class | ObjectExpression): Set<string> {
    const known = this.memberNames.get(node)
    if (known !== undefined) return known
    const names = new Set<string>()
    this.memberNames.set(node, names)
    const add = (key: Node) => {
      const name = nameOf(key)
      if (name !== undefined && name !== 'constructor') names.add(name)
    }
    if (node.type === 'ObjectExpression') {
      for (const it of node.properties) if (it.type === 'Property' && !it.computed) add(it.key)
      return names
    }
    const parent = this.superOf(node)
    if (parent !== undefined) for (const name of this.namesOf(parent)) names.add(name)
    for (const it of node.body.body) if ('key' in it && !it.computed) add(it.key)
    const visit = (child: Node): void => {
      if (child.type === 'AssignmentExpression' && child.left.type === 'MemberExpression') {
        if (child.left.object.type === 'ThisExpression') add(child.left.property)
      }
      visitChildren(child, visit)
    }
    const maker = node.body.body.find(
      (it) => it.type === 'MethodDefinition' && it.kind === 'constructor',
    )
    if (maker !== undefined) visitChildren(maker, visit)
    return names
  }
}

/** Whether `?.` ahead may leave out what comes behind it, up to where the chain ends. */
function isInChain(node: Node): boolean {
  if (node.type === 'MemberExpression') return node.optional || isInChain(node.object)
  if (node.type === 'CallExpression') return node.optional || isInChain(node.callee)
  return false
}

export function nameOf(key: Node): string | undefined {
  return key.type === 'Identifier' ? key.name : undefined
}

export function variableOf(name: string, from: Scope): Variable | null {
  for (let scope: Scope | null = from; scope !== null; scope = scope.upper) {
    const variable = scope.set.get(name)
    if (variable !== undefined) return variable
  }
  return null
}
