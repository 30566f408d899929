/** `/metrics` after real work, read by Prometheus' own tool where it is installed. */
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startWorld, type World } from "./telecine.ts";

const KEY = "metrics-root-key-0123456789";
const deploy = path.resolve(import.meta.dirname, "../../deploy");
const hasPromtool = spawnSync("promtool", ["--version"]).status === 0;

let world: World;
let text: string;
beforeAll(async () => {
  world = await startWorld({ environment: { ROOT_API_KEY: KEY } });
  const clip = await world.makeClip("clip.mp4", ["-f", "lavfi", "-i", "testsrc2=duration=2"]);
  await world.finish({
    videoId: await world.upload(clip),
    recipe: { name: "resize", height: 120 },
  });
  const answer = await fetch(`${world.host.url}/metrics`, { headers: { "x-api-key": KEY } });
  text = await answer.text();
}, 60_000);
afterAll(() => world.stop());

/** The families that a text of PromQL names. */
const familiesIn = (queries: string) => new Set(queries.match(/telecine_[a-z_]+/g) ?? []);

describe("the metrics of a running service", () => {
  test("count what it did, with the encoder that did it", () => {
    expect(text).toMatch(/telecine_jobs_total\{[^}]*state="completed"\} 1\n/);
    expect(text).toMatch(/telecine_attempts_total\{[^}]*encoder="libx264"\} 1\n/);
    expect(text).toMatch(/telecine_media_seconds_total\{[^}]*\} 2\n/);
    expect(text).toMatch(/telecine_workers_connected\{[^}]*\} 1\n/);
  });

  test("are all that the dashboard and the alerts ask for", () => {
    const source = readFileSync(path.resolve(deploy, "../edge/http/metric-families.ts"), "utf8");
    const known = familiesIn(source);
    for (const file of ["grafana-dashboard.json", "alerts.yml"]) {
      const asked = familiesIn(readFileSync(path.join(deploy, file), "utf8"));
      expect([...asked].filter((name) => !known.has(name))).toEqual([]);
    }
  });

  test.skipIf(!hasPromtool)("pass promtool check metrics without a word", () => {
    const checked = spawnSync("promtool", ["check", "metrics"], { input: text, encoding: "utf8" });
    expect([checked.status, checked.stdout, checked.stderr]).toEqual([0, "", ""]);
  });

  test.skipIf(!hasPromtool)("have alert rules that promtool accepts", () => {
    const said = execFileSync("promtool", ["check", "rules", path.join(deploy, "alerts.yml")]);
    expect(String(said)).toContain("SUCCESS");
  });
});
