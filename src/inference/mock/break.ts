import type { Connection } from "./connection.ts";
import { type Fault, NO_FAULT } from "./fault.ts";
import type { Output } from "./output.ts";

const ERROR_FRAME = Buffer.from('data: {"error":{"message":"the mock engine broke down on purpose","type":"server_error","code":500}}\n\n');
const GARBAGE = Buffer.from('data: {"choices": [oh\n\n');
const SMILE = "🙂";

/** `over`: nothing follows; `silent`: nor does the connection end; else a frame of which the rest is sent in the next turn. */
export type Broken = "over" | "silent" | { readonly rest: Uint8Array } | undefined;

/** What is to happen before token `n`. */
export function breakAt(n: number, fault: Fault, { output, connection }: { output: Output; connection: Connection }): Broken {
  if (fault === NO_FAULT) return undefined;
  if (fault.garbage === n) output.raw(GARBAGE);
  if (fault.big_frame !== undefined && n === 0) output.raw(tokenFrame(Buffer.alloc(fault.big_frame, "a")));
  if (fault.half_char === n) output.raw(tokenFrame(Buffer.from(SMILE).subarray(0, 2)));
  if (fault.split_char === n) return splitCharacter(output, connection);
  if (fault.error_frame === n) {
    output.raw(ERROR_FRAME);
    connection.write("0\r\n\r\n");
  }
  if (![fault.hang, fault.error_frame, fault.cut, fault.reset].includes(n)) return undefined;
  output.flush();
  if (fault.hang === n) return "silent";
  if (fault.reset === n) connection.reset();
  else connection.end();
  return "over";
}

/** A chunk of `chat` and of `completions` at once. */
function tokenFrame(text: Uint8Array): Buffer {
  return Buffer.concat([
    Buffer.from(
      'data: {"id":"mock","object":"chat.completion.chunk","created":0,"model":"mock","choices":[{"index":0,"delta":{"content":"',
    ),
    text,
    Buffer.from('"},"finish_reason":null}]}\n\n'),
  ]);
}

function splitCharacter(output: Output, connection: Connection): { rest: Uint8Array } {
  output.flush();
  const frame = tokenFrame(Buffer.from(SMILE));
  const at = frame.indexOf(SMILE) + 2;
  connection.write(Buffer.concat([Buffer.from(`${frame.length.toString(16)}\r\n`), frame.subarray(0, at)]));
  return { rest: Buffer.concat([frame.subarray(at), Buffer.from("\r\n")]) };
}
