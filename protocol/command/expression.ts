/**
 * Arithmetic expressions, the part of ffmpeg's language (ffmpeg-utils(1), "Expression Evaluation") that ends by
 * itself and speaks of numbers only: no loops (`while`, `root`, `taylor`), no printing, no wall clock. Pure.
 */
import { ok, quoted, type Read, refuse, type ValueType } from "./read.ts";

export type Expression =
  | { readonly kind: "number"; readonly text: string }
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "call"; readonly name: string; readonly args: readonly Expression[] }
  | {
      readonly kind: "binary";
      readonly operator: string;
      readonly left: Expression;
      readonly right: Expression;
    }
  | { readonly kind: "signed"; readonly sign: string; readonly operand: Expression }
  | { readonly kind: "group"; readonly inner: Expression };

const MAX_LENGTH = 1000;
const MAX_NODES = 300;
const MAX_DEPTH = 40;

/** How many arguments each function takes, at least and at most. */
const functions: ReadonlyMap<string, readonly [number, number]> = new Map([
  ...["abs", "acos", "asin", "atan", "ceil", "cos", "cosh", "exp", "floor", "gauss"].map(one),
  ...["isinf", "isnan", "log", "not", "round", "sgn", "sin", "sinh", "sqrt", "squish"].map(one),
  ...["tan", "tanh", "trunc", "ld", "random"].map(one),
  ...["atan2", "bitand", "bitor", "eq", "gcd", "gt", "gte", "hypot", "lt", "lte"].map(two),
  ...["max", "min", "mod", "pow", "st"].map(two),
  ...["between", "clip", "lerp"].map(three),
  ["if", [2, 3]],
  ["ifnot", [2, 3]],
]);

function one(name: string): [string, [number, number]] {
  return [name, [1, 1]];
}
function two(name: string): [string, [number, number]] {
  return [name, [2, 2]];
}
function three(name: string): [string, [number, number]] {
  return [name, [3, 3]];
}

const constants = new Set(["PI", "E", "PHI"]);

export interface Vocabulary {
  readonly names: readonly string[];
  /** Functions of this filter alone, with how many arguments they take. */
  readonly calls?: Readonly<Record<string, number>>;
}

/** Thrown and caught inside this file only: a way out of the recursion. */
class Broken extends Error {}

class Parser {
  private at = 0;
  private nodes = 0;
  private readonly text: string;
  private readonly vocabulary: Vocabulary;

  constructor(text: string, vocabulary: Vocabulary) {
    this.text = text;
    this.vocabulary = vocabulary;
  }

  parse(): Expression {
    const expression = this.sequence(0);
    if (this.at < this.text.length) this.fail();
    return expression;
  }

  private fail(): never {
    throw new Broken(`is no expression at ${quoted(this.text.slice(this.at), 20)}`);
  }

  private node(depth: number): void {
    this.nodes += 1;
    if (this.nodes > MAX_NODES || depth > MAX_DEPTH) throw new Broken("is too complicated");
  }

  private binary(
    depth: number,
    operators: string,
    next: (depth: number) => Expression,
  ): Expression {
    let left = next(depth);
    for (;;) {
      const operator = this.text[this.at];
      if (operator === undefined || !operators.includes(operator)) return left;
      this.node(depth);
      this.at += 1;
      left = { kind: "binary", operator, left, right: next(depth) };
    }
  }

  private readonly sequence = (depth: number): Expression => this.binary(depth, ";", this.sum);
  private readonly sum = (depth: number): Expression => this.binary(depth, "+-", this.product);
  private readonly product = (depth: number): Expression => this.binary(depth, "*/", this.power);
  /** As ffmpeg has it, the sign is that of the whole power: -2^2 is -4. */
  private readonly power = (depth: number): Expression => this.signed(depth, this.powers);

  private readonly powers = (depth: number): Expression => {
    let left = this.primary(depth);
    while (this.text[this.at] === "^") {
      this.node(depth);
      this.at += 1;
      const right = this.signed(depth, this.primary);
      left = { kind: "binary", operator: "^", left, right };
    }
    return left;
  };

  private signed(depth: number, next: (depth: number) => Expression): Expression {
    const sign = this.text[this.at];
    if (sign !== "-" && sign !== "+") return next(depth);
    this.node(depth);
    this.at += 1;
    return { kind: "signed", sign, operand: next(depth) };
  }

  private readonly primary = (depth: number): Expression => {
    this.node(depth);
    const rest = this.text.slice(this.at);
    if (rest.startsWith("(")) {
      this.at += 1;
      const inner = this.sequence(depth + 1);
      this.expect(")");
      return { kind: "group", inner };
    }
    const number = /^(?:\d{1,15}(?:\.\d{0,15})?|\.\d{1,15})(?:[eE][+-]?\d{1,2}|dB|[kKMG]i?)?/.exec(
      rest,
    );
    if (number !== null) {
      this.at += number[0].length;
      if (/^[A-Za-z0-9_.]/.test(this.text.slice(this.at))) this.fail();
      return { kind: "number", text: number[0] };
    }
    const name = /^[A-Za-z_][A-Za-z0-9_]*/.exec(rest)?.[0];
    if (name === undefined) this.fail();
    this.at += name.length;
    return this.text[this.at] === "(" ? this.call(name, depth) : this.constant(name);
  };

  private constant(name: string): Expression {
    if (constants.has(name) || this.vocabulary.names.includes(name)) return { kind: "name", name };
    throw new Broken(`has the name ${quoted(name, 40)}, which is unknown here`);
  }

  private call(name: string, depth: number): Expression {
    const calls = this.vocabulary.calls ?? {};
    const own = Object.hasOwn(calls, name) ? calls[name] : undefined;
    const count = own === undefined ? functions.get(name) : ([own, own] as const);
    if (count === undefined) {
      throw new Broken(`has the function ${quoted(name, 40)}, which may not be used`);
    }
    this.at += 1;
    const args = [this.sequence(depth + 1)];
    while (this.text[this.at] === ",") {
      this.at += 1;
      args.push(this.sequence(depth + 1));
    }
    this.expect(")");
    const [least, most] = count;
    if (args.length < least || args.length > most) {
      throw new Broken(`has ${args.length} arguments for ${name}`);
    }
    return { kind: "call", name, args };
  }

  private expect(character: string): void {
    if (this.text[this.at] !== character) this.fail();
    this.at += 1;
  }
}

/** White space means nothing to ffmpeg inside an expression. */
export function parseExpression(text: string, vocabulary: Vocabulary): Read<Expression> {
  if (text.length > MAX_LENGTH) return refuse(`must be at most ${MAX_LENGTH} characters`);
  try {
    return ok(new Parser(text.replace(/[ \t\r\n]/g, ""), vocabulary).parse());
  } catch (error) {
    if (error instanceof Broken) return refuse(error.message);
    throw error;
  }
}

export function writeExpression(expression: Expression): string {
  switch (expression.kind) {
    case "number":
      return expression.text;
    case "name":
      return expression.name;
    case "call":
      return `${expression.name}(${expression.args.map(writeExpression).join(",")})`;
    case "binary":
      return (
        writeExpression(expression.left) + expression.operator + writeExpression(expression.right)
      );
    case "signed":
      return expression.sign + writeExpression(expression.operand);
    case "group":
      return `(${writeExpression(expression.inner)})`;
  }
}

/** The value type of an expression over these names. */
export function expression(vocabulary: Vocabulary): ValueType {
  return (text) => {
    const read = parseExpression(text, vocabulary);
    return read.status === "refused" ? read : ok(writeExpression(read.value));
  };
}
