/** The least that a Durable Object can do with a socket: the rival of the Pool, in the very same runtime. */
import { DurableObject } from "cloudflare:workers";

/** Sends every frame back, through the same hibernation API that the Pool uses. */
export class Echo extends DurableObject {
  override fetch(): Response {
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server);
    return new Response(null, { status: 101, webSocket: client });
  }

  override webSocketMessage(socket: WebSocket, frame: string | ArrayBuffer): void {
    socket.send(frame);
  }
}
