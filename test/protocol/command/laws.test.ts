/** Laws of the grammars, against random commands, graphs and expressions. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkCommand } from "../../../protocol/command/check.ts";
import { evaluate } from "../../../protocol/command/evaluate.ts";
import {
  type Expression,
  parseExpression,
  writeExpression,
} from "../../../protocol/command/expression.ts";
import { parseGraph } from "../../../protocol/command/filters/graph.ts";
import { readGraph, writeGraph } from "../../../protocol/command/filters/syntax.ts";
import { filters } from "../../../protocol/command/filters/table.ts";
import { globalOptions, inputOptions } from "../../../protocol/command/options/input.ts";
import { outputOptions } from "../../../protocol/command/options/output.ts";
import { accepted } from "./accepted.ts";
import { aimed, hostileVectors } from "./hostile.ts";

const RUNS = 3000;
const CANARY = "/var/lib/telecine-canary.txt";
const SERVER = "http://127.0.0.1:9/canary";

const hostileArgs = [
  ...new Set(hostileVectors.flatMap((vector) => aimed(vector, CANARY, SERVER).args)),
];
const goodArgs = [...new Set(accepted.flatMap(({ args }) => args))];

const optionNames = new Set(
  [globalOptions, inputOptions, outputOptions].flatMap((table) => Object.keys(table)),
);

/** What no accepted command may hold, however it is spelt. */
const reach =
  /:\/\/|(?:^|[^\w])(?:file|concat|pipe|subfile|crypto|data|tcp|udp|unix|https?):|telecine-canary|\/(?:etc|var|dev|proc|tmp|home)\b|\.\.\//;

function expectHarmless(canonical: readonly string[]): void {
  for (const [index, argument] of canonical.entries()) {
    expect(argument).not.toMatch(reach);
    const isValue = canonical[index - 1]?.startsWith("-") === true;
    if (isValue || argument === "-i" || /^\{\{[a-z0-9_]+\}\}$/.test(argument)) continue;
    expect(argument).toMatch(/^-/);
    expect(optionNames).toContain(argument.slice(1).split(":")[0]);
  }
}

/** A good command with arguments of hostile ones put in, in place of others, or cut out. */
const mutated = fc
  .tuple(
    fc.constantFrom(...accepted),
    fc.array(
      fc.record({
        at: fc.nat(30),
        kind: fc.constantFrom("insert", "replace", "remove", "append"),
        argument: fc.oneof(
          fc.constantFrom(...hostileArgs),
          fc.constantFrom(...goodArgs),
          fc.string({ maxLength: 30 }),
        ),
      }),
      { minLength: 1, maxLength: 4 },
    ),
  )
  .map(([vector, changes]) => {
    const args = [...vector.args];
    for (const { at, kind, argument } of changes) {
      const place = at % (args.length + 1);
      if (kind === "insert") args.splice(place, 0, argument);
      else if (kind === "replace") args.splice(place, 1, argument);
      else if (kind === "remove") args.splice(place, 1);
      else args[place] = `${args[place] ?? ""}${argument}`;
    }
    return { args, keys: vector };
  });

describe("whatever a command says", () => {
  test("it is refused by place and rule, or its written form is harmless and reads the same", () => {
    let count = 0;
    fc.assert(
      fc.property(mutated, ({ args, keys }) => {
        const check = checkCommand(args, keys);
        if (check.status === "refused") {
          expect(check.index).toBeLessThanOrEqual(args.length);
          expect(check.detail.length).toBeLessThan(1000);
          return;
        }
        count += 1;
        expectHarmless(check.canonical);
        expect(checkCommand(check.canonical, keys)).toMatchObject({
          status: "ok",
          canonical: check.canonical,
        });
      }),
      { numRuns: RUNS },
    );
    // Some get through, or the law above would say nothing.
    expect(count).toBeGreaterThan(20);
  });

  test("random words make no error but a refusal", () => {
    const words = fc.array(
      fc.oneof(fc.constantFrom(...goodArgs, ...hostileArgs), fc.string({ unit: "binary" })),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(words, (args) => {
        const check = checkCommand(args, { inputs: ["in_1"], outputs: { out_1: "mp4" } });
        if (check.status === "ok") expectHarmless(check.canonical);
      }),
      { numRuns: RUNS },
    );
  });
});

/** Text from the characters that graphs give a meaning to, and the names of filters. */
const graphText = fc
  .array(
    fc.oneof(
      fc.constantFrom(...[..."=:,;[]'\\ |@%/.-+0123456789wxiha"]),
      fc.constantFrom(
        "scale",
        "crop",
        "movie",
        "split",
        "overlay",
        "null",
        "hflip",
        "while(",
        "iw",
      ),
      fc.constantFrom(...filters.keys()),
    ),
    { maxLength: 40 },
  )
  .map((parts) => parts.join(""));

describe("a filter graph", () => {
  test("that is read at all is written so that it reads the same", () => {
    let wereRead = 0;
    fc.assert(
      fc.property(graphText, (text) => {
        const read = parseGraph(text);
        if (read.status === "refused") return;
        wereRead += 1;
        const again = parseGraph(read.value.text);
        expect(again).toMatchObject({ status: "ok", value: { text: read.value.text } });
        for (const { name } of read.value.chains.flat()) expect(filters.has(name)).toBe(true);
      }),
      { numRuns: RUNS },
    );
    // Of texts made at random most are refused.
    expect(wereRead).toBeGreaterThan(RUNS / 60);
  });

  test("carries any value through both levels of escaping", () => {
    const value = fc.oneof(
      fc.string({ minLength: 1, maxLength: 30 }),
      fc.string({ unit: fc.constantFrom(...[..."a\\':[],; =é"]), minLength: 1, maxLength: 20 }),
    );
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 4 }), (values) => {
        // White space other than the space is trimmed at the ends by ffmpeg and never written by us.
        fc.pre(values.every((text) => !/^[\n\t\r]|[\n\t\r]$/.test(text)));
        const params = new Map(values.map((text, index) => [`k${index}`, text]));
        const filter = { inputs: ["a"], name: "x", params, outputs: ["b"] };
        const read = readGraph(writeGraph([[filter, filter], [filter]]));
        const raw = {
          inputs: ["a"],
          name: "x",
          options: values.map((text, index) => ({ key: `k${index}`, value: text })),
          outputs: ["b"],
        };
        expect(read).toEqual({ status: "ok", value: [[raw, raw], [raw]] });
      }),
      { numRuns: RUNS },
    );
  });
});

const vocabulary = { names: ["iw", "ih", "t"] };

const { expression } = fc.letrec<{ expression: Expression }>((tie) => ({
  expression: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.nat(9999).map((value): Expression => ({ kind: "number", text: String(value) })),
    fc.constantFrom(...vocabulary.names).map((name): Expression => ({ kind: "name", name })),
    fc
      .tuple(fc.constantFrom("min", "max", "gt", "mod"), tie("expression"), tie("expression"))
      .map(([name, a, b]): Expression => ({ kind: "call", name, args: [a, b] })),
    tie("expression").map((inner): Expression => ({ kind: "group", inner })),
    fc
      .tuple(fc.constantFrom("+", "-", "*", "/"), tie("expression"), tie("expression"))
      .map(([operator, a, b]): Expression => {
        const left: Expression = { kind: "group", inner: a };
        return { kind: "binary", operator, left, right: { kind: "group", inner: b } };
      }),
  ),
}));

describe("an expression", () => {
  test("reads as it was written, or is too long to be read", () => {
    let wereRead = 0;
    fc.assert(
      fc.property(expression, (tree) => {
        const read = parseExpression(writeExpression(tree), vocabulary);
        if (read.status === "refused") {
          expect(read.rule).toMatch(/complicated|at most/);
          return;
        }
        wereRead += 1;
        expect(read.value).toEqual(tree);
      }),
      { numRuns: RUNS },
    );
    expect(wereRead).toBeGreaterThan(RUNS / 2);
  });

  test("of any characters is refused, or written so that it reads the same", () => {
    const text = fc.string({
      unit: fc.constantFrom(...[..."iwht0123.,()+-*/^;e "]),
      maxLength: 30,
    });
    fc.assert(
      fc.property(text, (given) => {
        const read = parseExpression(given, vocabulary);
        if (read.status === "refused") return;
        const written = writeExpression(read.value);
        expect(parseExpression(written, vocabulary)).toEqual(read);
      }),
      { numRuns: RUNS },
    );
  });

  test.for([
    ["2+3*4", 14],
    ["(2+3)*4", 20],
    ["10-4-3", 3],
    ["2^3", 8],
    ["-2^2", -4],
    ["ceil(iw/2)*2", 322],
    ["if(gt(iw,ih),1,2)", 1],
    ["if(lt(iw,ih),unknown_here,2)", 2],
    ["if(gt(iw,ih),unknown_here,2)", Number.NaN],
    ["trunc(oh*a/2)*2", Number.NaN],
    ["min(1280,iw)", 321],
    ["1k", 1000],
    ["1Ki", 1024],
    ["0dB", 1],
    ["mod(-1,3)", 2],
  ] as const)("%s of a picture of 321 × 180 is %d", ([text, value]) => {
    const names = ["iw", "ih", "oh", "a", "unknown_here"];
    const read = parseExpression(text, { names });
    if (read.status === "refused") throw new Error(read.rule);
    expect(evaluate(read.value, { iw: 321, ih: 180 })).toBe(value);
  });

  test("nested without end is refused, not run out of stack", () => {
    for (const text of ["(".repeat(900), "min(1,".repeat(160), "-".repeat(900), "1+".repeat(450)]) {
      expect(parseExpression(text, vocabulary).status).toBe("refused");
    }
  });
});
