import { chmod, copyFile, mkdir, symlink } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { resolveTools, ToolsNotFoundError } from "../../../worker-node/ffmpeg/index.ts";
import { parseVersion } from "../../../worker-node/ffmpeg/resolve.ts";
import { scratch, standIn, toolSets } from "./support.ts";

const dir = await scratch();
const sets = await toolSets();

describe("an ffmpeg is found", () => {
  it.each(sets)("and tells its version: $name", ({ tools }) => {
    expect(tools.version).toMatch(/\d/);
    expect(tools.ffmpeg).toMatch(/ffmpeg/);
    expect(tools.ffprobe).toMatch(/ffprobe/);
  });

  it("where FFMPEG_PATH points, before all others", async () => {
    const [{ tools } = { tools: null }] = sets;
    if (tools === null) throw new Error("no tools");
    const path = `${dir}/my-ffmpeg`;
    await symlink(tools.ffmpeg, path);
    const found = await resolveTools({ ...process.env, FFMPEG_PATH: path });
    expect(found.ffmpeg).toBe(path);
  });

  it("by a bare name in FFMPEG_PATH along PATH", async () => {
    const [{ tools } = { tools: null }] = sets;
    if (tools === null) throw new Error("no tools");
    await mkdir(`${dir}/bin`);
    await symlink(tools.ffmpeg, `${dir}/bin/ffmpeg-next`);
    const env = { PATH: `${dir}/bin:${process.env.PATH}`, FFMPEG_PATH: "ffmpeg-next" };
    expect((await resolveTools(env)).ffmpeg).toBe(`${dir}/bin/ffmpeg-next`);
  });

  it("past one on PATH that does not run", async () => {
    await mkdir(`${dir}/broken`);
    for (const name of ["ffmpeg", "ffprobe"]) {
      await standIn(`${dir}/broken`, name, "process.exitCode = 1; console.error('no libavcodec');");
    }
    const found = await resolveTools({ PATH: `${dir}/broken:${process.env.PATH}` });
    expect(found.ffmpeg).not.toContain(dir);
    expect(found.ffprobe).not.toContain(dir);
  });

  it("only if it says that it is one: another program of that name is not", async () => {
    await mkdir(`${dir}/other`);
    for (const name of ["ffmpeg", "ffprobe"]) {
      await standIn(`${dir}/other`, name, "console.log('avconv version 9');");
    }
    const found = await resolveTools({ PATH: `${dir}/other:${process.env.PATH}` });
    expect(found.ffmpeg).not.toContain(dir);
  });
});

describe("an ffmpeg that was named but does not run is not replaced by another", () => {
  it("and the failure names the path, the reason and the remedy", async () => {
    const path = await standIn(dir, "bad", "console.error('bad ELF'); process.exitCode = 1;");
    const failure = await resolveTools({ ...process.env, FFMPEG_PATH: path }).catch((e) => e);
    expect(failure).toBeInstanceOf(ToolsNotFoundError);
    expect(failure.message).toContain(`FFMPEG_PATH (${path}): -version exited with 1`);
    expect(failure.message).toContain("bad ELF");
    expect(failure.message).toContain("set FFMPEG_PATH");
  });

  it("nor one that is not there or may not be executed", async () => {
    await copyFile(process.execPath, `${dir}/plain`);
    await chmod(`${dir}/plain`, 0o644);
    for (const path of [`${dir}/absent`, `${dir}/plain`]) {
      await expect(resolveTools({ ...process.env, FFPROBE_PATH: path })).rejects.toThrow(
        /No usable ffprobe.*FFPROBE_PATH.*no executable file/s,
      );
    }
  });
});

it("a version is read from what a tool prints, of that tool alone", () => {
  expect(parseVersion("ffmpeg", "ffmpeg version 5.1.9-0+deb12u1 Copyright (c) 2000")).toBe(
    "5.1.9-0+deb12u1",
  );
  expect(parseVersion("ffprobe", "ffmpeg version 7.0.2")).toBeNull();
  expect(parseVersion("ffmpeg", "")).toBeNull();
});
