/** The files that a job made. */
import type { Job, Output } from "../../protocol/http/jobs.ts";
import { bytes, duration } from "../lib/format.ts";
import { Card, CopyButton } from "../ui/basics.tsx";
import { Icon } from "../ui/icons.tsx";

export function Outputs({
  job,
  sourceSize,
}: {
  readonly job: Job;
  readonly sourceSize: number | null;
}) {
  if (job.outputs.length === 0) return null;
  return (
    <Card title="Files">
      <ul class="outputs">
        {job.outputs.map((output) => (
          <li key={output.name}>
            <div>
              <strong class="filename">{output.name}</strong>
              <p class="small muted figures">{factsOf(output, sourceSize).join(" · ")}</p>
              <p class="small muted checksum">
                <span>sha256</span> <code>{output.sha256}</code>
              </p>
            </div>
            <div class="actions">
              <CopyButton text={output.url} label={`the address of ${output.name}`}>
                Copy address
              </CopyButton>
              {isFile(output) && (
                <a class="button plain" href={output.url} download={output.name}>
                  <Icon name="download" />
                  Download<span class="visually-hidden"> {output.name}</span>
                </a>
              )}
            </div>
          </li>
        ))}
      </ul>
      {!job.outputs.every(isFile) && (
        <p class="small muted note">
          <code>telecine job {job.jobId} --out DIR</code> saves them with all that they name.
        </p>
      )}
    </Card>
  );
}

/** A playlist or manifest is of use where it is, next to the files that it names. */
function isFile(output: Output): boolean {
  return !/mpegurl|dash|vtt/.test(output.contentType);
}

function factsOf(output: Output, sourceSize: number | null): readonly string[] {
  const share = sourceSize === null || !isFile(output) ? null : output.size / sourceSize;
  return [
    output.format,
    output.width === null ? null : `${output.width} × ${output.height}`,
    [output.videoCodec, output.audioCodec]
      .filter((codec) => codec !== null)
      .join("\u00a0+\u00a0") || null,
    output.durationSeconds === null ? null : duration(output.durationSeconds),
    output.bitrateKbps === null ? null : `${Math.round(output.bitrateKbps)} kbit/s`,
    bytes(output.size),
    share === null ? null : `${Math.round(share * 100)} % of the source`,
  ].filter((fact) => fact !== null);
}
