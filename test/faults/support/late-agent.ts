/**
 * A process that does its work, suspends itself with SIGSTOP at the worst moment, and reports the completion the
 * instant it is continued, before it has read anything that came meanwhile. Arguments: the edge's URL and a name;
 * the token is in TELECINE_WORKER_TOKEN. Prints a JSON line for each thing that happens.
 */
import { completeOf, connectAgent, uploadOutput } from "./protocol-agent.ts";

const [url = "", name = ""] = process.argv.slice(2);
const token = process.env.TELECINE_WORKER_TOKEN ?? "";
const say = (event: object) => process.stdout.write(`${JSON.stringify(event)}\n`);

const agent = await connectAgent({ url, token, name });
for (;;) {
  agent.send({ type: "pull", free: 1 });
  const lease = await agent.take("lease");
  const { jobId } = lease.task;
  const { epoch } = lease.lease;
  const output = await uploadOutput(url, lease, Buffer.from(`${jobId} of the late epoch ${epoch}`));
  say({ event: "suspending", jobId, epoch });
  process.kill(process.pid, "SIGSTOP");
  agent.send(completeOf(lease, output));
  const ack = await agent.take("ack", (message) => message.lease.taskId === lease.lease.taskId);
  say({ event: "answered", jobId, epoch, status: ack.status, reason: ack.reason });
}
