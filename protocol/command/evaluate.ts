/** The value of an expression for names that are known. Pure. */
import type { Expression } from "./expression.ts";

const truth = (value: boolean) => (value ? 1 : 0);

/** The functions that sizes are reckoned with; of any other the value is not known. */
const functions: Readonly<Record<string, (...args: number[]) => number>> = {
  abs: Math.abs,
  between: (x, low, high) => truth(x !== undefined && x >= (low ?? 0) && x <= (high ?? 0)),
  ceil: Math.ceil,
  clip: (x = 0, low = 0, high = 0) => Math.min(Math.max(x, low), high),
  cos: Math.cos,
  eq: (a, b) => truth(a === b),
  floor: Math.floor,
  gt: (a = 0, b = 0) => truth(a > b),
  gte: (a = 0, b = 0) => truth(a >= b),
  hypot: Math.hypot,
  if: (condition, then = 0, otherwise = 0) => (condition === 0 ? otherwise : then),
  ifnot: (condition, then = 0, otherwise = 0) => (condition === 0 ? then : otherwise),
  lt: (a = 0, b = 0) => truth(a < b),
  lte: (a = 0, b = 0) => truth(a <= b),
  max: Math.max,
  min: Math.min,
  mod: (a = 0, b = 0) => a - Math.floor(a / b) * b,
  not: (a) => truth(a === 0),
  pow: (a = 0, b = 0) => a ** b,
  // Halves away from zero, as C's.
  round: (a = 0) => Math.sign(a) * Math.round(Math.abs(a)),
  sin: Math.sin,
  sqrt: Math.sqrt,
  tan: Math.tan,
  trunc: Math.trunc,
};

const operators: Readonly<Record<string, (a: number, b: number) => number>> = {
  "+": (a, b) => a + b,
  "-": (a, b) => a - b,
  "*": (a, b) => a * b,
  "/": (a, b) => a / b,
  "^": (a, b) => a ** b,
  ";": (_a, b) => b,
};

const suffixes: readonly (readonly [RegExp, number])[] = [
  [/[kK]i$/, 1024],
  [/Mi$/, 1024 ** 2],
  [/Gi$/, 1024 ** 3],
  [/[kK]$/, 1e3],
  [/M$/, 1e6],
  [/G$/, 1e9],
];

function numberOf(text: string): number {
  if (text.endsWith("dB")) return 10 ** (Number(text.slice(0, -2)) / 20);
  for (const [suffix, unit] of suffixes) {
    if (suffix.test(text)) return Number(text.replace(suffix, "")) * unit;
  }
  return Number(text);
}

export type Values = Readonly<Record<string, number>>;

const constants: Values = { PI: Math.PI, E: Math.E, PHI: (1 + Math.sqrt(5)) / 2 };

/** NaN where a name or a function in it is not known. */
export function evaluate(expression: Expression, values: Values): number {
  switch (expression.kind) {
    case "number":
      return numberOf(expression.text);
    case "name":
      return lookUp(values, expression.name) ?? lookUp(constants, expression.name) ?? Number.NaN;
    case "call":
      return call(expression.name, expression.args, values);
    case "binary": {
      const left = evaluate(expression.left, values);
      return (
        operators[expression.operator]?.(left, evaluate(expression.right, values)) ?? Number.NaN
      );
    }
    case "signed": {
      const operand = evaluate(expression.operand, values);
      return expression.sign === "-" ? -operand : operand;
    }
    case "group":
      return evaluate(expression.inner, values);
  }
}

function lookUp<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

function call(name: string, args: readonly Expression[], values: Values): number {
  const found = lookUp(functions, name);
  if (found === undefined) return Number.NaN;
  const numbers = args.map((argument) => evaluate(argument, values));
  // The branch that is not taken may be unknown.
  const isChoice = name === "if" || name === "ifnot";
  const decisive = isChoice ? numbers.slice(0, 1) : numbers;
  return decisive.some(Number.isNaN) ? Number.NaN : found(...numbers);
}
