import type { Refusal } from "./message.ts";
import { refuseField } from "./fields.ts";
import { refuse } from "./refuse.ts";

/**
 * RFC 9110 §6.5.1: what says where a message ends, where it goes, who sends it or how it is to be read comes in the head. A server that merges
 * trailers into its headers would act on these after they were decided here.
 */
const FORBIDDEN =
  /^(?:transfer[-_]encoding|content[-_](?:length|encoding|type|range)|host|connection|keep[-_]alive|te|trailer|upgrade|expect|proxy[-_].*|forwarded|x[-_]forwarded[-_].*|x[-_]request[-_]id|authorization|cookie|set-cookie|cache-control|max-forwards)$/i;

/** Checks a whole trailer line, CRLF included (RFC 9112 §7.1.2). */
export function refuseTrailer(line: string): Refusal | undefined {
  const wrong = refuseField(line);
  if (wrong) return wrong.refusal;
  const name = line.slice(0, line.indexOf(":"));
  if (!FORBIDDEN.test(name)) return undefined;
  return refuse(400, "forbidden_trailer", `${name.toLowerCase()} may not be a trailer`).refusal;
}
