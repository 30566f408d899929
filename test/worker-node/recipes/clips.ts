/** Arguments of ffmpeg that small sources are made with, and the recipe that costs least. */

export const X264 = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"];
export const AAC = ["-c:a", "aac"];

/** An input that ffmpeg makes by a filter. */
export function picture(filter: string): string[] {
  return ["-f", "lavfi", "-i", filter];
}

export function tone(seconds: number): string[] {
  return picture(`sine=f=440:d=${seconds}`);
}

export const fast = { name: "transcode", preset: "ultrafast" };
